"""House rules read from the source: who may import whom, and what a pure module may not touch.

Each rule takes source text and returns what is wrong with it, so the rules themselves can be tested.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

OUTSIDE_WORLD = {
    "sqlalchemy": "a database",
    "psycopg": "a database",
    "alembic": "a database",
    "confluent_kafka": "Kafka",
    "faust": "Kafka",
    "httpx": "the network",
    "socket": "the network",
    "urllib": "the network",
    "stripe": "Stripe",
    "fastapi": "HTTP",
    "starlette": "HTTP",
    "uvicorn": "HTTP",
    "subprocess": "other processes",
    "os": "the machine",
    "threading": "threads",
    "asyncio": "an event loop",
    "time": "a clock",
    "random": "randomness",
    "secrets": "randomness",
    "uuid": "randomness",
}
"""What a decision may not touch, by module: what it needs of it is an argument."""

SPEAK_WITH_STRIPE = {"stripe_gateway", "stripe_sandbox", "auditor"}
"""The gateway alone, and who compares what it did with what Stripe has."""

_CLOCK_READS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
_EFFECTS = {"open", "print", "input", "exec", "eval"}


def imported(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Every module that a source text imports, absolute, with its line; `package` is where the text stands.

    `from a import b` gives `a.b`: whether b is a module or a name, the rules are about its beginning.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value


def foreign_imports(source: str, service: str, package: str = "") -> list[str]:
    """What a module of a service imports and may not: another service, or what only starts and tests services."""
    wrong = []
    for line, name in imported(source, package or f"services.{service}"):
        root, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if root == "services" and other not in {service, "runtime"}:
            wrong.append(f"line {line}: {name} is another service's")
        elif root in {"deploy", "tests", "benchmarks"}:
            wrong.append(f"line {line}: {name} is no part of a service")
        elif root == "stripe" and service not in SPEAK_WITH_STRIPE:
            wrong.append(f"line {line}: only the gateway speaks with Stripe")
    return wrong


def more_than_pydantic(source: str) -> list[str]:
    """What a module of `schemas` imports beside the standard library, pydantic and `schemas`."""
    allowed = {"pydantic", "schemas", *sys.stdlib_module_names}
    return [
        f"line {line}: {name}" for line, name in imported(source, "schemas") if name.partition(".")[0] not in allowed
    ]


def impurities(source: str, package: str) -> list[str]:
    """What a pure module touches of the outside world: imports, reads of a clock, effects."""
    wrong = []
    for line, name in imported(source, package):
        if (outside := OUTSIDE_WORLD.get(name.partition(".")[0])) is not None:
            wrong.append(f"line {line}: {name} is {outside}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and (_last_name(node.value), node.attr) in _CLOCK_READS:
            wrong.append(f"line {node.lineno}: {_last_name(node.value)}.{node.attr} reads a clock")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EFFECTS:
            wrong.append(f"line {node.lineno}: {node.func.id}() is an effect")
    return wrong


def own_modules(start: Path) -> set[Path]:
    """A module of a service and every module of the same service that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        package = package_of(path)
        for _, name in imported(path.read_text(encoding="utf-8"), package):
            parts = name.split(".")
            for length in range(len(parts), 2, -1):  # services.<service>.<module>, maybe a name behind it
                file = ROOT.joinpath(*parts[:length]).with_suffix(".py")
                if parts[:2] == package.split(".")[:2] and file.exists():
                    waiting.append(file)
                    break
    return found


def package_of(path: Path) -> str:
    """The package that a file of the repository stands in."""
    return ".".join(path.relative_to(ROOT).parent.parts)


def _called(node: ast.Call) -> str:
    return _last_name(node.func)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
