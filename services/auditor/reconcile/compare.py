"""The comparison itself: one look at three sides. Pure: what was read in, what was found out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.auditor.reconcile.facts import PAYOUT_FACTS, STRIPE_FACTS, Books, Told
from services.auditor.reconcile.findings import Difference, Own, Sums, show
from services.auditor.reconcile.milestones import Milestones
from services.auditor.reconcile.own_side import Movement, OwnSide, Stream
from services.auditor.reconcile.stripe_side import Account, Transaction
from services.auditor.topics import Said

_IDS = ("milestone_id", "funding_id", "payout_id", "refund_id", "payment_intent_id", "charge_id")
"""By which of a fact's fields the gateway may know what it has under way."""

Place = tuple[str, str]
"""An object at Stripe and a currency."""


@dataclass
class Topics:
    """What the topics say, as far as each service took it."""

    told: Books = field(default_factory=Books)
    """All that the gateway told."""
    booked: Books = field(default_factory=Books)
    """Of it, what funding took."""
    known_to_payouts: Books = field(default_factory=Books)
    said_by_payouts: Books = field(default_factory=Books)
    object_of: dict[str, str] = field(default_factory=dict)
    """By a fact's id."""
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By object: every id of ours for it."""
    waiting: dict[str, str] = field(default_factory=dict)
    """By object: a fact that funding did not come to yet."""
    parked: dict[str, str] = field(default_factory=dict)
    """By object: a fact that funding could not handle. No excuse: somebody must look."""
    days: dict[str, date] = field(default_factory=dict)
    """By object: when its latest fact was said."""
    seen: dict[Stream, int] = field(default_factory=dict)
    """The last version of each stream on the topics."""
    milestones: Milestones = field(default_factory=Milestones)
    bank_payouts: dict[str, Said] = field(default_factory=dict)
    """The last word of each."""


@dataclass(frozen=True)
class Compared:
    """What one look found."""

    differences: Sequence[Difference]
    sums: Sequence[Sums]
    own: Sequence[Own]
    objects: int
    milestones: int
    on_its_way: int


def read(own: OwnSide, said: Iterable[Said]) -> Topics:
    """Sort what the topics say by whom it has reached."""
    topics = Topics()
    for line in said:
        stream = (line.envelope.source, line.key)
        topics.seen[stream] = max(topics.seen.get(stream, 0), line.envelope.stream_version)
        kind = line.envelope.type
        if kind in STRIPE_FACTS:
            _take_stripe_fact(topics, own, line, STRIPE_FACTS[kind](line.body))
        elif kind in PAYOUT_FACTS:
            if line.envelope.stream_version <= own.streams.get(stream, 0):
                topics.said_by_payouts.take(PAYOUT_FACTS[kind](line.body))
        elif line.topic == "funding.events":
            if line.envelope.stream_version <= own.streams.get(stream, 0):
                topics.milestones.take(kind, line.body)
        elif kind == "stripe.bank_payout_changed.v1":
            topics.bank_payouts[line.body["stripe_payout_id"]] = line
    return topics


def _take_stripe_fact(topics: Topics, own: OwnSide, line: Said, told: Told) -> None:
    topics.told.take(told)
    topics.object_of[line.envelope.id] = told.object_id
    topics.days[told.object_id] = line.envelope.time.date()
    topics.names[told.object_id] |= {str(line.body[name]) for name in _IDS if line.body.get(name)}
    funding = own.taken["funding"]
    if funding.has(line):
        topics.booked.take(told)
    else:
        where = f"{line.topic}[{line.partition}]@{line.offset} ({line.envelope.type})"
        if line.place in funding.parked:
            topics.parked[told.object_id] = f"{where} waits in the dead letters of funding"
        else:
            topics.waiting[told.object_id] = f"{where} is not taken yet by funding"
    if own.taken["payouts"].has(line):
        topics.known_to_payouts.take(told)


def compare(own: OwnSide, topics: Topics, account: Account) -> Compared:
    """One look: everything that does not agree, explained or not."""
    of_milestones = [moved for moved in account.transactions if moved.kind != "platform"]
    at_stripe = _sum((moved.object_id, moved.currency, moved.net_minor) for moved in of_milestones)
    ledger = _sum((_object(topics, moved), moved.currency, moved.net_minor) for moved in own.movements)
    owners = _Owners(own.movements, topics, of_milestones)
    told, booked = topics.told.totals(), topics.booked.totals()
    differences: list[Difference] = []
    for place in sorted({*at_stripe, *ledger, *told}):
        sides = _Sides(*(side.get(place, 0) for side in (at_stripe, told, booked, ledger)))
        differences.extend(_of_object(own, topics, owners, place, sides))
    differences.extend(_transfers(own, topics))
    held, compared, on_its_way = topics.milestones.compare(own, topics.seen)
    differences.extend(held)
    return Compared(
        differences,
        _by_day(of_milestones, at_stripe, ledger, told, owners),
        _own(account.transactions),
        len({*at_stripe, *ledger, *told}),
        compared,
        on_its_way,
    )


@dataclass(frozen=True)
class _Sides:
    stripe_minor: int
    told_minor: int
    booked_minor: int
    ledger_minor: int


class _Owners:
    """Whose each object is, and what it is."""

    def __init__(self, movements: Iterable[Movement], topics: Topics, transactions: Iterable[Transaction]) -> None:
        self._of: dict[str, tuple[str, str, str]] = {}
        self.names: dict[str, set[str]] = defaultdict(set)
        self.days: dict[str, date] = dict(topics.days)
        for told in topics.told.parts():
            self._of[told.object_id] = (told.kind, told.milestone_id, told.contract_id)
            self.names[told.object_id] |= topics.names[told.object_id]
        for moved in movements:
            thing = _object(topics, moved)
            self._of.setdefault(thing, (moved.kind, moved.milestone_id, moved.contract_id))
            self.days[thing] = moved.posted_at.date()
        for found in sorted(transactions, key=lambda transaction: transaction.at):
            self._of.setdefault(found.object_id, (found.kind, found.milestone_id, found.contract_id))
            self.names[found.object_id] |= set(found.names)
            self.days[found.object_id] = found.at.date()

    def of(self, object_id: str) -> tuple[str, str, str]:
        """What it is, its milestone and its contract; empty where nobody knows. A refund or dispute that was never
        told belongs to its charge's milestone."""
        what, milestone_id, contract_id = self._of.get(object_id, ("object", "", ""))
        for name in () if milestone_id else sorted(self.names[object_id]):
            _, milestone_id, contract_id = self._of.get(name, ("", "", ""))
            if milestone_id:
                break
        return what, milestone_id, contract_id


