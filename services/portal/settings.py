"""Settings that only the front door has."""

from services.portal.upstreams import Upstream
from services.runtime.settings import Settings


class PortalSettings(Settings):
    """`TRANCHE_UPSTREAM_<SERVICE>`: the base URL of each service's HTTP. Empty: there is no such service here."""

    http_port: int = 8000
    upstream_contracts: str = ""
    upstream_funding: str = ""
    upstream_approvals: str = ""
    upstream_payouts: str = ""
    upstream_stripe_gateway: str = ""
    upstream_analytics: str = ""

    def upstreams(self) -> tuple[Upstream, ...]:
        """The services behind this door, in the order that documents name them.

        Raises ValueError naming the settings that are missing.
        """
        found = (
            Upstream("contracts", self.upstream_contracts),
            Upstream("funding", self.upstream_funding),
            Upstream("approvals", self.upstream_approvals),
            Upstream("payouts", self.upstream_payouts),
            Upstream("stripe_gateway", self.upstream_stripe_gateway),
            # Figures are for looking at: no money waits for them.
            Upstream("analytics", self.upstream_analytics, required=False),
        )
        missing = [
            f"TRANCHE_UPSTREAM_{service.name.upper()}" for service in found if service.required and not service.url
        ]
        if missing:
            raise ValueError(f"{', '.join(missing)} not set: the base URL of each service. `tranche up` sets them")
        return tuple(service for service in found if service.url)
