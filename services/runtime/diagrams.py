"""Write the state diagrams of each service into its README, between two markers.

    python -m services.runtime.diagrams          writes what changed
    python -m services.runtime.diagrams --check  writes nothing; exits 1 and names each README that is behind

A development tool: it looks the services up by their files, so the runtime still imports none of them.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from services.runtime.states import StateTable

BEGIN = "<!-- states:begin -->"
END = "<!-- states:end -->"
SERVICES = Path(__file__).resolve().parents[1]


class MarkersMissingError(ValueError):
    """A README has no place for its diagram; the text says which one and what to add."""


def tables_of(service: str) -> tuple[StateTable, ...]:
    """The tables in `services/<service>/states.py`. Raises TypeError when it has no fitting `TABLES`."""
    tables = getattr(importlib.import_module(f"services.{service}.states"), "TABLES", None)
    if not isinstance(tables, tuple) or not all(isinstance(table, StateTable) for table in tables):
        raise TypeError(f"services/{service}/states.py needs TABLES: tuple[StateTable, ...]")
    return tables


def drawn(readme: str, tables: Sequence[StateTable], name: str = "README.md") -> str:
    """The text of a README with the diagrams of `tables` between its markers.

    Raises MarkersMissingError when the two markers are not there, once each and in order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise MarkersMissingError(f"{name} needs one {BEGIN} and, below it, one {END}")
    parts = [f"### States of a {table.name}\n\n```mermaid\n{table.mermaid()}```\n" for table in tables]
    return f"{before}{BEGIN}\n" + "\n".join(parts) + f"{END}{after}"


def services_with_states(root: Path = SERVICES) -> tuple[str, ...]:
    """The names of the services that have a `states.py`, sorted; the runtime is none."""
    return tuple(sorted(file.parent.name for file in root.glob("*/states.py") if file.parent.name != "runtime"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status: 1 when a README is behind (`--check`) or has no markers."""
    parser = argparse.ArgumentParser(prog="python -m services.runtime.diagrams", description="Draw state diagrams.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a README is behind")
    check = parser.parse_args(arguments).check
    status = 0
    for service in services_with_states():
        path = SERVICES / service / "README.md"
        name = f"services/{service}/README.md"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        try:
            wanted = drawn(text, tables_of(service), name)
        except MarkersMissingError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        if wanted == text:
            continue
        if check:
            print(f"{name} is behind its states.py: run python -m services.runtime.diagrams", file=sys.stderr)
            status = 1
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"{name} drawn anew")
    return status


if __name__ == "__main__":
    sys.exit(main())
