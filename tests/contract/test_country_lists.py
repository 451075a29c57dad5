"""Two services decide by the countries that can be paid, each by its own data: they must say the same."""

from pathlib import Path

import services.payouts
from services.contracts.settings import ContractsSettings
from services.payouts.countries import load_countries


def test_who_may_be_hired_can_be_paid_and_the_other_way_round() -> None:
    assert services.payouts.__file__ is not None
    paid = load_countries(Path(services.payouts.__file__).parent / "countries.toml").countries
    assert ContractsSettings(
        payout_countries=ContractsSettings.model_fields["payout_countries"].default
    ).countries == set(paid)
