"""The topic catalogue is whole: every message has its topic, every topic its owner, all are alike."""

from collections import Counter

import pytest

from schemas.base import Message
from schemas.catalogue import DEFAULT_PARTITIONS, FOR_EVER, MESSAGES, TOPICS, Topic, messages_of, topic_named

SERVICES = {"contracts", "funding", "approvals", "payouts", "stripe_gateway", "analytics", "notifications", "portal"}
OUTSIDERS = {"internal services", "operators", "analysts"}

PROMISED = {
    "contracts.commands", "contracts.events", "funding.commands", "funding.events", "approvals.commands",
    "approvals.events", "payouts.commands", "payouts.events", "stripe.commands", "stripe.events",
    "contracts.dlq", "funding.dlq", "approvals.dlq", "payouts.dlq", "stripe_gateway.dlq",
}  # fmt: skip
"""The names that others rely on."""

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
each_message = pytest.mark.parametrize("message", MESSAGES.values(), ids=list(MESSAGES))


def owner(topic: Topic) -> str:
    service = topic.name.split(".")[0]
    return "stripe_gateway" if service == "stripe" else service


def test_every_promised_topic_is_there() -> None:
    assert PROMISED - {topic.name for topic in TOPICS} == set()


def test_no_topic_is_named_twice() -> None:
    assert [name for name, times in Counter(topic.name for topic in TOPICS).items() if times > 1] == []


def test_an_unknown_topic_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"funding\.event"):
        topic_named("funding.event")


@each_message
def test_a_message_is_on_a_topic_of_the_catalogue(message: type[Message]) -> None:
    assert message in messages_of(topic_named(message.topic).name)


@each_message
def test_commands_are_on_command_topics_and_facts_are_not(message: type[Message]) -> None:
    assert message.is_command == message.topic.endswith(".commands")


@each_message
def test_a_type_name_begins_with_its_topic(message: type[Message]) -> None:
    assert message.type_name.split(".")[0] == message.topic.split(".")[0]


@each_message
def test_a_message_has_its_key_and_its_subject(message: type[Message]) -> None:
    fields = message.model_fields

    assert fields[message.key_field].is_required()
    assert fields[message.subject_field].is_required()


@each_message
def test_a_message_of_a_contract_travels_under_the_contract(message: type[Message]) -> None:
    """So that all messages of a contract keep their order."""
    if "contract_id" in message.model_fields:
        assert message.key_field == "contract_id"


@each_message
def test_a_message_says_what_it_means(message: type[Message]) -> None:
    assert message.__doc__
    assert message.__doc__ != message.__base__.__doc__  # not what its base says


@each_message
def test_money_is_in_minor_units_and_beside_its_currency(message: type[Message]) -> None:
    fields = message.model_fields
    money = [name for name in fields if name.endswith("_minor")]

    assert not money or "currency" in fields
    assert not [name for name in fields if "amount" in name and not name.endswith("_minor")]


@pytest.mark.parametrize("topic", sorted(PROMISED))
def test_a_promised_topic_carries_messages(topic: str) -> None:
    assert messages_of(topic)


@each_topic
def test_producers_and_consumers_are_known(topic: Topic) -> None:
    assert {*topic.producers, *topic.consumers} - SERVICES - OUTSIDERS == set()
    assert topic.producers
    assert topic.consumers


@each_topic
def test_a_fact_has_one_writer(topic: Topic) -> None:
    if not topic.name.endswith(".commands"):
        assert topic.producers == (owner(topic),)


@each_topic
def test_a_wish_has_one_reader(topic: Topic) -> None:
    if topic.name.endswith(".commands"):
        assert topic.consumers == (owner(topic),)


@each_topic
def test_every_topic_has_the_same_number_of_partitions(topic: Topic) -> None:
    """Else one contract's messages would not meet in one lane."""
    assert topic.partitions == TOPICS[0].partitions > 0


def test_the_number_of_partitions_by_default() -> None:
    assert DEFAULT_PARTITIONS == 12


@each_topic
def test_facts_are_kept_for_ever_and_wishes_as_long_as_anyone_may_replay_them(topic: Topic) -> None:
    week_ms = 7 * 24 * 60 * 60 * 1000

    assert topic.retention_ms == FOR_EVER or (topic.name.endswith(".commands") and topic.retention_ms >= week_ms)


@each_topic
def test_a_topic_says_what_it_is_for(topic: Topic) -> None:
    assert topic.purpose
    assert topic.key
