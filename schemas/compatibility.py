"""What a change of a message's schema would break. Within a version only optional fields are added.

A command is read by us: whatever an older sender wrote must still be taken. An event is read by everybody and
kept for ever: older records must still be readable, and newer ones must still be what older readers expect. So a
command may become looser, an event may not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_Schema = Mapping[str, Any]

_FOR_PEOPLE = {"$schema", "$id", "$defs", "title", "description", "examples"}
_COMPARED_APART = {"anyOf", "$ref", "type", "enum", "const", "properties", "required", "additionalProperties", "items"}
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")


def breaking_changes(old: _Schema, new: _Schema) -> list[str]:
    """Each way in which `new` breaks who relies on `old`; both are schemas as `body_schema` makes them."""
    return list(dict.fromkeys(_Comparison(old, new).all()))


class _Comparison:
    def __init__(self, old: _Schema, new: _Schema) -> None:
        self._old, self._new = old, new
        self._strict = old.get("x-kind") != "command"

    def all(self) -> Iterator[str]:
        return self._differences(self._old, self._new, "")

    def _differences(self, old: Any, new: Any, path: str) -> Iterator[str]:
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        for kind, schema in before.items():
            if kind in after:
                yield from self._of_one_kind(schema, after[kind], path)
            else:
                yield f"{_at(path)} may no longer be {kind}"
        if self._strict:
            yield from (f"{_at(path)} may now be {kind}" for kind in after if kind not in before)

    def _of_one_kind(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        yield from self._values(old, new, path)
        yield from self._bounds(old, new, path)
        yield from self._other_words(old, new, path)
        if "properties" in old or "properties" in new:
            yield from self._fields(old, new, path)
        yield from self._further_fields(old, new, path)
        if "items" in old and "items" in new:
            yield from self._differences(old["items"], new["items"], f"{path}[]")
        elif "items" in new or ("items" in old and self._strict):
            yield f"{_at(path)}: what its items may be changed"

    def _values(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        before, after = _allowed(old), _allowed(new)
        if after is not None:
            if before is None:
                yield f"{_at(path)} is narrowed to {', '.join(map(str, after))}"
            else:
                yield from (f"{_at(path)} no longer takes {value!r}" for value in before if value not in after)
        if self._strict and before is not None:
            if after is None:
                yield f"{_at(path)} may now be anything"
            else:
                yield from (f"{_at(path)} may now be {value!r}" for value in after if value not in before)

    def _bounds(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        for word in (*_UPPER, *_LOWER):
            before, after = old.get(word), new.get(word)
            if before == after:
                continue
            grew = after is None or (before is not None and (after > before) == (word in _UPPER))
            if not grew:
                yield f"{_at(path)} is narrowed: {word} was {before}, is {after}"
            elif self._strict:
                yield f"{_at(path)} is widened: {word} was {before}, is {after}"

    def _other_words(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        apart = _FOR_PEOPLE | _COMPARED_APART | {*_UPPER, *_LOWER}
        for word in dict.fromkeys((*old, *new)):
            if word in apart or old.get(word) == new.get(word):
                continue
            if word in ("pattern", "format") and word not in new and not self._strict:
                continue  # a command that takes more
            yield f"{_at(path)}: {word} was {old.get(word)!r}, is {new.get(word)!r}"

    def _fields(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in before.items():
            here = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{here} is removed"
                continue
            if name in needed_after - needed_before:
                yield f"{here} was optional and is required"
            if self._strict and name in needed_before - needed_after:
                yield f"{here} was always there and is optional"
            yield from self._differences(schema, after[name], here)
        for name in after:
            if name not in before and name in needed_after:
                yield f"{path}.{name} is new and required" if path else f"{name} is new and required"

    def _further_fields(self, old: _Schema, new: _Schema, path: str) -> Iterator[str]:
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if before == after:
            return
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self._differences(before, after, f"{path}.*")
        elif after is False or (isinstance(after, Mapping) and before is True):
            yield f"{_at(path)} no longer takes unknown fields"
        elif self._strict:
            yield f"{_at(path)} now takes unknown fields"


def _alternatives(schema: _Schema, root: _Schema) -> dict[str, _Schema]:
    """What a value may be, by kind (`string`, `null`, ...), references followed; the words beside `anyOf` go to all."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        return _alternatives({**target, **beside}, root)
    if "anyOf" not in schema:
        return {str(schema.get("type", "anything")): schema}
    beside = {word: value for word, value in schema.items() if word != "anyOf"}
    found: dict[str, _Schema] = {}
    for choice in schema["anyOf"]:
        for kind, alternative in _alternatives({**choice, **beside}, root).items():
            name = kind if kind not in found else f"{kind} ({len(found) + 1})"
            found[name] = alternative
    return found


def _allowed(schema: _Schema) -> list[Any] | None:
    """The only values that a schema takes; None: it does not list them."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _at(path: str) -> str:
    return path or "the message"
