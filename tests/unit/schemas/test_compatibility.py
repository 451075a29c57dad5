"""What breaks who relies on a message, and what does not."""

from typing import Any

import pytest

from schemas.compatibility import breaking_changes
from schemas.json_schema import body_schema
from schemas.payouts import RecordBankPayout
from schemas.stripe import BankPayoutChanged

STRING: dict[str, Any] = {"type": "string"}
NULLABLE: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def schema(kind: str = "event", required: tuple[str, ...] = ("id",), **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "x-kind": kind,
        "x-topic": "funding.events",
        "x-key": "id",
        "type": "object",
        "properties": {"id": STRING, **fields},
        "required": list(required),
    }
    if kind == "command":
        made["additionalProperties"] = False
    return made


def both(kind: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The changes when the field `f` goes from `old` to `new`."""
    return breaking_changes(schema(kind, f=old), schema(kind, f=new))


KINDS = pytest.mark.parametrize("kind", ["event", "command"])


@KINDS
def test_nothing_changed_breaks_nothing(kind: str) -> None:
    assert breaking_changes(schema(kind, f=NULLABLE), schema(kind, f=NULLABLE)) == []


@KINDS
def test_a_new_optional_field_breaks_nothing(kind: str) -> None:
    assert breaking_changes(schema(kind), schema(kind, f=NULLABLE)) == []


@KINDS
def test_words_for_people_break_nothing(kind: str) -> None:
    assert both(kind, STRING, {**STRING, "description": "what it is", "title": "F", "examples": ["a"]}) == []


@KINDS
def test_a_removed_field(kind: str) -> None:
    assert breaking_changes(schema(kind, f=STRING), schema(kind)) == ["f is removed"]


@KINDS
def test_a_new_required_field(kind: str) -> None:
    assert breaking_changes(schema(kind), schema(kind, ("id", "f"), f=STRING)) == ["f is new and required"]


@KINDS
def test_an_optional_field_becomes_required(kind: str) -> None:
    assert breaking_changes(schema(kind, f=STRING), schema(kind, ("id", "f"), f=STRING)) == [
        "f was optional and is required"
    ]


@KINDS
def test_another_type(kind: str) -> None:
    assert "f may no longer be string" in both(kind, STRING, {"type": "integer"})


@KINDS
def test_null_is_no_longer_taken(kind: str) -> None:
    assert both(kind, NULLABLE, STRING) == ["f may no longer be null"]


@KINDS
def test_a_value_less(kind: str) -> None:
    assert both(kind, {**STRING, "enum": ["a", "b"]}, {**STRING, "const": "a"}) == ["f no longer takes 'b'"]


@KINDS
def test_a_free_text_becomes_a_list_of_values(kind: str) -> None:
    assert both(kind, STRING, {**STRING, "enum": ["a", "b"]}) == ["f is narrowed to a, b"]


@KINDS
@pytest.mark.parametrize(
    ("word", "wide", "narrow"), [("maxLength", 9, 8), ("maximum", 9, 8), ("minimum", 1, 2), ("minLength", 1, 2)]
)
def test_a_bound_that_narrows(kind: str, word: str, wide: int, narrow: int) -> None:
    expected = [f"f is narrowed: {word} was {wide}, is {narrow}"]

    assert both(kind, {**STRING, word: wide}, {**STRING, word: narrow}) == expected


@KINDS
def test_a_new_bound_narrows(kind: str) -> None:
    assert both(kind, STRING, {**STRING, "maxLength": 9}) == ["f is narrowed: maxLength was None, is 9"]


@KINDS
def test_another_pattern(kind: str) -> None:
    assert both(kind, {**STRING, "pattern": "a"}, {**STRING, "pattern": "b"}) == ["f: pattern was 'a', is 'b'"]


@KINDS
def test_another_default_means_something_else(kind: str) -> None:
    truth = {"type": "boolean"}

    assert both(kind, {**truth, "default": False}, {**truth, "default": True}) == ["f: default was False, is True"]


@KINDS
@pytest.mark.parametrize("member", ["x-topic", "x-key"])
def test_another_topic_or_key(kind: str, member: str) -> None:
    assert breaking_changes(schema(kind), {**schema(kind), member: "other"}) == [
        f"the message: {member} was '{schema(kind)[member]}', is 'other'"
    ]


@KINDS
def test_what_is_inside_a_list_or_an_object_counts(kind: str) -> None:
    def deep(inner: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "object", "properties": {"g": inner}}}

    assert both(kind, deep({**STRING, "maxLength": 9}), deep({**STRING, "maxLength": 8})) == [
        "f[].g is narrowed: maxLength was 9, is 8"
    ]


@KINDS
def test_the_values_of_a_map_count(kind: str) -> None:
    def mapped(inner: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": inner}

    assert both(kind, mapped(NULLABLE), mapped(STRING)) == ["f.* may no longer be null"]


@KINDS
def test_what_a_reference_points_to_counts(kind: str) -> None:
    def referring(inner: dict[str, Any]) -> dict[str, Any]:
        return {**schema(kind, f={"$ref": "#/$defs/Part"}), "$defs": {"Part": inner}}

    assert breaking_changes(referring(NULLABLE), referring(STRING)) == ["f may no longer be null"]


@KINDS
def test_unknown_fields_are_no_longer_taken(kind: str) -> None:
    opened = {**schema(kind), "additionalProperties": True}

    assert breaking_changes(opened, {**opened, "additionalProperties": False}) == [
        "the message no longer takes unknown fields"
    ]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (STRING, NULLABLE, "f may now be null"),
        ({**STRING, "const": "a"}, {**STRING, "enum": ["a", "b"]}, "f may now be 'b'"),
        ({**STRING, "enum": ["a"]}, STRING, "f may now be anything"),
        ({**STRING, "maxLength": 8}, {**STRING, "maxLength": 9}, "f is widened: maxLength was 8, is 9"),
        ({**STRING, "maxLength": 8}, STRING, "f is widened: maxLength was 8, is None"),
        ({**STRING, "pattern": "a"}, STRING, "f: pattern was 'a', is None"),
    ],
)
def test_a_command_may_take_more_and_an_event_may_not_say_more(
    old: dict[str, Any], new: dict[str, Any], why: str
) -> None:
    assert both("command", old, new) == []
    assert both("event", old, new) == [why]


def test_a_command_may_ask_for_less_and_an_event_may_not_leave_out() -> None:
    always, sometimes = ("id", "f"), ("id",)

    assert breaking_changes(schema("command", always, f=STRING), schema("command", sometimes, f=STRING)) == []
    assert breaking_changes(schema("event", always, f=STRING), schema("event", sometimes, f=STRING)) == [
        "f was always there and is optional"
    ]


@pytest.mark.parametrize("message", [RecordBankPayout, BankPayoutChanged])
def test_a_real_schema_does_not_break_itself(message: Any) -> None:
    assert breaking_changes(body_schema(message), body_schema(message)) == []


def test_a_real_change_is_found() -> None:
    old = body_schema(BankPayoutChanged)
    new = body_schema(BankPayoutChanged)
    new["properties"]["status"]["enum"] = ["in_transit", "paid", "failed", "canceled"]

    assert breaking_changes(old, new) == ["status no longer takes 'pending'"]
