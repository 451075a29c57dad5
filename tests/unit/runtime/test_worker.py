"""What the worker does with a batch that breaks, without a database or a broker."""

from typing import Any

import pytest
from psycopg import OperationalError

from services.runtime.processor import Batch, Record, Unreadable
from services.runtime.settings import Settings
from services.runtime.worker import Worker, _LetGoError


class _Broken:
    """A processor in whose database trouble begins, and the worker's end with it, at one record."""

    service = "toy"

    def __init__(self, away_at: int) -> None:
        self.committed: list[int] = []
        self._away_at = away_at
        self.worker: Worker | None = None

    def run(self, batch: Batch) -> list[Any]:
        if len(batch.unreadable) > 1:
            raise ValueError("this batch breaks")
        offset = batch.unreadable[0].record.offset
        if offset == self._away_at:
            assert self.worker is not None
            self.worker.stop()
            raise OperationalError("the database is away")
        self.committed.append(offset)
        return []


def test_stopped_in_an_outage_nothing_after_the_record_in_hand_is_committed() -> None:
    processor = _Broken(away_at=1)
    worker = processor.worker = Worker(Settings(), [], processor, None)  # type: ignore[arg-type]
    records = [Unreadable(Record("t", 0, offset, None, [], None), "no message") for offset in range(3)]
    with pytest.raises(_LetGoError):
        worker._decide(Batch([], records, {("t", 0): 3}))
    assert processor.committed == [0], "the position beyond record 1 would have skipped it"


def test_a_dead_letter_that_cannot_be_written_is_an_error_and_no_endless_loop() -> None:
    class Refusing(_Broken):
        def run(self, batch: Batch) -> list[Any]:
            raise ValueError("cannot be written")

    worker = Worker(Settings(), [], Refusing(0), None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be written"):
        worker._decide(Batch([], [Unreadable(Record("t", 0, 0, None, [], None), "no message")], {("t", 0): 1}))
