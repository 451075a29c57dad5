"""Counters of the sandbox, in a registry of their own so that several can live in one process."""

from prometheus_client import CollectorRegistry, Counter, generate_latest


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "stripe_sandbox_requests_total", "API requests answered.", ["method", "status"], registry=self.registry
        )
        self.deliveries = Counter(
            "stripe_sandbox_webhook_deliveries_total", "Webhook attempts.", ["outcome"], registry=self.registry
        )

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
