"""Three sides of one charge of 110.00 with a fee of 3.00, all agreeing: tests change one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from schemas.envelope import Envelope
from services.auditor.reconcile import compare
from services.auditor.reconcile.compare import Compared, Topics
from services.auditor.reconcile.own_side import Movement, OwnSide, Saldo, Taken
from services.auditor.reconcile.stripe_side import Account, Balance, Transaction
from services.auditor.topics import Said

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
NET_MINOR = 10_700
OF = {"contract_id": "ctr_1", "milestone_id": "mst_1", "currency": "usd"}
CHARGED = {**OF, "funding_id": "fnd_1", "charge_id": "ch_1", "charge_minor": 11_000, "stripe_fee_minor": 300}
FUNDED = {**OF, "funding_id": "fnd_1", "held_minor": 10_000}


def said(kind: str, body: dict[str, Any], *, version: int = 1, offset: int = 0, key: str = "ctr_1") -> Said:
    """A message of partition 0 of its topic."""
    source = {"stripe": "stripe_gateway"}.get(service := kind.split(".", maxsplit=1)[0], service)
    envelope = Envelope(f"{service}{version}", kind, source, "", NOW, "", "", version, version)
    return Said(f"{service}.events", 0, offset, key, envelope, body)


def movement(net_minor: int = NET_MINOR, cause_id: str = "stripe1", **more: Any) -> Movement:
    return Movement("pst_1", "charge_succeeded", "mst_1", "ctr_1", "usd", cause_id, NOW, net_minor)._replace(**more)


def saldo(account: str, amount_minor: int, kind: str = "charge_succeeded", currency: str = "usd") -> Saldo:
    return Saldo("mst_1", "ctr_1", currency, account, kind, amount_minor)


def transaction(net_minor: int = NET_MINOR, **more: Any) -> Transaction:
    found = Transaction("txn_1", "charge", "charge", "ch_1", net_minor, "usd", NOW, "mst_1", "ctr_1", ("ch_1", "fnd_1"))
    return replace(found, **more)


def taken(offset: int = 99, *parked: tuple[str, int, int]) -> Taken:
    return Taken({("stripe.events", 0): offset}, frozenset(parked))


@dataclass
class Sides:
    """What a look reads."""

    movements: list[Movement] = field(default_factory=lambda: [movement()])
    saldos: list[Saldo] = field(default_factory=lambda: [saldo("held", -10_000)])
    funding: Taken = field(default_factory=taken)
    payouts: Taken = field(default_factory=taken)
    streams: dict[tuple[str, str], int] = field(
        default_factory=lambda: {("funding", "ctr_1"): 1, ("stripe_gateway", "ctr_1"): 1, ("payouts", "ctr_1"): 1}
    )
    under_way: dict[str, str] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    facts: list[Said] = field(
        default_factory=lambda: [
            said("stripe.payment_intent_succeeded.v1", CHARGED),
            said("funding.milestone_funded.v1", FUNDED),
        ]
    )
    transactions: Sequence[Transaction] = field(default_factory=lambda: [transaction()])
    balances: dict[str, Balance] = field(default_factory=lambda: {"usd": Balance(10_700, 0, 0)})

    @property
    def own(self) -> OwnSide:
        taken_by = {"funding": self.funding, "payouts": self.payouts}
        return OwnSide(self.movements, self.saldos, taken_by, self.streams, self.under_way, self.parked)

    @property
    def topics(self) -> Topics:
        return compare.read(self.own, self.facts)

    @property
    def account(self) -> Account:
        return Account(self.transactions, self.balances, "manual")

    def compared(self) -> Compared:
        return compare.compare(self.own, self.topics, self.account)

    def found(self) -> list[tuple[str, str, int, bool]]:
        """Between what, about what, by how much, and whether it is explained."""
        return [(one.between, one.id, one.amount_minor, bool(one.explained)) for one in self.compared().differences]
