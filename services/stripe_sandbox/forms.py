"""The v1 wire format: form fields with brackets, `items[0][amount]=5`, into nested dictionaries.

Lists stay dictionaries with keys "0", "1", … here, since only the type of the parameter tells a list from a map
whose keys happen to be numbers (metadata[0]=…); `contracts.py` decides.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
MAX_DEPTH = 10
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


class MalformedFormError(ValueError):
    """A field name that is not well formed; `args[0]` is the name."""


def decode(text: str) -> Json:
    """Decode a form body or a query string. Raises MalformedFormError."""
    result: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.match(name)
        if match is None:
            raise MalformedFormError(name)
        path = [match[1], *_PART.findall(match[2])]
        if len(path) > MAX_DEPTH:
            raise MalformedFormError(name)
        _place(result, path, value, name)
    return result


def _place(target: Json, path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        key = part or str(len(target))
        child = target.setdefault(key, {})
        if not isinstance(child, dict):
            raise MalformedFormError(name)
        target = child
    last = path[-1] or str(len(target))
    if isinstance(target.get(last), dict):
        raise MalformedFormError(name)
    target[last] = value
