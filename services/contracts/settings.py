"""Settings that only contracts has."""

from pydantic import field_validator

from schemas.money import CURRENCIES, currency_of
from services.runtime.settings import Settings

_SELF_SERVE_REGION = (
    "AT BE BG CA CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK US"
)
"""Where a platform in one of these may pay accounts (https://docs.stripe.com/connect/cross-border-payouts, 2026)."""


class ContractsSettings(Settings):
    """`TRANCHE_PAYOUT_COUNTRIES`: the countries whose trainers may be hired, as ISO codes with spaces between.
    `TRANCHE_SETTLEMENT_CURRENCIES`: what the platform's balance at Stripe is kept in; contracts are made in these."""

    payout_countries: str = _SELF_SERVE_REGION
    settlement_currencies: str = " ".join(sorted(CURRENCIES))

    @field_validator("settlement_currencies")
    @classmethod
    def _known(cls, given: str) -> str:
        for code in given.replace(",", " ").lower().split():
            currency_of(code)
        return given

    @property
    def currencies(self) -> frozenset[str]:
        return frozenset(self.settlement_currencies.replace(",", " ").lower().split())

    @property
    def countries(self) -> frozenset[str]:
        return frozenset(self.payout_countries.replace(",", " ").upper().split())
