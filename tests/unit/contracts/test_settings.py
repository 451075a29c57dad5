"""What contracts is told from outside."""

import pytest
from pydantic import ValidationError

from schemas.money import CURRENCIES
from services.contracts.settings import ContractsSettings

SECRET = "a-secret-for-tests-of-at-least-32-bytes"


def test_from_the_start_every_currency_that_is_known_is_settled() -> None:
    assert ContractsSettings(auth_secret=SECRET).currencies == frozenset(CURRENCIES)


@pytest.mark.parametrize("given", ["usd eur", "USD, EUR", " eur  usd "])
def test_settlement_currencies_are_a_list_of_codes(given: str) -> None:
    settings = ContractsSettings(auth_secret=SECRET, settlement_currencies=given)
    assert settings.currencies == {"usd", "eur"}


def test_a_currency_that_nobody_knows_stops_the_service_at_its_start() -> None:
    with pytest.raises(ValidationError, match="xyz"):
        ContractsSettings(auth_secret=SECRET, settlement_currencies="usd xyz")
