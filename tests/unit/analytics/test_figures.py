"""From a record to what it adds, and from parts to figures."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from schemas.base import MESSAGES
from schemas.catalogue import TOPICS as CATALOGUE
from schemas.envelope import Envelope, Headers, UnreadableRecordError, write_headers
from schemas.fixtures import example, examples
from services.analytics.book import Book
from services.analytics.figures import (
    EMPTY,
    TOPICS,
    Contribution,
    Part,
    Place,
    Sums,
    Window,
    figure_of,
    minute_of,
    newer,
    read,
    total_of,
)

WINDOW = Window("2026-03-01T10:05:00Z", "usd")
NEXT = Window("2026-03-01T10:06:00Z", "usd")
OTHER = Window("2026-03-01T10:05:00Z", "eur")


def headers_of(type_name: str, *, sequence: int = 7, source: str = "funding", time: datetime | None = None) -> Headers:
    moment = time or datetime(2026, 3, 1, 10, 5, 59, 999_999, tzinfo=UTC)
    return write_headers(Envelope("evt_1", type_name, source, "mls_1", moment, "cor_1", "", sequence, 1))


def contribution(type_name: str) -> Contribution | None:
    return read("funding.events", headers_of(type_name), example(type_name).record_body)


def test_a_funded_milestone_adds_what_is_held_and_the_platforms_fees() -> None:
    body = example("funding.milestone_funded.v1").body

    found = contribution("funding.milestone_funded.v1")

    fees_minor = body["marketplace_fee_minor"] + body["initiation_fee_minor"]
    assert found == Contribution(
        Window("2026-03-01T10:05:00Z", body["currency"]),
        7,
        Sums(funded_minor=body["held_minor"], fees_minor=fees_minor),
    )


def test_a_release_adds_to_what_is_released() -> None:
    body = example("funding.funds_released.v1").body

    found = contribution("funding.funds_released.v1")

    assert found is not None
    assert found.sums == Sums(released_minor=body["amount_minor"])


def test_what_moved_otherwise_changes_the_balances_and_by_their_sum_what_was_charged() -> None:
    shown = example("funding.funds_moved.v1")
    moved = {
        "held_change_minor": -500,
        "released_change_minor": -200,
        "refunded_change_minor": 900,
        "charged_back_change_minor": 50,
        "fees_change_minor": -30,
    }
    body = MESSAGES[shown.type_name].model_validate({**shown.body, **moved}).model_dump_json().encode()

    found = read("funding.events", headers_of(shown.type_name), body)

    assert found is not None
    assert found.sums == Sums(
        funded_minor=250, released_minor=-200, refunded_minor=900, charged_back_minor=50, fees_minor=-30
    )
    assert found.sums.held_minor == -500


def test_a_charge_that_failed_is_a_decline() -> None:
    found = contribution("funding.funding_failed.v1")

    assert found is not None
    assert found.sums == Sums(declines=1)


def test_a_funding_that_ended_before_its_charge_is_no_decline() -> None:
    shown = example("funding.funding_failed.v1")
    body = MESSAGES[shown.type_name].model_validate({**shown.body, "attempt": 0}).model_dump_json().encode()

    assert read("funding.events", headers_of(shown.type_name), body) is None


def test_no_other_fact_of_the_catalogue_adds_anything_or_is_unreadable() -> None:
    counted = {
        "funding.milestone_funded.v1",
        "funding.funds_released.v1",
        "funding.funding_failed.v1",
        "funding.funds_moved.v1",
    }
    producers = {topic.name: topic.producers[0] for topic in CATALOGUE}
    others = [
        shown
        for message, shown_of in examples().items()
        for shown in shown_of
        if message.topic in TOPICS and message.type_name not in counted
    ]

    found = [
        read(MESSAGES[shown.type_name].topic,
             headers_of(shown.type_name, source=producers[MESSAGES[shown.type_name].topic]), shown.record_body)
        for shown in others
    ]  # fmt: skip

    assert len(others) > 20
    assert set(found) == {None}


def test_a_type_that_is_not_known_yet_adds_nothing() -> None:
    assert read("funding.events", headers_of("funding.milestone_gilded.v1"), b"{}") is None


def test_every_topic_of_facts_is_read() -> None:
    assert set(TOPICS) == {topic.name for topic in CATALOGUE if "analytics" in topic.consumers}


FUNDED = example("funding.milestone_funded.v1")


@pytest.mark.parametrize(
    ("topic", "headers", "body", "why"),
    [
        ("funding.events", [], FUNDED.record_body, "ce_specversion"),
        ("funding.events", None, None, "ce_specversion"),
        ("funding.events", headers_of(FUNDED.type_name), None, "without a body"),
        ("funding.events", headers_of(FUNDED.type_name), b"\xff", "is no funding.milestone_funded.v1"),
        ("funding.events", headers_of(FUNDED.type_name), b'{"held_minor": 1.5}', "is no funding.milestone_funded.v1"),
        ("funding.events", headers_of(FUNDED.type_name, sequence=0), FUNDED.record_body, "ce_sequence"),
        ("funding.events", headers_of(FUNDED.type_name, sequence=-3), FUNDED.record_body, "ce_sequence"),
        ("funding.events", headers_of(FUNDED.type_name, source="payouts"), FUNDED.record_body, "does not publish"),
        ("payouts.events", headers_of(FUNDED.type_name), FUNDED.record_body, "does not publish"),
        ("payouts.events", headers_of(FUNDED.type_name, source="payouts"), FUNDED.record_body, "does not belong"),
    ],
)
def test_what_cannot_be_counted_says_why(topic: str, headers: Headers | None, body: bytes | None, why: str) -> None:
    with pytest.raises(UnreadableRecordError, match=why):
        read(topic, headers, body)


@pytest.mark.parametrize(
    ("moment", "minute"),
    [
        (datetime(2026, 3, 1, 10, 5, tzinfo=UTC), "2026-03-01T10:05:00Z"),
        (datetime(2026, 3, 1, 10, 5, 59, 999_999, tzinfo=UTC), "2026-03-01T10:05:00Z"),
        (datetime(2026, 3, 1, 0, 30, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-02-28T19:00:00Z"),
    ],
)
def test_a_minute_is_utc_and_begins_at_its_first_second(moment: datetime, minute: str) -> None:
    assert minute_of(moment) == minute


def test_a_moment_that_is_outside_all_calendars_in_utc_is_unreadable() -> None:
    with pytest.raises(UnreadableRecordError, match="calendars"):
        minute_of(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))


def test_a_contribution_moves_the_mark_and_the_sums_together() -> None:
    part = Contribution(WINDOW, 7, Sums(funded_minor=5)).added_to(Part(3, Sums(funded_minor=1, declines=2)))

    assert part == Part(7, Sums(funded_minor=6, declines=2))


@pytest.mark.parametrize("mark", [7, 8])
def test_a_contribution_at_or_below_the_mark_is_in_it_already(mark: int) -> None:
    assert Contribution(WINDOW, 7, Sums(funded_minor=5)).added_to(Part(mark, Sums())) is None


def test_repeated_from_any_point_the_part_ends_the_same() -> None:
    facts = [Contribution(WINDOW, number * 3, Sums(funded_minor=number)) for number in range(1, 9)]
    states = [EMPTY]
    for fact in facts:
        states.append(fact.added_to(states[-1]) or states[-1])

    for kept in range(len(states)):  # what the changelog holds after the crash
        for committed in range(kept + 1):  # where reading goes on: never beyond it
            part = states[kept]
            for fact in facts[committed:]:
                part = fact.added_to(part) or part
            assert part == states[-1]


def test_the_newer_of_two_states_is_the_one_with_more_in_it_in_either_order() -> None:
    early, late = Part(3, Sums(funded_minor=9)), Part(4, Sums(funded_minor=10))

    assert newer(early, late) == newer(late, early) == late


def test_places_and_parts_are_read_as_they_were_written() -> None:
    place, part = Place("funding.events", 11, WINDOW), Part(7, Sums(1, 2, 3, 4, 5))

    assert place.write() == "funding.events/11|2026-03-01T10:05:00Z|usd"
    assert Place.read(place.write()) == place
    assert Part.read(part.write()) == part


def test_a_sum_that_an_older_version_did_not_write_is_zero() -> None:
    assert Part.read({"sequence": 3, "funded_minor": 5}) == Part(3, Sums(funded_minor=5))


def test_what_is_held_is_what_came_in_and_did_not_go_out() -> None:
    sums = Sums(funded_minor=100, released_minor=30, refunded_minor=20, charged_back_minor=5, fees_minor=7, declines=1)

    assert figure_of(WINDOW, sums).held_change_minor == 45
    assert total_of("usd", sums).held_minor == 45


def book() -> Book:
    made = Book()
    made.add(NEXT, Sums(funded_minor=1))
    made.add(WINDOW, Sums(funded_minor=10))
    made.add(OTHER, Sums(funded_minor=100))
    made.add(WINDOW, Sums(released_minor=4))
    return made


def test_the_book_sums_by_minute_and_by_currency() -> None:
    assert book().of(WINDOW) == Sums(funded_minor=10, released_minor=4)
    assert book().totals() == [("eur", Sums(funded_minor=100)), ("usd", Sums(funded_minor=11, released_minor=4))]


def test_the_book_knows_nothing_of_a_minute_in_which_nothing_happened() -> None:
    assert book().of(Window("2026-03-01T10:07:00Z", "usd")) == Sums()


@pytest.mark.parametrize(
    ("currency", "start", "end", "limit", "found"),
    [
        (None, None, None, 9, [OTHER, WINDOW, NEXT]),
        ("usd", None, None, 9, [WINDOW, NEXT]),
        ("jpy", None, None, 9, []),
        (None, Window(NEXT.minute, ""), None, 9, [NEXT]),
        (None, None, Window(NEXT.minute, ""), 9, [OTHER, WINDOW]),
        (None, WINDOW, None, 1, [WINDOW]),
        (None, None, None, 2, [OTHER, WINDOW]),
    ],
)
def test_the_book_gives_what_lies_between_the_oldest_first(
    currency: str | None, start: Window | None, end: Window | None, limit: int, found: list[Window]
) -> None:
    assert [window for window, _ in book().between(currency, start, end, limit)] == found


def test_a_cleared_book_is_empty() -> None:
    made = book()

    made.clear()

    assert made.totals() == []
    assert made.between(None, None, None, 9) == []
