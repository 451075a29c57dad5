"""The JSON Schema (2020-12) of a message's body and of its record headers."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.base import Message
from schemas.envelope import CONTENT_TYPE, SPEC_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

JsonSchema = dict[str, Any]

_IDENTIFIER = {"type": "string", "minLength": 1}
_NUMBER = {"type": "string", "pattern": "^[1-9][0-9]*$"}


class _Plain(GenerateJsonSchema):
    """Without a title on each field: it only repeats the name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def body_schema(message: type[Message]) -> JsonSchema:
    """What a record's body of this type may be; `x-` members say where it travels and under which key."""
    schema = message.model_json_schema(schema_generator=_Plain)
    head = {
        "$schema": DIALECT,
        "$id": f"urn:tranche:{message.type_name}",
        "title": message.__name__,
        "description": described(message),
        "x-type": message.type_name,
        "x-kind": "command" if message.is_command else "event",
        "x-topic": message.topic,
        "x-key": message.key_field,
        "x-subject": message.subject_field,
    }
    return {**head, **{name: part for name, part in schema.items() if name not in head}}


def header_schema(message: type[Message]) -> JsonSchema:
    """The record headers of this type. On the wire each value is the UTF-8 of the string described here."""
    name = "EventHeaders" if message.versioned else "Headers"
    return {
        "allOf": [
            {"$ref": f"#/components/schemas/{name}"},
            {"type": "object", "properties": {"ce_type": {"const": message.type_name}}},
        ]
    }


def envelope_schemas() -> dict[str, JsonSchema]:
    """The CloudEvents envelope: `Headers` of every record, and `EventHeaders` with what every fact has beside."""
    return {
        "Headers": {
            "title": "Record headers",
            "description": "CloudEvents 1.0 in Kafka's binary mode: attributes are headers, the body is JSON.",
            "type": "object",
            "properties": {
                "ce_specversion": {"const": SPEC_VERSION, "description": "The version of CloudEvents."},
                "ce_id": {**_IDENTIFIER, "description": "The id of this message; the same id is the same message."},
                "ce_type": {
                    "type": "string",
                    "pattern": r"^[a-z_]+\.[a-z_]+\.v[1-9][0-9]*$",
                    "description": "The type name with its version.",
                },
                "ce_source": {**_IDENTIFIER, "description": "The service that says it."},
                "ce_subject": {"type": "string", "description": "The id of what it is about."},
                "ce_time": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When it was decided: RFC 3339, UTC.",
                },
                "content-type": {"const": CONTENT_TYPE, "description": "Of the body."},
                "ce_correlationid": {
                    **_IDENTIFIER,
                    "description": "The id of the first message of this story. Absent: this is the first.",
                },
                "ce_causationid": {
                    **_IDENTIFIER,
                    "description": "The id of the message that this one answers. Absent: it answers none.",
                },
                "ce_sequence": {
                    **_NUMBER,
                    "description": "The number in the producer's event log; rises along each partition. "
                    "Absent: not from a log (a command of an outside service).",
                },
                "ce_streamversion": {
                    **_NUMBER,
                    "description": "The version of the stream (producer and key), from 1 without gaps: "
                    "drop what you have, stop at a gap.",
                },
                "traceparent": {"type": "string", "description": "W3C Trace Context."},
            },
            "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
        },
        "EventHeaders": {
            "title": "Record headers of a fact",
            "allOf": [
                {"$ref": "#/components/schemas/Headers"},
                {
                    "type": "object",
                    "required": ["ce_subject", "ce_correlationid", "ce_sequence", "ce_streamversion"],
                },
            ],
        },
    }


def described(message: type[Message]) -> str:
    """A message's docstring as plain lines."""
    return " ".join((message.__doc__ or "").split())
