"""In which order a service took what it took. Pure.

What a message said stands in the service's log, numbered: the numbers give the order of all messages that said
something. One that said nothing (a projection) left no trace of when it was taken. It was taken after what came before
it in its partition and before what came after, and not before it was said; within these bounds it is put where it was
said, as if it had been taken at once.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.base import Message
from services.auditor.topics import Said

_ON_ITS_WAY = timedelta(minutes=1)
"""So long a message may have been under way when a decision was made that it was put before."""


class Input(NamedTuple):
    """A message that the service took, and what it said to it."""

    cause_id: str
    at: datetime
    """When it was decided; of one that said nothing: when it was said itself."""
    message: Said | Message
    """As it lies on its topic; or a command that was restored."""
    said: tuple[Said, ...]


def by_cause(own: Iterable[Said]) -> dict[str, list[Said]]:
    """The lines of a service by what they answer, each in the order of their numbers."""
    lines: dict[str, list[Said]] = defaultdict(list)
    for line in sorted(own, key=lambda line: line.envelope.sequence):
        lines[line.envelope.causation_id].append(line)
    return lines


def arrange(
    taken: Iterable[Said],
    answers: Mapping[str, Sequence[Said]],
    restored: Mapping[str, Message],
    deferred: Mapping[str, str] | None = None,
) -> list[Input]:
    """Every input in its order. `taken`: from the topics, in the order of each partition; `answers`: by their cause;
    `restored`: by their id; `deferred`: silent messages, by their id, with the decision that was made before them."""
    loud = sorted((lines[0].envelope.sequence, cause) for cause, lines in answers.items() if lines)
    place = {cause: number for number, (_, cause) in enumerate(loud)}
    latest: list[datetime] = []
    for _, cause in loud:
        decided = answers[cause][0].envelope.time
        latest.append(max(latest[-1], decided) if latest else decided)
    by_partition: dict[tuple[str, int], list[Said]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for said in taken:
        identity = (said.envelope.source, said.envelope.id)
        if identity not in seen:  # the same message under two offsets is one
            seen.add(identity)
            by_partition[said.topic, said.partition].append(said)
    placed: list[tuple[tuple[float, int, str, int, int], Input]] = []
    for partition in by_partition.values():
        placed.extend(_place(partition, place, latest, answers, deferred or {}))
    placed.extend(
        ((place[cause], 1, "", 0, 0), Input(cause, answers[cause][0].envelope.time, message, tuple(answers[cause])))
        for cause, message in restored.items()
    )
    return [found for _, found in sorted(placed, key=lambda item: item[0])]


def _place(
    partition: Sequence[Said],
    place: Mapping[str, int],
    latest: Sequence[datetime],
    answers: Mapping[str, Sequence[Said]],
    deferred: Mapping[str, str],
) -> Iterable[tuple[tuple[float, int, str, int, int], Input]]:
    after, spot, at = -1, 0, partition[0].envelope.time
    nexts = _next_loud(partition, place)
    for said, before in zip(partition, nexts, strict=True):
        cause = said.envelope.id
        if cause in place:
            after = max(after, place[cause])
            lines = tuple(answers[cause])
            yield (place[cause], 1, "", 0, 0), Input(cause, lines[0].envelope.time, said, lines)
            continue
        # Before the first decision that is later than it was said, between its neighbours in the partition.
        at = max(at, said.envelope.time)  # clocks of producers differ; the order of a partition does not
        later = place[deferred[cause]] + 1 if cause in deferred else 0
        spot = max(min(max(bisect_right(latest, at), later, spot), before), after + 1)
        order = (spot - 0.5, 0, at.isoformat(), said.partition, said.offset)
        yield order, Input(cause, said.envelope.time, said, ())


def _next_loud(partition: Sequence[Said], place: Mapping[str, int]) -> list[int]:
    """For each record, the place of the next one of its partition that said something."""
    nexts, upcoming = [], len(place)
    for said in reversed(partition):
        nexts.append(upcoming)
        upcoming = place.get(said.envelope.id, upcoming)
    return nexts[::-1]


def defer(inputs: Sequence[Input], others: Collection[str], deferred: Mapping[str, str]) -> dict[str, str]:
    """Silent messages that were perhaps taken later than they were put: for each key, the last one before its first
    decision that came out otherwise (`others`, by cause), if it had only just been said. Gives what is new.
    """
    found: dict[str, str] = {}
    recent: dict[str, list[Input]] = defaultdict(list)
    done: set[str] = set()
    for item in inputs:
        key = item.message.key
        if not item.said:
            recent[key].append(item)
        elif item.cause_id in others and key not in done:
            done.add(key)
            near = [
                silent
                for silent in recent[key]
                if item.at - silent.at <= _ON_ITS_WAY and deferred.get(silent.cause_id) != item.cause_id
            ]
            found |= {silent.cause_id: item.cause_id for silent in near[-1:]}
    return found
