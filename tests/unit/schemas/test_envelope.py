"""The envelope: what is written is read, and what cannot be read says why."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Envelope, Headers, UnreadableRecordError, read_body, read_headers, write_headers
from schemas.fixtures import example

ENVELOPE = Envelope(
    id="evt_1",
    type="funding.milestone_funded.v1",
    source="funding",
    subject="mls_1",
    time=datetime(2026, 3, 2, 9, 0, 1, 120_000, tzinfo=UTC),
    correlation_id="cmd_1",
    causation_id="evt_0",
    sequence=42,
    stream_version=3,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)

texts = st.text(min_size=1, max_size=50)
numbers = st.integers(min_value=0, max_value=2**63 - 1)
offsets = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=offsets)
envelopes = st.builds(
    Envelope,
    id=texts,
    type=texts,
    source=texts,
    subject=st.text(max_size=50),
    time=moments,
    correlation_id=texts,
    causation_id=st.text(max_size=50),
    sequence=numbers,
    stream_version=numbers,
    traceparent=st.text(max_size=55),
)


def without(name: str) -> Headers:
    return [(header, value) for header, value in write_headers(ENVELOPE) if header != name]


def changed(name: str, value: bytes | None) -> Headers:
    return [*without(name), (name, value)]  # type: ignore[list-item]


@given(envelopes)
def test_what_is_written_is_read(envelope: Envelope) -> None:
    assert read_headers(write_headers(envelope)) == envelope


def test_headers_are_cloudevents_in_kafkas_binary_mode() -> None:
    assert dict(write_headers(ENVELOPE)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"evt_1",
        "ce_type": b"funding.milestone_funded.v1",
        "ce_source": b"funding",
        "ce_subject": b"mls_1",
        "ce_time": b"2026-03-02T09:00:01.120000Z",
        "content-type": b"application/json",
        "ce_correlationid": b"cmd_1",
        "ce_causationid": b"evt_0",
        "ce_sequence": b"42",
        "ce_streamversion": b"3",
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def test_a_moment_is_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    headers = write_headers(ENVELOPE._replace(time=datetime(2026, 3, 2, 10, 0, tzinfo=berlin)))

    assert dict(headers)["ce_time"] == b"2026-03-02T09:00:00Z"


def test_what_is_not_known_is_not_written() -> None:
    bare = ENVELOPE._replace(causation_id="", sequence=0, stream_version=0, traceparent="")

    assert {name for name, _ in write_headers(ENVELOPE)} - {name for name, _ in write_headers(bare)} == {
        "ce_causationid",
        "ce_sequence",
        "ce_streamversion",
        "traceparent",
    }


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(UnreadableRecordError, match=f"the header {name} is missing"):
        read_headers(without(name))


def test_a_record_without_headers_is_no_message() -> None:
    with pytest.raises(UnreadableRecordError, match="is missing: records are CloudEvents"):
        read_headers(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-03-02T09:00:00"),
        ("ce_time", None),
        ("ce_sequence", b"many"),
        ("ce_sequence", None),
        ("ce_streamversion", b"1.5"),
        ("ce_id", b"\xff"),
        ("ce_id", b""),
        ("ce_id", None),
        ("ce_specversion", b"0.3"),
        ("traceparent", None),
    ],
)
def test_a_wrong_header_makes_a_record_unreadable(name: str, value: bytes | None) -> None:
    with pytest.raises(UnreadableRecordError, match="header"):
        read_headers(changed(name, value))


def test_the_first_message_of_a_story_correlates_with_itself() -> None:
    assert read_headers(without("ce_correlationid")).correlation_id == "evt_1"


def test_headers_of_others_are_ignored() -> None:
    assert read_headers([*write_headers(ENVELOPE), ("x-debug", b"\xff")]) == ENVELOPE


def test_a_body_is_read_as_the_class_of_its_type() -> None:
    shown = example("funding.milestone_funded.v1")

    message = read_body(shown.type_name, shown.record_body)

    assert type(message).__name__ == "MilestoneFunded"


@pytest.mark.parametrize(
    ("type_name", "body", "why"),
    [
        ("funding.nothing_such.v1", b"{}", r"the type 'funding\.nothing_such\.v1' is not in the catalogue"),
        ("funding.milestone_funded.v1", None, "without a body"),
        ("funding.milestone_funded.v1", b"", "the body is no funding.milestone_funded.v1"),
        ("funding.milestone_funded.v1", b"{", "the body is no funding.milestone_funded.v1"),
        ("funding.milestone_funded.v1", b"[]", "the body is no funding.milestone_funded.v1"),
        ("funding.milestone_funded.v1", b'"\xff"', "the body is no funding.milestone_funded.v1"),
        ("contracts.contract_archived.v1", b'{"contract_id": ""}', "contract_id"),
    ],
)
def test_an_unreadable_body_says_why(type_name: str, body: bytes | None, why: str) -> None:
    with pytest.raises(UnreadableRecordError, match=why):
        read_body(type_name, body)


def test_the_reason_of_an_unreadable_body_stays_short() -> None:
    with pytest.raises(UnreadableRecordError) as refused:
        read_body("contracts.create_contract.v1", b'{"contract_id": "%s"}' % (b"x" * 100_000))

    assert len(str(refused.value)) < 1_000


def test_the_reason_names_the_fields_and_never_says_what_stood_there() -> None:
    with pytest.raises(UnreadableRecordError) as refused:
        read_body("funding.set_default_payment_method.v1", b'{"employer_id": 4242424242424242}')

    reason = str(refused.value)
    assert "; employer_id: Input should be a valid string; payment_method_id: Field required" in reason
    assert "4242" not in reason
