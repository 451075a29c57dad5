"""What a reading gives: the thing as it is now, and the facts to tell."""

from dataclasses import dataclass

from schemas.base import Message
from services.stripe_gateway.records import Record


class WrongObjectError(ValueError):
    """Stripe speaks of another object than the one that is ours: money could go astray."""


@dataclass(frozen=True, slots=True)
class Told:
    """A thing as it is now, and what there is to say of it."""

    record: Record
    said: tuple[Message, ...] = ()
    beside: tuple[Record, ...] = ()
    """Other rows that changed with it."""


def check(ours: str | None, theirs: str, whose: str) -> None:
    """Raises WrongObjectError when Stripe's id is not the one that we know."""
    if ours not in (None, theirs):
        raise WrongObjectError(f"{whose} has {ours}, Stripe speaks of {theirs}")
