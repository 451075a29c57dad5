"""Ids that rise with time: a prefix and a ULID in lower case, e.g. `mls_01jx3v9k8m2q4r5s6t7v8w9x0y`.

Keys that rise with time keep an index's insertions at its right edge; random ones cost about a third of the
throughput.
"""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
"""Two characters at a time: half the steps of a per-character loop."""
_LOW = (1 << 20) - 1
"""The last four characters: all that differs between neighbours."""


def _base32(number: int) -> str:
    """26 characters for 128 bits, most significant first."""
    pairs = _PAIRS
    return "".join([pairs[(number >> shift) & 1023] for shift in range(120, -1, -10)])


class IdSource:
    """Makes ids from the injected time and injected randomness; rising even within one millisecond.

    Threads may share it: a lock covers the few steps that must not interleave.
    """

    def __init__(self, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._randomness = randomness
        self._lock = threading.Lock()
        self._high = 0
        self._high_text = ""
        """The last id's number without its lowest 20 bits, and their 22 characters: a batch makes thousands of ids
        that differ in nothing else than the rest."""
        self._low = _LOW
        self._now: datetime | None = None

    def new(self, prefix: str, now: datetime) -> str:
        """A fresh id. `now` is UTC; ids of one source never fall behind an earlier one."""
        with self._lock:
            if now is not self._now or self._low == _LOW:  # a batch asks thousands of times with the very same moment
                self._begin(now)
            else:
                self._low += 1
            low, text = self._low, self._high_text
        return f"{prefix}_{text}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"

    def _begin(self, now: datetime) -> None:
        self._now = now
        now_ms = int(now.timestamp() * 1000)
        # Within one millisecond (or after the clock was set back) count on from the last id.
        if now_ms > self._high >> 80:
            number = now_ms << 80 | int.from_bytes(self._randomness(10), "big")
        else:
            number = self._high + self._low + 1
        self._low = number & _LOW
        self._high = number - self._low
        self._high_text = _base32(number)[:22]


def derived_id(prefix: str, *parts: str) -> str:
    """An id that is the same for the same parts: for what must not exist twice (a retried request's command)."""
    digest = sha256("\x1f".join(parts).encode()).digest()
    # The leading z (a ULID begins with 0 to 7) says that no time can be read from it.
    return f"{prefix}_z{_base32(int.from_bytes(digest[:16], 'big'))[1:]}"


def made_at_ms(identifier: str) -> int | None:
    """Unix milliseconds of an id made by an IdSource; None for any other id."""
    _, _, ulid = identifier.rpartition("_")
    if len(ulid) != 26 or ulid[0] > "7" or any(letter not in _ALPHABET for letter in ulid):
        return None
    number = 0
    for letter in ulid[:10]:
        number = number << 5 | _ALPHABET.index(letter)
    return number


def is_older_than(identifier: str, now: datetime, age_s: float) -> bool:
    """Whether an id certainly was made more than `age_s` seconds ago: nothing about it can still be on its way."""
    made = made_at_ms(identifier)
    return made is not None and now.timestamp() * 1000 - made > age_s * 1000
