"""Write what others read of the published language: a JSON Schema per message, and the AsyncAPI document.

    python -m schemas.generate            writes what changed, unless it would break who relies on it
    python -m schemas.generate --check    writes nothing; exits 1 and names each file that drifted
    python -m schemas.generate --example funding.fund_milestone.v1 < body.json
                                          writes an example with this body, its headers filled in

A breaking change is refused: it needs a class with `version=2` beside the old one. Before anybody relies on a
message, `--break TYPE` replaces or removes it all the same.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from schemas import asyncapi, fixtures
from schemas.catalogue import MESSAGES
from schemas.compatibility import breaking_changes
from schemas.envelope import UnreadableRecordError, read_body
from schemas.json_schema import body_schema

HERE = Path(__file__).parent


class BreakingChangeError(ValueError):
    """A working class breaks who relies on its committed schema; the text says of which message and how."""


def generated() -> dict[str, str]:
    """The text of every generated file by its path inside `schemas/`. The same classes give the same text."""
    files = {f"json/{name}.json": _text(body_schema(MESSAGES[name])) for name in sorted(MESSAGES)}
    return {**files, "asyncapi.json": _text(asyncapi.document())}


def drifted(folder: Path = HERE) -> list[str]:
    """The paths inside `schemas/` that are not what would be generated, and generated ones left over."""
    wanted = generated()
    behind = [path for path, text in wanted.items() if _read(folder / path) != text]
    return behind + [path for path in _schema_files(folder) if path not in wanted]


def refusals(folder: Path = HERE) -> dict[str, list[str]]:
    """By type name, what the working classes would break of the schemas in `folder`."""
    found: dict[str, list[str]] = {}
    for path in _schema_files(folder):
        old = json.loads((folder / path).read_text(encoding="utf-8"))
        name = Path(path).stem
        message = MESSAGES.get(name)
        changes = ["the message is removed"] if message is None else breaking_changes(old, body_schema(message))
        if changes:
            found[name] = changes
    return found


def write(folder: Path = HERE, broken: Sequence[str] = ()) -> list[str]:
    """Write every file that drifted, and return their paths.

    Raises BreakingChangeError, having written nothing, when that would break a message that is not in `broken`.
    """
    refused = {name: changes for name, changes in refusals(folder).items() if name not in broken}
    if refused:
        lines = [f"{name}: {'; '.join(changes)}" for name, changes in refused.items()]
        raise BreakingChangeError("\n".join(lines))
    wanted = generated()
    paths = drifted(folder)
    for path in paths:
        file = folder / path
        if path in wanted:
            file.parent.mkdir(exist_ok=True)
            file.write_text(wanted[path], encoding="utf-8")
        else:
            file.unlink()
    return paths


def new_example(type_name: str, body: bytes) -> str:
    """The text of an example file with this body, its envelope filled in. Raises UnreadableRecordError."""
    message = read_body(type_name, body)
    number = sum(len(shown) for shown in fixtures.examples().values()) + 1
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{'cmd' if message.is_command else 'evt'}_example_{number}",
        "ce_type": type_name,
        "ce_source": message.topic.split(".")[0],
        "ce_subject": message.subject,
        "ce_time": "2026-03-02T09:00:00Z",
        "content-type": "application/json",
        "ce_correlationid": "cmd_example",
        "ce_causationid": "cmd_example",
        "ce_sequence": str(number),
    }
    if message.versioned:
        headers["ce_streamversion"] = "1"
    return _text({"headers": headers, "key": message.key, "body": json.loads(body)})


def _schema_files(folder: Path) -> Iterator[str]:
    return (f"json/{file.name}" for file in sorted((folder / "json").glob("*.json")))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description="Write JSON Schemas and AsyncAPI.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name each file that drifted")
    parser.add_argument("--break", dest="broken", action="append", default=[], metavar="TYPE", help="replace it anyway")
    parser.add_argument("--example", metavar="TYPE", help="write an example of TYPE with the body from standard input")
    options = parser.parse_args(arguments)
    try:
        if options.example:
            path = fixtures.FOLDER / f"{options.example}.json"
            path.write_text(new_example(options.example, sys.stdin.buffer.read()), encoding="utf-8")
            fixtures.examples.cache_clear()
            print(f"schemas/examples/{path.name}: fit its headers to the story")
        if options.check:
            behind = drifted()
            for name in behind:
                print(f"schemas/{name} drifted: run python -m schemas.generate", file=sys.stderr)
            return 1 if behind else 0
        for name in write(broken=options.broken):
            print(f"schemas/{name}")
    except BreakingChangeError as error:
        print(f"{error}\nA breaking change needs a new class with version=2 beside the old one.", file=sys.stderr)
        return 1
    except (UnreadableRecordError, fixtures.ExampleError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
