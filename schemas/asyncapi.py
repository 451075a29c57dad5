"""The AsyncAPI 3.0 document of the whole platform: topics, who sends and receives, messages with examples.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0 and the Kafka bindings 0.5.0.
"""

from collections.abc import Iterator
from typing import Any

from schemas.base import MESSAGES, Message
from schemas.catalogue import DEFAULT_PARTITIONS, FOR_EVER, TOPICS, Topic, messages_of
from schemas.fixtures import Example, examples
from schemas.json_schema import described, envelope_schemas, header_schema

_KAFKA_BINDING = "0.5.0"
_DAY_MS = 24 * 60 * 60 * 1000


def document() -> dict[str, Any]:
    """The document, in the order that it is read in."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tranche",
        "info": {
            "title": "Tranche on Kafka",
            "version": "1.0.0",
            "description": "Milestone payments: commands in, facts out. Records are CloudEvents 1.0 in binary mode. "
            f"Every topic has the same number of partitions ({DEFAULT_PARTITIONS}, or TRANCHE_PARTITIONS) and "
            "a record goes to partition crc32(key) modulo that number, librdkafka's default (`consistent`; for "
            "other clients see schemas/README.md), so all messages of a contract keep their order on a topic. "
            "Within a version only optional fields are added to a message.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Apache Kafka 4 (KRaft).",
                "variables": {
                    "bootstrap": {"default": "localhost:9092", "description": "TRANCHE_KAFKA_BOOTSTRAP"},
                },
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(MESSAGES[name]) for name in sorted(MESSAGES)},
            "schemas": envelope_schemas(),
            "correlationIds": {
                "story": {
                    "description": "The id of the first message of the story.",
                    "location": "$message.header#/ce_correlationid",
                }
            },
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    for_ever = topic.retention_ms == FOR_EVER
    kept = "for ever" if for_ever else f"{topic.retention_ms // _DAY_MS} days"
    return {
        "address": topic.name,
        "summary": topic.purpose,
        "description": f"Key: {topic.key}. Records are kept {kept}.",
        "messages": {
            message.type_name: {"$ref": f"#/components/messages/{message.type_name}"}
            for message in sorted(messages_of(topic.name), key=lambda message: message.type_name)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": DEFAULT_PARTITIONS,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "x-key": topic.key,
        "x-producers": list(topic.producers),
        "x-consumers": list(topic.consumers),
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        for action, services in (("send", topic.producers), ("receive", topic.consumers)):
            for service in services:
                plain = service.replace(" ", "_")
                yield (
                    f"{plain}.{action}.{topic.name}",
                    {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{topic.name}"},
                        "summary": f"{service} {action}s on {topic.name}",
                        "tags": [{"name": plain}],
                    },
                )


def _message(message: type[Message]) -> dict[str, Any]:
    return {
        "name": message.type_name,
        "title": message.__name__,
        "summary": described(message),
        "contentType": "application/json",
        "headers": header_schema(message),
        "payload": {"$ref": f"./json/{message.type_name}.json"},
        "correlationId": {"$ref": "#/components/correlationIds/story"},
        "tags": [{"name": "command" if message.is_command else "event"}],
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"`{message.key_field}`"},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        # The first of each; schemas/examples has the rest.
        "examples": [_example(shown) for shown in examples().get(message, ())[:1]],
    }


def _example(shown: Example) -> dict[str, Any]:
    return {
        "name": shown.name or "story",
        "summary": f"Key: {shown.key}",
        "headers": shown.headers,
        "payload": shown.body,
    }
