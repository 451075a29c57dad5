"""When a replica may answer."""

from services.analytics.progress import Progress

A, B = ("funding.events", 0), ("funding.events", 1)


def test_it_is_not_whole_before_it_has_any_partition() -> None:
    progress = Progress(frozenset((A, B)))

    assert not progress.whole
    assert not progress.caught_up


def test_it_is_not_whole_with_some_of_the_partitions() -> None:
    progress = Progress(frozenset((A, B)))

    progress.begin({A: 0}, {A: 0})

    assert not progress.whole
    assert not progress.caught_up
    assert progress.assigned == 1


def test_it_has_caught_up_at_once_where_nothing_is_left_to_read() -> None:
    progress = Progress(frozenset((A, B)))

    progress.begin({A: 5, B: 0}, {A: 5, B: 0})

    assert progress.caught_up


def test_it_has_caught_up_when_the_ends_of_all_partitions_are_settled() -> None:
    progress = Progress(frozenset((A, B)))
    progress.begin({A: 3, B: 0}, {A: 5, B: 1})

    seen = []
    for partition, next_offset in ((A, 4), (B, 1), (A, 5)):
        progress.settled(partition, next_offset)
        seen.append(progress.caught_up)

    assert seen == [False, False, True]
    assert progress.next_offsets() == {A: 5, B: 1}


def test_it_stays_caught_up_while_more_comes() -> None:
    progress = Progress(frozenset((A,)))
    progress.begin({A: 0}, {A: 1})

    progress.settled(A, 1)
    progress.settled(A, 2)

    assert progress.caught_up


def test_what_is_settled_after_the_partitions_went_says_nothing() -> None:
    progress = Progress(frozenset((A,)))
    progress.begin({A: 0}, {A: 1})
    progress.end()

    progress.settled(A, 1)

    assert not progress.whole
    assert progress.next_offsets() == {}
