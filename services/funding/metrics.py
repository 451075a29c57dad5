"""What only funding counts."""

from prometheus_client import Counter

VOIDED_CHARGES = Counter(
    "tranche_funding_voided_charges_total",
    "Charges that succeeded, must not stand and went back whole, by cause",
    ["cause"],
)
