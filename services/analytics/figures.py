"""From a fact to what it adds to the figures of its minute. Pure: no I/O, no clock.

A figure is never counted up by itself. It is the sum of parts, and each part holds, in one value, what one partition
of one topic has added to it *and* the `ce_sequence` of the last fact that it holds. A fact at or below that number is
in the part already; so it may come again as often as it likes.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import AwareDatetime, ConfigDict

from schemas import funding
from schemas.base import Message
from schemas.catalogue import topic_named
from schemas.described import Described
from schemas.envelope import Headers, UnreadableRecordError, read_body, read_headers

TOPICS = ("contracts.events", "funding.events", "approvals.events", "payouts.events", "stripe.events")
"""All that analytics reads: every topic of facts."""
FIGURES_TOPIC = "analytics.figures"
FIGURE_TYPE = "analytics.figure.v1"


class Sums(NamedTuple):
    """What came together, in minor units of one currency."""

    funded_minor: int = 0
    """Charged for work; the fees are beside it."""
    released_minor: int = 0
    refunded_minor: int = 0
    """Given back to employers, or owed to them."""
    charged_back_minor: int = 0
    """Taken back by employers' banks."""
    fees_minor: int = 0
    """The platform's own: marketplace and initiation. Stripe's fee is not in it."""
    declines: int = 0
    """Charges that the bank declined, that nobody authenticated in time, or that Stripe refused."""

    @property
    def held_minor(self) -> int:
        """What is left of the funded money; of a single minute, by how much that changed."""
        return self.funded_minor - self.released_minor - self.refunded_minor - self.charged_back_minor

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: "Sums") -> "Sums":
        return Sums(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Sums()


class Window(NamedTuple):
    """One minute in one currency."""

    minute: str
    """Its first moment, RFC 3339 in UTC: as text it sorts as time does."""
    currency: str

    @property
    def key(self) -> str:
        """The key of its records on `analytics.figures`."""
        return f"{self.minute}|{self.currency}"


class Place(NamedTuple):
    """Which part of which figure: the key of the table."""

    topic: str
    partition: int
    window: Window

    def write(self) -> str:
        """`funding.events/7|2026-03-01T10:05:00Z|usd`"""
        return f"{self.topic}/{self.partition}|{self.window.key}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """What `write` wrote."""
        source, minute, currency = text.split("|")
        topic, _, partition = source.rpartition("/")
        return cls(topic, int(partition), Window(minute, currency))


class Part(NamedTuple):
    """The value of the table: sums and the mark of what is in them, which are written together or not at all."""

    sequence: int
    """`ce_sequence` of the last fact in the sums."""
    sums: Sums

    def write(self) -> dict[str, int]:
        """As the changelog holds it."""
        return {"sequence": self.sequence, **self.sums._asdict()}

    @classmethod
    def read(cls, value: Mapping[str, int]) -> "Part":
        """What `write` wrote; a sum that a later version adds is zero in older records."""
        return cls(value["sequence"], Sums(**{name: value.get(name, 0) for name in Sums._fields}))


EMPTY = Part(0, NOTHING)


def newer(one: Part, other: Part) -> Part:
    """The one of two states of the same part that holds more: whoever wrote it and in whatever order they are read."""
    return other if other.sequence > one.sequence else one


class Contribution(NamedTuple):
    """What one fact adds to the figures."""

    window: Window
    sequence: int
    sums: Sums

    def added_to(self, part: Part) -> Part | None:
        """The part with this in it; None when it is in it already."""
        if self.sequence <= part.sequence:
            return None
        return Part(self.sequence, part.sums.plus(self.sums))


def _funded(fact: funding.MilestoneFunded) -> tuple[str, Sums]:
    fees_minor = fact.marketplace_fee_minor + fact.initiation_fee_minor
    return fact.currency, Sums(funded_minor=fact.held_minor, fees_minor=fees_minor)


def _released(fact: funding.FundsReleased) -> tuple[str, Sums]:
    return fact.currency, Sums(released_minor=fact.amount_minor)


def _failed(fact: funding.FundingFailed) -> tuple[str, Sums] | None:
    # Attempt 0 ended before there was a charge: no payment method, for instance. Nobody declined anything.
    return (fact.currency, Sums(declines=1)) if fact.attempt > 0 else None


def _moved(fact: funding.FundsMoved) -> tuple[str, Sums]:
    gone_minor = fact.released_change_minor + fact.refunded_change_minor + fact.charged_back_change_minor
    return fact.currency, Sums(
        funded_minor=fact.held_change_minor + gone_minor,
        released_minor=fact.released_change_minor,
        refunded_minor=fact.refunded_change_minor,
        charged_back_minor=fact.charged_back_change_minor,
        fees_minor=fact.fees_change_minor,
    )


# Money is counted from the ledger's own facts alone. What Stripe and payouts tell of the same money would count it
# twice, and so would what funding tells people about it (`milestone_refunded` and the like).
_COUNTED: dict[str, Callable[[Any], tuple[str, Sums] | None]] = {
    funding.MilestoneFunded.type_name: _funded,
    funding.FundsReleased.type_name: _released,
    funding.FundingFailed.type_name: _failed,
    funding.FundsMoved.type_name: _moved,
}


def read(topic: str, headers: Headers | None, body: bytes | None) -> Contribution | None:
    """What a record adds to the figures; None when it adds nothing.

    Raises UnreadableRecordError for what is no fact of that topic's producer, or cannot be told from its repetition.
    """
    envelope = read_headers(headers)
    if envelope.source not in topic_named(topic).producers:
        raise UnreadableRecordError(f"{envelope.source!r} does not publish on {topic}")
    count = _COUNTED.get(envelope.type)
    if count is None:
        return None
    message: Message = read_body(envelope.type, body)
    if message.topic != topic:
        raise UnreadableRecordError(f"a {envelope.type} does not belong on {topic}")
    if envelope.sequence <= 0:
        raise UnreadableRecordError("without ce_sequence it cannot be told from its own repetition")
    counted = count(message)
    if counted is None:
        return None
    currency, sums = counted
    return Contribution(Window(minute_of(envelope.time), currency), envelope.sequence, sums)


def minute_of(moment: datetime) -> str:
    """The first moment of the minute, RFC 3339 in UTC. Raises UnreadableRecordError outside the years 1 to 9999."""
    try:
        start = moment.astimezone(UTC).replace(second=0, microsecond=0)
    except OverflowError:
        raise UnreadableRecordError(f"the header ce_time is outside all calendars: {moment.isoformat()}") from None
    return start.isoformat().replace("+00:00", "Z")


class Figure(Described):
    """One minute in one currency: a record's body on `analytics.figures`, and a line over HTTP. Minor units."""

    model_config = ConfigDict(frozen=True)

    minute: AwareDatetime
    """The minute's first moment, by the time at which the facts were decided."""
    currency: str
    funded_minor: int
    """Charged for work, without fees."""
    held_change_minor: int
    """By how much the held money changed: funded - released - refunded - charged back."""
    released_minor: int
    refunded_minor: int
    charged_back_minor: int
    fees_minor: int
    """The platform's own fees."""
    declines: int
    """Charges that failed."""


class Total(Described):
    """All minutes together, in one currency. Minor units."""

    model_config = ConfigDict(frozen=True)

    currency: str
    funded_minor: int
    held_minor: int
    """What is held now: funded - released - refunded - charged back."""
    released_minor: int
    refunded_minor: int
    charged_back_minor: int
    fees_minor: int
    declines: int


def figure_of(window: Window, sums: Sums) -> Figure:
    """A window's figure as it is shown and published."""
    return Figure(
        minute=datetime.fromisoformat(window.minute),
        currency=window.currency,
        held_change_minor=sums.held_minor,
        **sums._asdict(),
    )


def total_of(currency: str, sums: Sums) -> Total:
    """A currency's total as it is shown."""
    return Total(currency=currency, held_minor=sums.held_minor, **sums._asdict())
