"""Every figure the gateway tells about itself, with what it means. Served at /metrics beside the runtime's."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)

CALLS = Counter("tranche_stripe_calls", "Calls to Stripe by what became of each try", ["operation", "outcome"])
CALL_TIME = Histogram("tranche_stripe_call_seconds", "One try of a call to Stripe", ["operation"], buckets=_SECONDS)
HALTED = Gauge("tranche_stripe_halted", "1 while Stripe does not accept our key: nothing is called. Page somebody")
CIRCUIT_OPEN = Gauge("tranche_stripe_circuit_open", "1 while Stripe does not answer: calls wait, one tries")
RATE = Gauge("tranche_stripe_rate_per_second", "How fast calls are made at most; falls after a 429", ["operation"])
OPEN = Gauge("tranche_stripe_open_calls", "Calls of this replica's lanes that have no outcome yet")
OLDEST = Gauge("tranche_stripe_oldest_open_call_seconds", "Age of the oldest call without an outcome, by the clock")
UNKNOWN = Gauge("tranche_stripe_unknown_calls", "Calls whose outcome nobody knows: open items for an operator")
LOOKS = Counter(
    "tranche_stripe_unknown_looks", "Looks behind unknown calls: found, absent or unclear", ["operation", "outcome"]
)
WEBHOOKS = Counter("tranche_stripe_webhooks", "Webhooks by what became of them on arrival", ["endpoint", "outcome"])
HINTS = Counter("tranche_stripe_hints", "Webhooks by what their object, read anew, told", ["type", "outcome"])
UNREAD = Gauge("tranche_stripe_unread_webhooks", "Webhooks of this replica's lanes that wait to be looked into")
MISSED = Counter("tranche_stripe_missed_webhooks", "Events that no webhook brought, found by looking", ["type"])
