"""What a transaction says is written piece by piece, in its order, with the versions of its streams."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.dead_letters import FundingDeadLetter
from schemas.funding import DefaultPaymentMethodChanged
from services.runtime import event_log
from services.runtime.event_log import Line, LogWriter, Row

_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


class _Written:
    """Stands in for a transaction."""

    def __init__(self) -> None:
        self.pieces: list[list[Row]] = []
        self.advanced: list[tuple[dict[str, int], dict[str, int]]] = []

    def say(self, rows: list[Row]) -> None:
        self.pieces.append(rows)

    def advance(self, new: dict[str, int], known: dict[str, int]) -> None:
        self.advanced.append((new, known))


def _line(key: str, number: int = 0) -> Line:
    event = DefaultPaymentMethodChanged(employer_id=key, payment_method_id=f"pm_{number}")
    return Line(event, f"evt_{key}_{number}", _NOW, "cor", "cause", None, "")


@pytest.fixture
def written() -> Any:
    return _Written()


def test_pieces_are_written_before_the_end_and_the_rest_with_it(written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_PIECE", 3)
    writer = LogWriter(written, {})
    for number in range(7):
        writer.append(_line("emp_1", number))
    assert [len(piece) for piece in written.pieces] == [3, 3]
    writer.end()
    assert [row.event_id for piece in written.pieces for row in piece] == [f"evt_emp_1_{n}" for n in range(7)]


def test_versions_count_on_across_pieces_from_what_was_said_before(
    written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "_PIECE", 2)
    writer = LogWriter(written, {"emp_1": 4})
    for key in ("emp_1", "emp_2", "emp_1", "emp_2", "emp_1"):
        writer.append(_line(key))
    writer.end()
    said = [(row.key, row.stream_version) for piece in written.pieces for row in piece]
    assert said == [("emp_1", 5), ("emp_2", 1), ("emp_1", 6), ("emp_2", 2), ("emp_1", 7)]
    assert written.advanced == [({"emp_2": 2}, {"emp_1": 7})]


def test_what_has_no_stream_has_no_version_and_moves_none(written: Any) -> None:
    letter = FundingDeadLetter(
        dead_key="k", letter_id="dl_1", topic_name="t", partition=0, offset=1, headers={}, body_base64="", reason="why",
        parked=False,
    )  # fmt: skip
    writer = LogWriter(written, {})
    writer.append(Line(letter, "dl_1", _NOW, "dl_1", "", None, ""))
    writer.end()
    assert [row.stream_version for piece in written.pieces for row in piece] == [0]
    assert written.advanced == []


def test_nothing_said_is_nothing_written(written: Any) -> None:
    LogWriter(written, {}).end()
    assert written.pieces == []
    assert written.advanced == []
