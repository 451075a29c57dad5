"""Durations as people type them: 90s, 15m, 2h, 14d, and sums such as 1d12h."""

import re
from datetime import timedelta

from deploy.local.errors import LocalError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """The duration that `text` says. Raises LocalError when it says none."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise LocalError(f"{text!r} is no duration: write 90s, 15m, 2h, 14d or a sum such as 1d12h")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError as error:
        raise LocalError(f"{text!r} is longer than a clock can go") from error
