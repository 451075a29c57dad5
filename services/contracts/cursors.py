"""Cursors of lists: where a page ended, as text that callers hand back and do not read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import datetime
from typing import NamedTuple

from services.runtime.problems import Problem


class Cursor(NamedTuple):
    """The last contract of a page."""

    at: datetime
    contract_id: str


def write_cursor(cursor: Cursor) -> str:
    """A cursor as text."""
    return urlsafe_b64encode(f"{cursor.at.isoformat()} {cursor.contract_id}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """A cursor from text. Raises a 422 Problem when it is none of ours."""
    try:
        at, contract_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        moment = datetime.fromisoformat(at)
    except (Base64Error, UnicodeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(422, "invalid_request", "cursor: give back the next_cursor of a page, unchanged")
    return Cursor(moment, contract_id)
