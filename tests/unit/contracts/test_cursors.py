"""Cursors of lists."""

from datetime import UTC, datetime

import pytest

from services.contracts.cursors import Cursor, read_cursor, write_cursor
from services.runtime.problems import Problem


def test_a_cursor_comes_back_as_it_was() -> None:
    cursor = Cursor(datetime(2026, 3, 2, 9, 0, 1, 250, tzinfo=UTC), "ctr_01kjp")
    assert read_cursor(write_cursor(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "x", "ctr_1", "é", "MjAyNi0wMy0wMlQwOTowMDowMCBjdHJfMQ"])
def test_what_is_no_cursor_of_ours_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor(text)
    assert refused.value.document["status"] == 422