def _of_object(own: OwnSide, topics: Topics, owners: _Owners, place: Place, sides: _Sides) -> Iterable[Difference]:
    object_id, currency = place
    what, milestone_id, contract_id = owners.of(object_id)

    def found(between: str, amount_minor: int, says: str, explained: str) -> Difference:
        return Difference(between, what, object_id, milestone_id, contract_id, currency, amount_minor, says, explained)

    if at_stripe := sides.stripe_minor - sides.told_minor:
        says = f"Stripe has {show(sides.stripe_minor, currency)}, told was {show(sides.told_minor, currency)}"
        ahead = own.streams.get(("stripe_gateway", contract_id), 0) - topics.seen.get(
            ("stripe_gateway", contract_id), 0
        )
        names = {object_id, *owners.names[object_id]}
        explained = next((own.under_way[name] for name in sorted(names) if name in own.under_way), "")
        hint = next((f"; {own.parked[name]}" for name in sorted(names) if name in own.parked), "")
        if not explained and ahead > 0:
            explained = f"the gateway has {ahead} facts about {contract_id} that are not on the topic yet"
        yield found("Stripe and topics", at_stripe, says + hint, explained)
    if waits := sides.told_minor - sides.booked_minor:
        says = f"told was {show(sides.told_minor, currency)}, funding took {show(sides.booked_minor, currency)}"
        parked = topics.parked.get(object_id, "")
        explained = "" if parked else topics.waiting.get(object_id, "")
        yield found("topics and ledger", waits, f"{says}; {parked}" if parked else says, explained)
    if in_books := sides.booked_minor - sides.ledger_minor:
        says = (
            f"the facts that funding took say {show(sides.booked_minor, currency)}, its ledger has "
            f"{show(sides.ledger_minor, currency)}"
        )
        yield found("facts and ledger", in_books, says, "")


def _transfers(own: OwnSide, topics: Topics) -> Iterable[Difference]:
    """What payouts says of transfers against what it was told of them."""
    known, said = topics.known_to_payouts.totals(), topics.said_by_payouts.totals()
    whose = {told.object_id: told for told in (*topics.told.parts(), *topics.said_by_payouts.parts())}
    for place in sorted({*known, *said}):
        object_id, currency = place
        told = whose[object_id]
        difference = known.get(place, 0) - said.get(place, 0)
        stream = ("payouts", told.contract_id)
        if told.kind != "transfer" or not difference:
            continue
        behind = own.streams.get(stream, 0) - topics.seen.get(stream, 0)
        yield Difference(
            "topics and payouts", "transfer", object_id, told.milestone_id, told.contract_id, currency, difference,
            f"payouts was told {show(known.get(place, 0), currency)} and says {show(said.get(place, 0), currency)}",
            f"payouts has {behind} facts about {told.contract_id} that are not on the topic yet" if behind > 0 else "",
        )  # fmt: skip


def _object(topics: Topics, moved: Movement) -> str:
    """The object at Stripe that a posting is about; where its cause is on no topic, the posting itself."""
    return topics.object_of.get(moved.cause_id, moved.posting_id)


def _sum(rows: Iterable[tuple[str, str, int]]) -> dict[Place, int]:
    sums: dict[Place, int] = defaultdict(int)
    for object_id, currency, amount_minor in rows:
        sums[object_id, currency] += amount_minor
    return sums


def _by_day(
    transactions: Iterable[Transaction],
    at_stripe: Mapping[Place, int],
    ledger: Mapping[Place, int],
    told: Mapping[Place, int],
    owners: _Owners,
) -> list[Sums]:
    """Each currency and UTC day. The day is Stripe's: an answer may be booked after midnight. What the ledger or the
    topics have otherwise than Stripe stands on the day of the object's last movement."""
    sums: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for moved in transactions:
        for side in range(3):
            sums[moved.at.date(), moved.currency][side] += moved.net_minor
    for side, totals in ((1, ledger), (2, told)):
        for place in {*at_stripe, *totals}:
            difference = totals.get(place, 0) - at_stripe.get(place, 0)
            day = owners.days[place[0]]
            if difference:
                sums[day, place[1]][side] += difference
    return [Sums(day, currency, *sides) for (day, currency), sides in sorted(sums.items())]


def _own(transactions: Iterable[Transaction]) -> list[Own]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for moved in transactions:
        if moved.kind == "platform":
            entry = sums[moved.type, moved.currency]
            entry[0] += 1
            entry[1] += moved.net_minor
    return [Own(kind, currency, count, amount) for (kind, currency), (count, amount) in sorted(sums.items())]
