"""The shape of a rule."""

from dataclasses import dataclass

from schemas.dead_letters import DEAD_LETTERS

CORE = tuple(DEAD_LETTERS)
"""The services that decide, and so have a database; the order in which they are read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold. Its query finds what breaks it, so no row is the good answer."""

    name: str
    holds: str
    """What must hold, in words."""
    why: str
    """What it would mean if it did not."""
    remedy: str
    """What to do when it is broken."""
    sql: str
    """Gives two text columns for each violation: the ids concerned, and what was found."""
    services: tuple[str, ...] = ()
    """In whose databases it is asked, one by one. Empty: between services, of the tables in `extracts`."""
