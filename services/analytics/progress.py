"""How far this replica is: which partitions are its own, where their ends were, what is settled."""

from collections.abc import Mapping

from schemas.catalogue import PARTITIONS
from services.analytics.figures import TOPICS

Partition = tuple[str, int]
"""Topic and number."""

ALL: frozenset[Partition] = frozenset((topic, number) for topic in TOPICS for number in range(PARTITIONS))


class Progress:
    """From one assignment to the next."""

    def __init__(self, wanted: frozenset[Partition] = ALL) -> None:
        self._wanted = wanted
        self._next: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}

    def begin(self, positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """The table is there and these partitions are ours: where reading goes on, and where they end now."""
        self._next = dict(positions)
        self._ends = {partition: end for partition, end in ends.items() if positions[partition] < end}

    def end(self) -> None:
        """The partitions may be another's from now on."""
        self._next.clear()
        self._ends.clear()

    def settled(self, partition: Partition, next_offset: int) -> None:
        """Everything before this offset is counted, and what it led to is acknowledged."""
        if partition in self._next:
            self._next[partition] = next_offset
            if next_offset >= self._ends.get(partition, next_offset + 1):
                del self._ends[partition]

    def next_offsets(self) -> dict[Partition, int]:
        """The first offset that is not settled, by partition."""
        return dict(self._next)

    @property
    def assigned(self) -> int:
        """How many partitions are ours, table and all."""
        return len(self._next)

    @property
    def whole(self) -> bool:
        """Whether all partitions are ours. A figure is the sum over all; a part of it would be a wrong figure."""
        return self._next.keys() == self._wanted

    @property
    def caught_up(self) -> bool:
        """Whether all that lay there when the partitions became ours is settled."""
        return self.whole and not self._ends
