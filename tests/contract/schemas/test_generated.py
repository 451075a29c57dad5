"""The committed JSON Schemas and the AsyncAPI document are what the classes say, and hang together."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from schemas import generate
from schemas.catalogue import DEFAULT_PARTITIONS, MESSAGES, TOPICS, messages_of

DOCUMENT = json.loads((generate.HERE / "asyncapi.json").read_text(encoding="utf-8"))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(target := node.get("$ref"), str):
            yield target
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def found(reference: str) -> bool:
    if reference.startswith("./"):
        return (generate.HERE / reference).is_file()
    node = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        if step not in node:
            return False
        node = node[step]
    return True


def test_nothing_drifted() -> None:
    assert generate.drifted() == [], "run python -m schemas.generate"


def test_the_command_says_the_same() -> None:
    assert generate.main(["--check"]) == 0


def test_no_message_breaks_who_relies_on_it() -> None:
    assert generate.refusals() == {}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_says_what_it_is_and_where_it_travels(name: str) -> None:
    schema = json.loads((generate.HERE / "json" / f"{name}.json").read_text(encoding="utf-8"))
    message = MESSAGES[name]

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:tranche:{name}"
    assert (schema["title"], schema["x-type"]) == (message.__name__, name)
    assert (schema["x-topic"], schema["x-key"], schema["x-subject"]) == (
        message.topic,
        message.key_field,
        message.subject_field,
    )
    assert schema["description"]


def test_it_is_an_asyncapi_3_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])


def test_every_reference_leads_somewhere() -> None:
    targets = list(references(DOCUMENT))

    assert len(targets) > len(MESSAGES)
    assert [target for target in targets if not found(target)] == []


@pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
def test_a_channel_is_a_topic(topic: Any) -> None:
    channel = DOCUMENT["channels"][topic.name]
    kafka = channel["bindings"]["kafka"]

    assert channel["address"] == topic.name
    assert channel["summary"] == topic.purpose
    assert channel["x-key"] == topic.key
    assert kafka["partitions"] == DEFAULT_PARTITIONS
    assert kafka["topicConfiguration"]["retention.ms"] == topic.retention_ms
    assert set(channel["messages"]) == {message.type_name for message in messages_of(topic.name)}


def test_there_is_no_channel_beside_the_topics() -> None:
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
def test_who_sends_and_who_receives(topic: Any) -> None:
    here = [
        operation
        for operation in DOCUMENT["operations"].values()
        if operation["channel"]["$ref"] == f"#/channels/{topic.name}"
    ]

    def services(action: str) -> list[str]:
        return [operation["tags"][0]["name"] for operation in here if operation["action"] == action]

    assert services("send") == [name.replace(" ", "_") for name in topic.producers]
    assert services("receive") == [name.replace(" ", "_") for name in topic.consumers]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_shows_its_payload_and_an_example(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]

    assert message["payload"] == {"$ref": f"./json/{name}.json"}
    assert message["examples"][0]["headers"]["ce_type"] == name


def test_there_is_no_message_beside_the_catalogue() -> None:
    assert set(DOCUMENT["components"]["messages"]) == set(MESSAGES)


@pytest.mark.parametrize("header", ["ce_streamversion", "ce_sequence", "ce_causationid", "ce_correlationid"])
def test_our_own_headers_are_described(header: str) -> None:
    assert DOCUMENT["components"]["schemas"]["Headers"]["properties"][header]["description"]


def test_nothing_says_how_this_machine_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is the platform's: the same wherever it is generated."""
    monkeypatch.setattr("schemas.catalogue.PARTITIONS", 3)

    assert generate.drifted() == []
