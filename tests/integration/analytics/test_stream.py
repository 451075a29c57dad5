"""The service on a real Kafka: what it counts, publishes and answers, and what it leaves out."""

import time
from datetime import UTC, datetime

from tests.integration.analytics.facts import declined, funded, released
from tests.integration.analytics.world import CHANGELOG, FACTS, PARTITIONS, Record, World, eventually

_MINUTE = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
_FIRST = _MINUTE.replace(second=7)
_NEXT = _MINUTE.replace(minute=6)


def test_what_funding_says_is_counted_in_its_minute_and_published(world: World) -> None:
    service = world.running()
    world.publish(
        world.fact(funded("usd", 120_000, 12_000, 995), _FIRST),
        world.fact(declined("usd"), _FIRST),
        world.fact(funded("usd", 80_000, 8_000), _MINUTE.replace(second=59)),
        world.fact(released("usd", 120_000), _NEXT),
    )
    total = {
        "funded_minor": 200_000,
        "held_minor": 80_000,
        "released_minor": 120_000,
        "refunded_minor": 0,
        "charged_back_minor": 0,
        "fees_minor": 20_995,
        "declines": 1,
    }
    eventually(lambda: service.totals().get("usd") == total, "the totals are exact")

    first = {
        "minute": "2026-03-01T10:05:00Z",
        "currency": "usd",
        "funded_minor": 200_000,
        "held_change_minor": 200_000,
        "released_minor": 0,
        "refunded_minor": 0,
        "charged_back_minor": 0,
        "fees_minor": 20_995,
        "declines": 1,
    }
    second = {
        "minute": "2026-03-01T10:06:00Z",
        "currency": "usd",
        "funded_minor": 0,
        "held_change_minor": -120_000,
        "released_minor": 120_000,
        "refunded_minor": 0,
        "charged_back_minor": 0,
        "fees_minor": 0,
        "declines": 0,
    }
    assert service.figures("currency=usd") == [first, second]
    assert service.figures("currency=usd&from=2026-03-01T10:06:00Z") == [second]
    assert service.figures("currency=usd&to=2026-03-01T10:06:00Z") == [first]
    eventually(lambda: world.published().get("2026-03-01T10:06:00Z|usd") == second, "the figure is published")
    assert world.published()["2026-03-01T10:05:00Z|usd"] == first


def test_a_record_that_comes_again_is_not_counted_again(world: World) -> None:
    service = world.running()
    facts = [world.fact(funded("eur", 100), _FIRST), world.fact(released("eur", 40), _FIRST)]
    world.publish(*facts)
    repeated = service.records("repeated")

    world.publish(*facts, *facts)

    eventually(lambda: service.records("repeated") == repeated + 4, "all four were seen again")
    assert service.totals()["eur"]["funded_minor"] == 100
    assert service.totals()["eur"]["held_minor"] == 60


def test_what_cannot_be_read_is_counted_said_once_and_passed_over(world: World) -> None:
    service = world.running()
    unreadable = service.records("unreadable")
    topic, partition, body, headers = world.fact(funded("gbp", 1_000), _FIRST)

    def with_header(name: str, value: bytes | None) -> Record:
        changed = [(known, found) for known, found in headers if known != name]
        return topic, partition, body, changed if value is None else [*changed, (name, value)]

    garbage: list[Record] = [
        *((anywhere, 0, b"\xff\x00", [("odd", b"\xfe")]) for anywhere in FACTS),
        (topic, partition, None, []),
        (topic, partition, None, headers),
        (topic, partition, b"{}", headers),
        with_header("ce_sequence", None),
        with_header("ce_sequence", b"many"),
        with_header("ce_time", b"yesterday"),
        with_header("ce_time", b"0001-01-01T00:00:00+14:00"),
        with_header("ce_source", b"payouts"),
        ("payouts.events", partition, body, headers),
    ]
    world.publish(*garbage)
    world.publish(world.fact(funded("gbp", 5), _FIRST))

    eventually(lambda: service.totals().get("gbp", {}).get("funded_minor") == 5, "the next fact is counted")
    eventually(lambda: service.records("unreadable") == unreadable + len(garbage), "all of them are counted")
    assert service.is_ready()
    assert world.log().count("is left out") == len(FACTS)


def test_what_adds_nothing_is_passed_over_and_does_not_hold_up_readiness(world: World) -> None:
    service = world.running()
    before = service.records("not counted")

    world.publish(world.fact(declined("gbp", attempt=0), _FIRST))

    eventually(lambda: service.records("not counted") == before + 1, "it is seen")
    assert service.is_ready()


def test_faust_makes_its_changelog_itself_on_a_broker_that_makes_no_topics(world: World) -> None:
    world.running()

    assert world.partitions_and_policy(CHANGELOG) == (PARTITIONS, "compact")


def test_it_ends_within_ten_seconds_and_begins_where_it_ended(world: World) -> None:
    service = world.running()
    world.publish(world.fact(funded("chf", 7), _FIRST))
    eventually(lambda: service.totals().get("chf"), "it is counted")

    took_s = service.stop()
    again = world.start()

    assert took_s < 10
    assert service.process.returncode == 0
    assert again.totals()["chf"]["funded_minor"] == 7
    assert again.records("repeated") == 0


def test_two_replicas_count_nothing_rather_than_halves_and_one_alone_goes_on(world: World) -> None:
    first = world.running()
    second = world.start(ready=False)
    eventually(lambda: (answer := first.answer("/health/ready")) and answer.status_code == 503, "the first sees it")
    world.publish(*(world.fact(funded("sek", 100), _FIRST) for _ in range(PARTITIONS)))
    time.sleep(0.5)
    for replica in (first, second):
        answer = replica.answer("/v1/analytics/totals")
        assert answer is None or answer.status_code == 503

    second.stop()

    eventually(first.is_ready, "the first has all partitions again")
    eventually(lambda: first.totals().get("sek", {}).get("funded_minor") == 100 * PARTITIONS, "nothing is missing")


def test_without_kafka_it_lives_is_not_ready_and_still_ends_in_time(world: World) -> None:
    service = world.start(ready=False, bootstrap="127.0.0.1:1")
    eventually(lambda: service.answer("/health/live"), "it listens")

    for path in ("/health/ready", "/v1/analytics/totals"):
        answer = service.answer(path)
        assert answer is not None
        assert answer.status_code == 503

    assert service.stop() < 10
