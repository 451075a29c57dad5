"""What came from a topic: as it came, as a message, or as what cannot be read."""

from dataclasses import dataclass
from typing import NamedTuple

from schemas.base import IDENTIFIER, MESSAGES, Message
from schemas.envelope import Envelope


class Record(NamedTuple):
    """A Kafka record as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: list[tuple[str, bytes]]
    body: bytes | None


class Delivery(NamedTuple):
    """One readable message on its way to a decision."""

    envelope: Envelope
    key: str
    message: Message
    record: Record | None = None
    """None: it came over HTTP or from the service itself."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no message: it goes to the dead letters, and the partition goes on."""

    record: Record
    reason: str
    envelope: Envelope | None = None
    """Of one whose headers are good and whose body is not: an event among them holds its stream until it is resolved.
    """

    @property
    def stream(self) -> tuple[str, str] | None:
        """Source and key of the stream that misses it; None when it is no event of a stream, or its key is no id."""
        key = as_text(self.record.key)
        if self.envelope is None or version_of(self.envelope) < 1 or IDENTIFIER.fullmatch(key) is None:
            return None
        return self.envelope.source, key


def version_of(envelope: Envelope) -> int:
    """The place in its stream, as far as its type can have one; 0 when it has none."""
    message_class = MESSAGES.get(envelope.type)
    return 0 if message_class is not None and message_class.is_command else envelope.stream_version


def stands_before(record: Record, other: Record) -> bool:
    """Whether both are of one partition and the first came earlier."""
    return record[:2] == other[:2] and record.offset < other.offset


def as_text(value: bytes | None) -> str:
    """Any bytes as text that PostgreSQL takes: what is no UTF-8, and NUL, is shown escaped."""
    return (value or b"").decode(errors="backslashreplace").replace("\0", "\\x00")
