"""What `tranche tail` makes of a record."""

from datetime import UTC, datetime

from deploy.local.tail import Record, concerns, line, main_fields
from schemas.envelope import Envelope


def _record(type_name: str = "funding.milestone_funded.v1", **body: object) -> Record:
    envelope = Envelope("evt_1", type_name, "funding", "mil_1", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "evt_1", "")
    return Record("funding.events", 3, 17, "con_1", 0, envelope, dict(body))


def test_a_line_names_time_topic_place_type_key_and_fields() -> None:
    text = line(_record(contract_id="con_1", milestone_id="mil_1")).plain
    assert " ".join(text.split()) == "01-02 03:04:05.000 funding.events 3/17 milestone_funded con_1 milestone_id=mil_1"


def test_amounts_are_shown_as_people_write_them() -> None:
    assert main_fields({"amount_minor": 120_000, "currency": "usd"}, "con_1") == ["amount=1,200.00 USD"]
    assert main_fields({"price": {"amount_minor": 500, "currency": "jpy"}}, "con_1") == ["price=500 JPY"]


def test_what_is_empty_or_said_already_is_left_out() -> None:
    assert main_fields({"contract_id": "con_1", "note": None, "links": [], "actor": {"role": "x"}}, "con_1") == []


def test_a_later_version_is_told_apart() -> None:
    assert "milestone_funded.v2" in line(_record("funding.milestone_funded.v2")).plain


def test_an_unreadable_record_is_shown_with_the_reason() -> None:
    record = Record("funding.events", 0, 0, "con_1", 0, None, {}, "the header ce_id is missing")
    assert "unreadable" in line(record).plain
    assert "the header ce_id is missing" in line(record).plain


def test_a_record_concerns_a_contract_by_its_key_or_its_body() -> None:
    assert concerns(_record(), "con_1")
    assert concerns(_record(contract_id="con_2"), "con_2")
    assert not concerns(_record(contract_id="con_2"), "con_3")
