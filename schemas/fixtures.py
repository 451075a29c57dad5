"""The examples in `schemas/examples/`: one story in real records, and every test's fixtures.

A file is called after the type it shows, `funding.fund_milestone.v1.json`; a further example of the same type has a
word more, `funding.fund_milestone.v1.other_card.json`. It holds the record's headers, key and body.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from schemas.base import Message
from schemas.catalogue import MESSAGES
from schemas.envelope import Envelope, Headers, read_body, read_headers

FOLDER = Path(__file__).parent / "examples"


class ExampleError(ValueError):
    """An example file that cannot be one; the text names it and says what to do."""


class Example(NamedTuple):
    """One record of the catalogue, as it stands on its topic."""

    type_name: str
    name: str
    """Empty for a type's first example."""
    headers: dict[str, str]
    key: str
    body: dict[str, Any]

    @property
    def message(self) -> Message:
        """The body as its class. Raises UnreadableRecordError."""
        return read_body(self.type_name, self.record_body)

    @property
    def envelope(self) -> Envelope:
        """The headers as an envelope. Raises UnreadableRecordError."""
        return read_headers(self.record_headers)

    @property
    def record_headers(self) -> Headers:
        """The headers as Kafka carries them."""
        return [(name, value.encode()) for name, value in self.headers.items()]

    @property
    def record_key(self) -> bytes:
        """The key as Kafka carries it."""
        return self.key.encode()

    @property
    def record_body(self) -> bytes:
        """The body as Kafka carries it."""
        return json.dumps(self.body).encode()


@cache
def examples() -> dict[type[Message], tuple[Example, ...]]:
    """Every example by its message class, a type's first example first. Raises ExampleError for a wrong file."""
    found: dict[type[Message], tuple[Example, ...]] = {}
    for path in sorted(FOLDER.glob("*.json"), key=lambda path: path.name.split(".")):
        example = read_example(path)
        message_class = MESSAGES[example.type_name]
        found[message_class] = (*found.get(message_class, ()), example)
    return found


def example(type_name: str, name: str = "") -> Example:
    """One example of a type. Raises KeyError when there is none of that name."""
    for candidate in examples().get(MESSAGES[type_name], ()):
        if candidate.name == name:
            return candidate
    raise KeyError(f"there is no example {name!r} of {type_name} in schemas/examples")


def read_example(path: Path) -> Example:
    """The example in a file. Raises ExampleError naming the file."""
    parts = path.stem.split(".")
    type_name, name = ".".join(parts[:3]), ".".join(parts[3:])
    if type_name not in MESSAGES:
        raise ExampleError(f"schemas/examples/{path.name} shows no message of the catalogue: rename or remove it")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Example(type_name, name, record["headers"], record["key"], record["body"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ExampleError(
            f'schemas/examples/{path.name} must be {{"headers": ..., "key": ..., "body": ...}}: {error}'
        ) from None
