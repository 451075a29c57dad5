"""The failure scenarios and the tests that prove them: `python -m tests.scenarios` writes docs/scenarios.md.

A test names what it proves by `@pytest.mark.scenario(N)`; `scenarios.toml` has the scenarios, each with the outcome
that it must have. A scenario is proven, or it says what is still open: nothing in between, and nothing in silence.
"""

import ast
import tomllib
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "scenarios.md"
_LIST = TESTS / "scenarios.toml"


class Scenario(NamedTuple):
    """What goes wrong, and what it must end in."""

    number: int
    group: str
    when: str
    then: str
    open: str = ""
    """What is not proven yet; empty when the tests prove it wholly."""


class Proof(NamedTuple):
    """A test that proves a scenario, or a part of one."""

    number: int
    path: str
    """From the folder of the tests, with `/`."""
    test: str


def scenarios() -> list[Scenario]:
    """All of them, in the order of their numbers."""
    return [Scenario(**row) for row in tomllib.loads(_LIST.read_text(encoding="utf-8"))["scenario"]]


def proofs() -> list[Proof]:
    """What the tests say they prove, read from their source: no test has to be run for it."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found += [Proof(number, path.relative_to(TESTS).as_posix(), node.name) for number in _numbers(node)]
    return found


def page() -> str:
    """docs/scenarios.md."""
    by_number: dict[int, list[Proof]] = {}
    for proof in proofs():
        by_number.setdefault(proof.number, []).append(proof)
    listed = scenarios()
    proven = [s for s in listed if not s.open]
    lines = [
        "# What goes wrong, and what it ends in",
        "",
        "Made by `python -m tests.scenarios` from `tests/scenarios.toml` and the tests' own marks; do not edit it.",
        "",
        f"{len(proven)} of {len(listed)} scenarios are proven. What is open says what is missing.",
    ]
    group = ""
    for scenario in listed:
        if scenario.group != group:
            group = scenario.group
            lines += ["", f"## {group}", "", "| | when | must end in | proven by |", "|---:|---|---|---|"]
        tests = [
            f"`{p.path}` {p.test.removeprefix('test_').replace('_', ' ')}" for p in by_number.get(scenario.number, [])
        ]
        if scenario.open:
            tests.append(f"**open**: {scenario.open}")
        cells = (str(scenario.number), scenario.when, scenario.then, "<br>".join(tests))
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _numbers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[int]:
    """The numbers in its marks, those on single cases (`pytest.param(..., marks=...)`) too."""
    marks = [
        node
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.scenario"
    ]
    return sorted({int(ast.literal_eval(argument)) for mark in marks for argument in mark.args})


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
