"""Every figure the auditor tells about itself, with what it means. Served at /metrics."""

from prometheus_client import Counter, Gauge

RECONCILED_AT = Gauge(
    "tranche_reconciled_timestamp_seconds",
    "As of when the last kept reconciliation is, by the platform's clock; older than a day and an hour is an alarm",
)
RECONCILED_AGREES = Gauge(
    "tranche_reconciled_agrees", "1 where the last kept reconciliation left nothing over; 0 is an alarm"
)
DIFFERENCES = Gauge("tranche_reconciled_differences", "What the last kept reconciliation could not explain")
ALARMS = Gauge("tranche_reconciled_alarms", "What it found wrong with the platform's own account at Stripe")
FROZEN = Counter("tranche_reconciliation_frozen_milestones", "Milestones that funding was asked to freeze")
COVER_SHORT = Gauge(
    "tranche_cover_short_minor",
    "What is missing of what is owed, in minor units; negative: what is there beyond it; above 0 is an alarm",
    ["currency"],
)
COVER_LOOKED_AT = Gauge(
    "tranche_cover_looked_timestamp_seconds",
    "When the last look at the cover began, by the platform's clock; minutes old is an alarm",
)
TROUBLES = Counter("tranche_auditor_troubles", "Turns that met trouble and are taken again", ["what"])
