"""Fields described in JSON Schema by the docstrings that stand below them, read when a schema is asked for.

pydantic's own `use_attribute_docstrings` reads and parses the source of each class when the class is made: a fifth of
what it takes to import a service, for documents that most processes never show.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler


class Described(BaseModel):
    """A model whose fields' docstrings are their descriptions. An explicit `Field(description=...)` goes before."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        for name, shown in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if text := _docstring(cls, name):
                shown.setdefault("description", text)
        return schema


def _docstring(model: type, field: str) -> str | None:
    """Where the field is declared last, there it is described."""
    declares = next((base for base in model.__mro__ if field in inspect.get_annotations(base)), None)
    return _docstrings(declares.__module__).get((declares.__qualname__, field)) if declares else None


@cache
def _docstrings(module: str) -> dict[tuple[str, str], str]:
    """All fields' docstrings in a module, by qualified name of the class and name of the field."""
    return dict(_below(ast.parse(inspect.getsource(sys.modules[module])).body, ""))


def _below(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[tuple[str, str], str]]:
    for statement, following in zip(body, [*body[1:], None], strict=True):
        match statement, following:
            case ast.ClassDef(name=name), _:
                yield from _below(statement.body, f"{prefix}.{name}" if prefix else name)
            case (
                ast.AnnAssign(target=ast.Name(id=field)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield (prefix, field), inspect.cleandoc(text)
