"""The envelope: CloudEvents 1.0 in Kafka's binary mode. Attributes are record headers, the body is JSON.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import ValidationError

from schemas.base import MESSAGES, Message

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
_REASON_LENGTH = 600
"""Of what is wrong with a body: enough for several fields, and readable in a list."""

Headers = list[tuple[str, bytes]]


class UnreadableRecordError(ValueError):
    """A record that is no message of this catalogue; the text says why. It goes to the dead letters."""


class Envelope(NamedTuple):
    """Who said it, when, about what, and where it stands in its producer's log and stream."""

    id: str
    type: str
    source: str
    """The producing service, e.g. `funding`."""
    subject: str
    time: datetime
    """When it was decided, UTC."""
    correlation_id: str
    """The id of the first message of this story."""
    causation_id: str
    """The id of the message that this one answers; empty for the first."""
    sequence: int = 0
    """The number in the producer's event log: rises along each partition. 0: not from a log (an outside command)."""
    stream_version: int = 0
    """The version of the stream (producer and key), from 1 without gaps. 0: no stream (a command)."""
    traceparent: str = ""


def write_headers(envelope: Envelope) -> Headers:
    """The record headers of an envelope."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", rfc3339(envelope.time).encode()),
        ("content-type", b"application/json"),
        ("ce_correlationid", envelope.correlation_id.encode()),
    ]
    if envelope.causation_id:
        headers.append(("ce_causationid", envelope.causation_id.encode()))
    if envelope.sequence:
        headers.append(("ce_sequence", b"%d" % envelope.sequence))
    if envelope.stream_version:
        headers.append(("ce_streamversion", b"%d" % envelope.stream_version))
    if envelope.traceparent:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return headers


def read_headers(headers: Headers | None) -> Envelope:
    """The envelope in a record's headers. Raises UnreadableRecordError naming the header that is missing or wrong."""
    found = dict(headers or ())
    try:
        version = found["ce_specversion"].decode()
        identifier = found["ce_id"].decode()
        # In the order of the fields: naming ten of them takes longer than reading the headers' text.
        envelope = Envelope(
            identifier,
            found["ce_type"].decode(),
            found["ce_source"].decode(),
            found.get("ce_subject", b"").decode(),
            datetime.fromisoformat(found["ce_time"].decode()),
            found.get("ce_correlationid", b"").decode() or identifier,
            found.get("ce_causationid", b"").decode(),
            int(found.get("ce_sequence", 0)),
            int(found.get("ce_streamversion", 0)),
            found.get("traceparent", b"").decode(),
        )
    except KeyError as missing:
        raise UnreadableRecordError(
            f"the header {missing.args[0]} is missing: records are CloudEvents 1.0 in Kafka binary mode"
        ) from None
    except (ValueError, AttributeError, TypeError) as error:
        raise UnreadableRecordError(f"a header cannot be read: {error}") from None
    if version != SPEC_VERSION:
        raise UnreadableRecordError(f"the header ce_specversion is {version!r}, not {SPEC_VERSION!r}")
    if envelope.time.tzinfo is None:
        raise UnreadableRecordError("the header ce_time has no offset from UTC")
    if not envelope.id:
        raise UnreadableRecordError("the header ce_id is empty")
    return envelope


def read_body(type_name: str, body: bytes | None) -> Message:
    """The message in a record's body. Raises UnreadableRecordError for an unknown type or a body against its schema."""
    message_class = MESSAGES.get(type_name)
    if message_class is None:
        raise UnreadableRecordError(f"the type {type_name!r} is not in the catalogue (see `tranche topics`)")
    if body is None:
        raise UnreadableRecordError(f"a {type_name} without a body")
    try:
        return message_class.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableRecordError(
            f"the body is no {type_name}: {'; '.join(body_faults(error))[:_REASON_LENGTH]}"
        ) from None


def body_faults(error: ValidationError) -> list[str]:
    """What is wrong with a body, field by field; never what stood there, which may be nobody else's business."""
    return [
        f"{'.'.join(map(str, fault['loc'])) or 'the body'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def rfc3339(moment: datetime) -> str:
    """A moment as `ce_time` has it: RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
