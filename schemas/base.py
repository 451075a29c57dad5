"""What every message has: a type name with its version, a topic, a key and a subject.

A message class says all of that once, where it is declared:

    class FundMilestone(Command, topic="funding.commands", key="contract_id", subject="milestone_id"): ...

Its type name follows from the topic and the class (`funding.fund_milestone.v1`). A breaking change is a new
class with `version=2` beside the old one, never an edit.
"""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from schemas.described import Described

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""How an id may look, for what is no field of a message (a header, a key). Match it whole: `fullmatch`."""
Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER.pattern}$")]
"""An id of ours or of the marketplace: letters, digits, `_` and `-`, at most 64."""

Role = Literal["employer", "trainer", "operator", "service"]

PlatformKey = Literal["platform"]
"""The key of what is about the platform's own account at Stripe, and belongs to no contract and no party."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Description = Annotated[str, StringConstraints(min_length=1, max_length=5_000, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Link = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2_048)]
Links = Annotated[tuple[Link, ...], Field(max_length=10)]
Moment = AwareDatetime
"""A moment with its offset (we write UTC): one without would be read differently on each machine."""

MESSAGES: dict[str, type["Message"]] = {}
"""Every message class by its type name; filled as the modules of this package are imported."""


class Message(Described):
    """A record's body. Immutable: what was said is not edited."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type_name: ClassVar[str]
    topic: ClassVar[str]
    key_field: ClassVar[str]
    subject_field: ClassVar[str]
    is_command: ClassVar[bool] = False
    versioned: ClassVar[bool] = True
    """Whether it takes the next version of its stream, so that consumers notice a loss."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The declaration is read below, once pydantic knows the fields.
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        topic: str = "",
        key: str = "contract_id",
        subject: str = "",
        version: int = 1,
        local: bool = False,
        **kwargs: Any,
    ) -> None:
        """`local`: a command that a service gives itself inside its process; it is on no topic and in no catalogue."""
        super().__pydantic_init_subclass__(**kwargs)
        if not topic:  # an intermediate class: Command, Event, a shared body
            return
        service = topic.split(".", maxsplit=1)[0]
        cls.topic = topic
        cls.key_field = key
        cls.subject_field = subject or key
        cls.type_name = f"{service}.{_snake(cls.__name__)}.v{version}"
        if local:
            return
        if cls.type_name in MESSAGES:
            raise TypeError(f"two classes are called {cls.type_name}")
        MESSAGES[cls.type_name] = cls

    @property
    def key(self) -> str:
        """The record's key: the contract's id, or the party's for facts of a party."""
        return str(getattr(self, self.key_field))

    @property
    def subject(self) -> str:
        """The id of what the message is about (`ce_subject`)."""
        return str(getattr(self, self.subject_field))


class Actor(BaseModel):
    """Who asks: a party, an operator or a service, by the id in its token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    party_id: Identifier


class Command(Message):
    """A wish, in the imperative. Unknown fields are refused, so that a typing error never moves money."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_command: ClassVar[bool] = True
    versioned: ClassVar[bool] = False


class PartyCommand(Command):
    """A command that a party, an operator or a service on its behalf gives."""

    actor: Actor


class Event(Message):
    """A fact, in the past. Unknown fields are ignored: within a version only optional fields are added."""


class CommandRejectedBody(Event):
    """A command that came over Kafka was refused; nothing changed. Over HTTP the answer says the same."""

    asked_of: Identifier
    """The key of the command: a contract's id, or a party's."""
    command_id: Identifier
    command_type: str
    code: str
    """Stable, for programs: `milestone_not_fundable`."""
    detail: str
    """For people: what is wrong and what to do."""


class CommandUnchangedBody(Event):
    """A command that came over Kafka asked for what is already so or under way; nothing changed."""

    asked_of: Identifier
    command_id: Identifier
    command_type: str
    detail: str


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
