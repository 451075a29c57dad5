"""Settings that only payouts has."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from services.payouts.countries import CountryData, load_countries
from services.payouts.domain import Patience
from services.runtime.settings import Settings


class PayoutsSettings(Settings):
    """`TRANCHE_COUNTRIES_FILE`: a file of payout countries in place of the built-in one.

    `TRANCHE_HELD_PAYOUT_DAYS`: after so many days an operator is asked about a payout that is held.
    `TRANCHE_SHORT_BALANCE_AGAIN_MINUTES`: after so long a transfer that the balance was short for is tried again.
    `TRANCHE_WAIVED_SUSPENSION_HOURS`: for so long an operator's word that lets releases go holds.
    """

    countries_file: Path = Path(__file__).with_name("countries.toml")
    held_payout_days: Annotated[int, Field(ge=1, le=365)] = 30
    short_balance_again_minutes: Annotated[int, Field(ge=1, le=1_440)] = 60
    waived_suspension_hours: Annotated[int, Field(ge=1, le=720)] = 24

    @property
    def waiver(self) -> timedelta:
        return timedelta(hours=self.waived_suspension_hours)

    @property
    def patience(self) -> Patience:
        return Patience(timedelta(days=self.held_payout_days), timedelta(minutes=self.short_balance_again_minutes))

    def country_data(self) -> CountryData:
        """The countries of the file. Raises ValueError when it has none or contradicts itself."""
        return load_countries(self.countries_file)
