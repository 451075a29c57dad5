"""Ids rise with time, and derived ones are always the same."""

from datetime import UTC, datetime, timedelta

from services.runtime.ids import IdSource, derived_id, is_older_than, made_at_ms

_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_ids_of_one_moment_rise() -> None:
    ids = IdSource()
    made = [ids.new("mls", _NOW) for _ in range(5_000)]
    assert made == sorted(set(made))


def test_ids_rise_even_when_the_clock_goes_back() -> None:
    ids = IdSource()
    assert (
        ids.new("mls", _NOW) < ids.new("mls", _NOW - timedelta(hours=1)) < ids.new("mls", _NOW + timedelta(seconds=1))
    )


def test_counting_on_carries_over_the_last_characters() -> None:
    ids = IdSource(lambda size: (2**30 - 1).to_bytes(size, "big"))
    assert ids.new("a", _NOW) < ids.new("a", _NOW)


def test_an_id_tells_its_moment() -> None:
    assert made_at_ms(IdSource().new("mls", _NOW)) == int(_NOW.timestamp() * 1000)


def test_a_foreign_or_derived_id_tells_no_moment() -> None:
    assert made_at_ms("job_17") is None
    assert made_at_ms(derived_id("cmd", "a")) is None


def test_only_an_id_with_a_moment_is_old() -> None:
    identifier = IdSource().new("mls", _NOW)
    assert is_older_than(identifier, _NOW + timedelta(seconds=61), 60)
    assert not is_older_than(identifier, _NOW + timedelta(seconds=60), 60)
    assert not is_older_than("job_17", _NOW, 60)


def test_a_derived_id_depends_on_each_part_and_on_where_parts_end() -> None:
    assert derived_id("cmd", "a", "b") == derived_id("cmd", "a", "b")
    assert len({derived_id("cmd", *parts) for parts in (("a", "b"), ("ab",), ("a", "c"), ("a", "b", ""))}) == 4
