"""Which message goes to which decision. Each service has one `Handlers`, filled by its `handlers.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from schemas.base import Message
from schemas.envelope import Envelope
from services.runtime.bulk import Entity
from services.runtime.decisions import Outcome
from services.runtime.ids import IdSource
from services.runtime.workspace import Load, Workspace

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=NamedTuple)


@dataclass(slots=True)
class Context:
    """All that a handler may use besides the message: stored rows, the time, fresh ids, and a way to speak."""

    envelope: Envelope
    now: datetime
    """UTC, from the injected clock; the same for every message of a batch."""
    workspace: Workspace
    ids: IdSource
    said: list[Message] = field(default_factory=list)
    later: list[tuple[datetime, Message, str]] = field(default_factory=list)

    def get(self, entity: Entity[R], key: str) -> R | None:
        """The row with this primary key."""
        return self.workspace.get(entity, key)

    def find(self, entity: Entity[R], column: str, value: str) -> list[R]:
        """All rows with this value in a column."""
        return self.workspace.find(entity, column, value)

    def put(self, entity: Entity[R], record: R) -> None:
        """Write a row."""
        self.workspace.put(entity, record)

    def append(self, entity: Entity[R], record: R) -> None:
        """Write a row of an append-only table."""
        self.workspace.append(entity, record)

    def emit(self, *messages: Message) -> None:
        """Publish events or commands, in this order, once the transaction is committed."""
        self.said.extend(messages)
        self.workspace.writes += len(messages)

    def at(self, due_at: datetime, command: Message, name: str = "") -> None:
        """Give this service a command about the key in hand at `due_at` (UTC), or at once when that has passed.

        Setting the same timer again replaces it: the same `name`, or without one the same type and subject. A timer is
        never cancelled: its handler looks at the state and answers `Unchanged` when there is nothing to do any more.
        """
        self.later.append((due_at, command, name))
        self.workspace.writes += 1

    def wake(self, channel: str) -> None:
        """NOTIFY a channel once the transaction is committed: a part of this service listens there for work."""
        self.workspace.wake(channel)

    def new_id(self, prefix: str) -> str:
        """A fresh id that rises with time."""
        return self.ids.new(prefix, self.now)


Handler = Callable[[Context, Any], Outcome]


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler with what it wants loaded."""

    handle: Handler
    loads: tuple[Load[Any], ...]


class Handlers:
    """The messages that a service takes. What is not here is skipped: a topic carries more than one service needs."""

    def __init__(self) -> None:
        self._by_type: dict[str, Registered] = {}

    def on(
        self, message_class: type[M], *loads: Load[M]
    ) -> Callable[[Callable[[Context, M], Outcome]], Callable[[Context, M], Outcome]]:
        """Register the decorated function for a message class; a second one for the same class is an error."""

        def register(handle: Callable[[Context, M], Outcome]) -> Callable[[Context, M], Outcome]:
            if message_class.type_name in self._by_type:
                raise TypeError(f"{message_class.type_name} has a handler already")
            self._by_type[message_class.type_name] = Registered(handle, loads)
            return handle

        return register

    def get(self, type_name: str) -> Registered | None:
        """The handler of a type, if this service has one."""
        return self._by_type.get(type_name)

    @property
    def types(self) -> Sequence[str]:
        """The type names this service handles."""
        return tuple(self._by_type)
