"""Every message has an example, and every example is what producer and consumer agreed on."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from schemas.base import Message
from schemas.catalogue import MESSAGES
from schemas.envelope import read_body, read_headers, write_headers
from schemas.fixtures import FOLDER, Example, ExampleError, example, examples, read_example

COMMITTED = FOLDER.parent / "json"
ASYNCAPI = json.loads((FOLDER.parent / "asyncapi.json").read_text(encoding="utf-8"))
ALL = [shown for of_type in examples().values() for shown in of_type]

each_message = pytest.mark.parametrize("message", MESSAGES.values(), ids=list(MESSAGES))
NAMES = [f"{shown.type_name}.{shown.name}".rstrip(".") for shown in ALL]
each_example = pytest.mark.parametrize("shown", ALL, ids=NAMES)


def validator_of(type_name: str) -> Draft202012Validator:
    """Of the committed schema, as another service reads it."""
    schema = json.loads((COMMITTED / f"{type_name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def header_validator_of(type_name: str) -> Draft202012Validator:
    document = DRAFT202012.create_resource(ASYNCAPI)
    schema = {"$ref": f"asyncapi.json#/components/messages/{type_name}/headers"}
    return Draft202012Validator(schema, registry=Registry().with_resource("asyncapi.json", document))


@each_message
def test_a_message_has_an_example(message: type[Message]) -> None:
    assert examples().get(message), f"add schemas/examples/{message.type_name}.json (see schemas/README.md)"


@each_message
def test_the_first_example_is_called_after_its_type(message: type[Message]) -> None:
    assert example(message.type_name).name == ""


@each_example
def test_the_class_takes_it(shown: Example) -> None:
    assert isinstance(shown.message, MESSAGES[shown.type_name])


@each_example
def test_the_committed_json_schema_takes_it(shown: Example) -> None:
    assert [error.message for error in validator_of(shown.type_name).iter_errors(shown.body)] == []


@each_example
def test_the_schema_of_its_headers_takes_them(shown: Example) -> None:
    assert [error.message for error in header_validator_of(shown.type_name).iter_errors(shown.headers)] == []


@each_example
def test_its_headers_come_back_from_the_envelope(shown: Example) -> None:
    written = write_headers(read_headers(shown.record_headers))

    assert sorted(written) == sorted(shown.record_headers)


@each_example
def test_its_body_comes_back_from_the_class(shown: Example) -> None:
    message = shown.message

    assert read_body(shown.type_name, message.model_dump_json().encode()) == message


@each_example
def test_what_is_written_again_says_all_that_was_read(shown: Example) -> None:
    written = json.loads(shown.message.model_dump_json())

    assert {field: written[field] for field in shown.body} == shown.body


@each_example
def test_what_is_written_again_fits_the_committed_schema(shown: Example) -> None:
    written = json.loads(shown.message.model_dump_json())

    assert [error.message for error in validator_of(shown.type_name).iter_errors(written)] == []


@each_example
def test_key_subject_and_type_are_those_of_the_message(shown: Example) -> None:
    envelope, message = shown.envelope, shown.message

    assert (shown.key, envelope.subject, envelope.type) == (message.key, message.subject, message.type_name)


@each_example
def test_a_fact_has_its_place_in_its_stream_and_a_wish_has_none(shown: Example) -> None:
    assert bool(shown.envelope.stream_version) == MESSAGES[shown.type_name].versioned


@each_message
def test_class_and_schema_ask_for_the_same_fields(message: type[Message]) -> None:
    body = example(message.type_name).body
    validator = validator_of(message.type_name)

    for field in body:
        short = {name: value for name, value in body.items() if name != field}
        assert validator.is_valid(short) == _taken(message, short), field


@each_message
def test_class_and_schema_agree_on_an_unknown_field(message: type[Message]) -> None:
    more = {**example(message.type_name).body, "unknown": 1}

    assert _taken(message, more) == validator_of(message.type_name).is_valid(more) == (not message.is_command)


@each_message
def test_class_and_schema_refuse_a_bad_key(message: type[Message]) -> None:
    wrong = {**example(message.type_name).body, message.key_field: None}

    assert not _taken(message, wrong)
    assert not validator_of(message.type_name).is_valid(wrong)


# The story.


def test_no_two_messages_of_the_story_share_an_id() -> None:
    assert [found for found, times in Counter(shown.envelope.id for shown in ALL).items() if times > 1] == []


def test_no_two_lines_of_a_log_share_a_number() -> None:
    lines = Counter((shown.envelope.source, shown.envelope.sequence) for shown in ALL if shown.envelope.sequence)

    assert [line for line, times in lines.items() if times > 1] == []


def test_a_stream_counts_up_in_the_order_of_its_log() -> None:
    placed = sorted(
        (shown.envelope.source, shown.key, shown.envelope.sequence, shown.envelope.stream_version)
        for shown in ALL
        if shown.envelope.stream_version
    )

    for before, after in pairwise(placed):
        if before[:2] == after[:2]:
            assert before[3] < after[3], (before, after)


def test_an_answer_comes_after_what_it_answers() -> None:
    by_id = {shown.envelope.id: shown.envelope for shown in ALL}
    answers = [shown.envelope for shown in ALL if shown.envelope.causation_id in by_id]

    assert len(answers) > 30
    for answer in answers:
        cause = by_id[answer.causation_id]
        assert cause.time < answer.time
        assert cause.correlation_id == answer.correlation_id


def test_the_first_milestone_adds_up() -> None:
    body = example("funding.milestone_funded.v1").body

    assert (body["held_minor"], body["marketplace_fee_minor"], body["initiation_fee_minor"]) == (120_000, 12_000, 995)
    assert body["charge_minor"] == 132_995


@pytest.mark.parametrize("type_name", ["funding.funding_requested.v1", "funding.milestone_funded.v1"])
def test_a_charge_is_its_parts(type_name: str) -> None:
    for shown in examples()[MESSAGES[type_name]]:
        body: dict[str, Any] = shown.body
        held_minor = body.get("held_minor", body.get("amount_minor"))
        assert body["charge_minor"] == held_minor + body["marketplace_fee_minor"] + body["initiation_fee_minor"]


def test_it_is_one_amount_from_the_hire_to_the_bank() -> None:
    steps = ("contracts.create_contract.v1", "contracts.milestone_added.v1", "approvals.milestone_approved.v1",
             "funding.funds_released.v1", "stripe.create_transfer.v1", "stripe.transfer_created.v1",
             "payouts.payout_initiated.v1", "payouts.payout_in_transit.v1", "payouts.payout_paid.v1")  # fmt: skip

    assert {step: example(step).body["amount_minor"] for step in steps} == dict.fromkeys(steps, 120_000)


# The loader.


def test_an_example_of_no_message_is_refused_by_name(tmp_path: Path) -> None:
    stray = tmp_path / "funding.nothing_such.v1.json"
    stray.write_text("{}")

    with pytest.raises(ExampleError, match=r"funding\.nothing_such\.v1\.json shows no message of the catalogue"):
        read_example(stray)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"headers": {}, "key": "x"}'])
def test_an_example_without_its_parts_is_refused_by_name(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "contracts.contract_archived.v1.json"
    wrong.write_text(text)

    with pytest.raises(ExampleError, match=r"contracts\.contract_archived\.v1\.json must be"):
        read_example(wrong)


def test_an_example_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match=r"no example 'nope' of funding\.milestone_funded\.v1"):
        example("funding.milestone_funded.v1", "nope")


def test_an_example_is_found_by_its_further_name() -> None:
    assert example("contracts.milestone_status_changed.v1", "payout_paid").body["payout_state"] == "paid"


def _taken(message: type[Message], body: dict[str, Any]) -> bool:
    try:
        message.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True
