"""What the watch over the cover reads: sums of our databases, a row or two of the gateway's and of payouts', Stripe."""

from collections.abc import Mapping
from typing import Any, Protocol

import psycopg

from services.auditor.audit import AuditError, connect
from services.auditor.covering.verdict import Look, Standing
from services.auditor.reconcile.cover import covers
from services.auditor.reconcile.own_side import Saldo
from services.auditor.reconcile.stripe_side import StripeSide

Glance = tuple[Any, ...]


class Sides(Protocol):
    """Where the watch looks."""

    def glance(self) -> Glance:
        """What the gateway last told of the platform's account: another glance is a reason to look. Cheap."""
        ...

    def look(self) -> Look:
        """What is owed and what is there."""
        ...

    def standing(self) -> Mapping[str, Standing]:
        """What payouts does about each currency."""
        ...


class LiveSides:
    """On the live databases and at Stripe. Raises AuditError and StripeUnreadableError."""

    def __init__(self, urls: Mapping[str, str], stripe: StripeSide) -> None:
        self._urls = urls
        self._stripe = stripe

    def glance(self) -> Glance:
        """See Sides."""
        return tuple(self._rows("stripe_gateway", _GLANCE))

    def look(self) -> Look:
        """See Sides. Our ledger first, then what the gateway told, then Stripe: what is on an earlier side must be on a
        later one, and what was told and is not booked yet is in flight."""
        saldos = [Saldo("", "", *row) for row in self._rows("funding", _SALDOS)]
        booked = {one.currency: -one.amount_minor for one in saldos if (one.account, one.kind) == _LEFT}
        told = dict(self._rows("stripe_gateway", _TRANSFERRED))
        in_flight = {currency: min(0, booked.get(currency, 0) - minor) for currency, minor in told.items()}
        funds = self._stripe.funds()
        return Look(covers(saldos, funds.balances, in_flight), funds.payout_interval)

    def standing(self) -> dict[str, Standing]:
        """See Sides."""
        return {currency: Standing(*row) for currency, *row in self._rows("payouts", _STANDING)}

    def _rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        try:
            with connect(service, self._urls[service]) as database:
                return database.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise AuditError(f"the database of {service} cannot be read: {str(error).splitlines()[0]}") from error


_SALDOS = (
    "SELECT currency, account, kind, sum(amount_minor)::bigint FROM ledger_entries GROUP BY currency, account, kind"
)
_LEFT = ("stripe_balance", "transfer_made")
"""Account and kind of what the ledger knows to have left for trainers."""
_TRANSFERRED = "SELECT currency, sum(amount_minor)::bigint FROM transfers WHERE state = 'created' GROUP BY currency"
_GLANCE = (
    "SELECT currency, available_minor::text, pending_minor::text, reserved_minor::text FROM balances "
    "UNION ALL SELECT alarm_id, state, '', '' FROM alarms ORDER BY 1, 2, 3, 4"
)
_STANDING = "SELECT currency, state, cause, waived_until FROM suspensions"
