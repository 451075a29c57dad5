"""Settings that only contracts has."""

from services.runtime.settings import Settings

_SELF_SERVE_REGION = (
    "AT BE BG CA CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK US"
)
"""Where a platform in one of these may pay accounts (https://docs.stripe.com/connect/cross-border-payouts, 2026)."""


class ContractsSettings(Settings):
    """`TRANCHE_PAYOUT_COUNTRIES`: the countries whose trainers may be hired, as ISO codes with spaces between."""

    payout_countries: str = _SELF_SERVE_REGION

    @property
    def countries(self) -> frozenset[str]:
        return frozenset(self.payout_countries.replace(",", " ").upper().split())
