"""What a service's database in memory has committed, and what it minds of a table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from psycopg import errors
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.bulk import Entity
from services.runtime.event_log import Logged
from services.runtime.records import Record
from services.runtime.storage import Answer, Position
from services.runtime.timers import Timer


@dataclass(slots=True)
class Kept:
    """A parked record, as the table has it."""

    key: str
    record: Record
    headers: dict[str, str]
    reason: str
    at: datetime


@dataclass(slots=True)
class Shape:
    """What the simulation knows of a table."""

    key: Callable[[Any], Any]
    unique: tuple[str, ...]
    required: tuple[str, ...]
    json: tuple[str, ...]
    has_key: bool


@dataclass
class State:
    """Everything that is committed."""

    rows: dict[str, dict[Any, Any]] = field(default_factory=dict)
    """By table and primary key; of an append-only table by a running number."""
    log: list[Logged] = field(default_factory=list)
    """By number."""
    answered: dict[str, int] = field(default_factory=dict)
    """Ids of commands, with the number of their first answer."""
    streams: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    positions: dict[tuple[str, int], Position] = field(default_factory=dict)
    parked: dict[tuple[str, int, int], Kept] = field(default_factory=dict)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    timers: dict[tuple[str, str], Timer] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)


def shape_of(entity: Entity[Any]) -> Shape:
    """What is to be minded about a table."""
    columns = [column for column in entity.table.columns if column.name in entity.names]
    return Shape(
        entity.key_of,
        tuple(c.name for c in columns if c.unique),
        tuple(c.name for c in columns if not c.nullable),
        tuple(c.name for c in columns if isinstance(c.type, JSONB)),
        bool(entity.key_names),
    )


def as_stored(entity: Entity[Any], shape: Shape, record: Any) -> Any:
    """As it would come back: JSON is a copy. Raises NotNullViolation."""
    for name in shape.required:
        if getattr(record, name) is None:
            raise errors.NotNullViolation(f"{entity.table.name}.{name} is null")
    if not shape.json:
        return record
    return record._replace(**{name: orjson.loads(orjson.dumps(getattr(record, name))) for name in shape.json})
