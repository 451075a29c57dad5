"""Checks requests and objects against the stripe library's own types, which are the specification of its API
version.

`check_request(SomeParams, params)` takes a `TypedDict` of `stripe.params` and gives the parameters back in
their types (a form sends "1200" where the type says int). `check_object(SomeClass, object)` takes a resource
class. Both are compiled once per type into closures. Limits, as STRIPE.md 5 says: the library does not tell
"may be absent" from "may be null", its open enums accept any text, and rules across fields are the handlers'
business.
"""

import ast
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, ForwardRef, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._request_options import RequestOptions

from services.stripe_sandbox.errors import ApiError, invalid, parameter_missing, parameter_unknown

Json = dict[str, Any]
Read = Callable[[Any, str, bool], Any]
"""(value, path of the parameter, value came from a form) -> value in its type; raises ApiError."""
Problems = list[str]
Check = Callable[[Any, str, Problems], None]

REMOVED_PARAMETERS = {"payment_method_types": "payment_method_types_no_longer_supported"}
_INTEGER = re.compile(r"^[+-]?\d{1,18}$")
_OPTIONS = frozenset(RequestOptions.__annotations__)


T = TypeVar("T")


def _once_per_type(make: Callable[[Any], T]) -> Callable[[Any], T]:
    """Remember what was made of each type; `functools.cache` refuses the library's classes, which hide `__hash__`."""
    made: dict[Any, T] = {}

    def once(key: Any) -> T:
        if key not in made:
            made[key] = make(key)
        return made[key]

    return once


# ------------------------------------------------------------------------------------------------ requests


def check_request(params_type: type[Any], params: Json, *, form: bool = True) -> Json:
    """The parameters in their types.

    Raises ApiError 400 with `parameter_unknown`, `parameter_missing` or what else is wrong, and the `param`.
    """
    return typing.cast("Json", _typed_dict_reader(params_type)(params, "", form))


def _below(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


@_once_per_type
def _typed_dict_reader(params_type: Any) -> Read:
    module = sys.modules[params_type.__module__]
    readers: dict[str, Read] = {}
    required: list[str] = []
    for name, annotation in params_type.__annotations__.items():
        if name in _OPTIONS and name != "stripe_account":
            continue
        inner, is_required = _requiredness(annotation, module)
        if is_required:
            required.append(name)
        readers[name] = _lazily(inner, module)

    def read(value: Any, path: str, form: bool) -> Json:
        if not isinstance(value, dict):
            raise invalid(f"Invalid hash: {path} must be an object", param=path)
        result: Json = {}
        for name, item in value.items():
            reader = readers.get(name)
            if reader is None:
                raise _unknown(_below(path, name))
            result[name] = reader(item, _below(path, name), form)
        for name in required:
            if name not in result or result[name] == "":
                raise parameter_missing(_below(path, name))
        return result

    return read


def _unknown(path: str) -> ApiError:
    code = REMOVED_PARAMETERS.get(path)
    if code is None:
        return parameter_unknown(path)
    return invalid(
        f"The `{path}` parameter is no longer supported in this API version. Remove it to use dynamic payment methods,"
        " or limit them with `allowed_payment_method_types`.",
        code=code,
        param=path,
    )


def _requiredness(annotation: Any, module: types.ModuleType) -> tuple[Any, bool]:
    annotation = _resolve(annotation, module)
    origin = get_origin(annotation)
    if origin in (NotRequired, Required):
        return get_args(annotation)[0], origin is Required
    return annotation, True


def _lazily(annotation: Any, module: types.ModuleType) -> Read:
    """A reader that is compiled when it is first used: parameter trees are large and mostly unused."""
    compiled: list[Read] = []

    def read(value: Any, path: str, form: bool) -> Any:
        if not compiled:
            compiled.append(_reader(annotation, module))
        return compiled[0](value, path, form)

    return read


def _reader(annotation: Any, module: types.ModuleType) -> Read:
    annotation = _resolve(annotation, module)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union_reader([_reader(option, module) for option in get_args(annotation)], get_args(annotation))
    if origin is Literal:
        return _literal_reader(get_args(annotation))
    if origin in (list, typing.List):  # noqa: UP006 - the library writes it so
        return _list_reader(_lazily(get_args(annotation)[0], module))
    if origin is dict or (isinstance(origin, type) and issubclass(origin, StripeObject)):
        return _map_reader(_lazily(get_args(annotation)[-1], module))
    if typing.is_typeddict(annotation) or _is_extension_typeddict(annotation):
        return _typed_dict_reader(annotation)
    simple: dict[Any, Read] = {
        str: _read_text, int: _read_int, bool: _read_bool, float: _read_decimal, Decimal: _read_decimal,
        type(None): _read_null,
    }  # fmt: skip
    return simple.get(annotation, lambda value, _path, _form: value)


def _is_extension_typeddict(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "__required_keys__")


def _read_text(value: Any, path: str, _form: bool) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value!r}", param=path)
    return value


def _read_int(value: Any, path: str, form: bool) -> int:
    if form and isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value == "":
        raise invalid(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter;"
            f" however '{path}' cannot be unset.",
            code="parameter_invalid_empty",
            param=path,
        )
    raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)


def _read_bool(value: Any, path: str, form: bool) -> bool:
    if form and value in ("true", "false"):
        return bool(value == "true")
    if isinstance(value, bool):
        return value
    raise invalid(f"Invalid boolean: {value}", param=path)


def _read_decimal(value: Any, path: str, _form: bool) -> str:
    text = str(value)
    if not re.match(r"^-?\d+(\.\d+)?$", text):
        raise invalid(f"Invalid decimal: {value}", param=path)
    return text


def _read_null(value: Any, path: str, _form: bool) -> None:
    if value is not None:
        raise invalid(f"Invalid value: {value!r} must be null", param=path)


def _literal_reader(options: tuple[Any, ...]) -> Read:
    def read(value: Any, path: str, _form: bool) -> Any:
        if value not in options or isinstance(value, bool):
            listed = ", ".join(str(option) for option in options if option != "")
            raise invalid(f"Invalid {path}: must be one of {listed or 'an empty string'}", param=path)
        return value

    return read


def _list_reader(item: Read) -> Read:
    def read(value: Any, path: str, form: bool) -> list[Any]:
        if form and isinstance(value, dict) and all(key.isdigit() for key in value):
            value = [value[key] for key in sorted(value, key=int)]
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {path}", param=path)
        return [item(entry, _below(path, str(number)), form) for number, entry in enumerate(value)]

    return read


def _map_reader(item: Read) -> Read:
    def read(value: Any, path: str, form: bool) -> Json:
        if not isinstance(value, dict):
            raise invalid(f"Invalid hash: {path}", param=path)
        return {
            str(key): entry if entry in (None, "") else item(entry, _below(path, str(key)), form)
            for key, entry in value.items()
        }

    return read


def _union_reader(readers: list[Read], options: tuple[Any, ...]) -> Read:
    # Text is the widest type and comes last, else "true" would never become a bool.
    order = sorted(range(len(options)), key=lambda number: options[number] is str)
    readers = [readers[number] for number in order]

    def read(value: Any, path: str, form: bool) -> Any:
        failures: list[ApiError] = []
        for reader in readers:
            try:
                return reader(value, path, form)
            except ApiError as error:
                failures.append(error)
        # The one that got furthest into the value says most about what is wrong.
        raise max(failures, key=lambda failure: len(failure.param or ""))

    return read


# ------------------------------------------------------------------------------------------------- objects


def check_object(resource: type[StripeObject], item: Json) -> Problems:
    """What is wrong with an object as the library's class describes it; an empty list when nothing is."""
    problems: Problems = []
    _object_checker(resource)(item, resource.__name__, problems)
    return problems


@_once_per_type
def _object_checker(resource: Any) -> Check:
    fields: dict[str, Check] = {}
    required: list[str] = []
    for cls in reversed(resource.__mro__):
        if not issubclass(cls, StripeObject) or cls.__module__ == StripeObject.__module__:
            continue
        module = sys.modules[cls.__module__]
        for name, annotation in inspect.get_annotations(cls).items():
            resolved = _resolve(annotation, module)
            if get_origin(resolved) is typing.ClassVar or name.startswith("_"):
                continue
            fields[name] = _lazy_check(resolved, module)
            if not _may_be_null(resolved):
                required.append(name)

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(f"{path}: not an object but {value!r}")
            return
        for name, item in value.items():
            if name not in fields:
                problems.append(f"{path}.{name}: unknown field")
            else:
                fields[name](item, f"{path}.{name}", problems)
        problems.extend(f"{path}.{name}: missing" for name in required if name not in value)

    return check


def _may_be_null(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _lazy_check(annotation: Any, module: types.ModuleType) -> Check:
    compiled: list[Check] = []

    def check(value: Any, path: str, problems: Problems) -> None:
        if not compiled:
            compiled.append(_checker(annotation, module))
        compiled[0](value, path, problems)

    return check


def _checker(annotation: Any, module: types.ModuleType) -> Check:  # noqa: PLR0911 - one return per kind of type
    annotation = _resolve(annotation, module)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union_check(get_args(annotation), module)
    if origin is Literal:
        options = get_args(annotation)
        return _simple_check(lambda value: value in options, f"one of {options}")
    if origin in (list, typing.List):  # noqa: UP006
        return _list_check(_lazy_check(get_args(annotation)[0], module))
    if isinstance(origin, type) and issubclass(origin, ListObject):
        return _page_check(_lazy_check(get_args(annotation)[0], module))
    if isinstance(annotation, type) and issubclass(annotation, StripeObject):
        return _object_checker(annotation)
    if origin is dict or (isinstance(origin, type) and issubclass(origin, StripeObject)):
        return _simple_check(lambda value: isinstance(value, dict), "an object")
    simple: dict[Any, Check] = {
        str: _simple_check(lambda value: isinstance(value, str), "text"),
        bool: _simple_check(lambda value: isinstance(value, bool), "true or false"),
        int: _simple_check(lambda value: isinstance(value, int) and not isinstance(value, bool), "an integer"),
        float: _simple_check(lambda value: isinstance(value, (int, float)), "a number"),
        Decimal: _simple_check(lambda value: isinstance(value, str), "a decimal as text"),
        type(None): _simple_check(lambda value: value is None, "null"),
    }
    return simple.get(annotation, lambda _value, _path, _problems: None)


def _simple_check(holds: Callable[[Any], bool], what: str) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        if not holds(value):
            problems.append(f"{path}: {value!r} is not {what}")

    return check


def _list_check(item: Check) -> Check:
    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problems.append(f"{path}: {value!r} is not a list")
            return
        for number, entry in enumerate(value):
            item(entry, f"{path}[{number}]", problems)

    return check


def _page_check(item: Check) -> Check:
    entries = _list_check(item)

    def check(value: Any, path: str, problems: Problems) -> None:
        if not isinstance(value, dict) or value.get("object") != "list":
            problems.append(f"{path}: {value!r} is not a list object")
            return
        if set(value) - {"object", "data", "has_more", "url", "total_count"}:
            problems.append(f"{path}: unknown fields in a list object")
        if not isinstance(value.get("has_more"), bool) or not isinstance(value.get("url"), str):
            problems.append(f"{path}: has_more or url missing")
        entries(value.get("data"), f"{path}.data", problems)

    return check


def _union_check(options: tuple[Any, ...], module: types.ModuleType) -> Check:
    checks = [_lazy_check(option, module) for option in options]

    def check(value: Any, path: str, problems: Problems) -> None:
        best: Problems | None = None
        for option in checks:
            found: Problems = []
            option(value, path, found)
            if not found:
                return
            # A class that nearly fits says more than "is not text".
            deeper = not found[0].startswith(f"{path}:")
            if best is None or (deeper and (best[0].startswith(f"{path}:") or len(found) < len(best))):
                best = found
        problems.extend(best or [])

    return check


# --------------------------------------------------------------------------------------- names in annotations


def _resolve(annotation: Any, module: types.ModuleType) -> Any:
    """A real type for an annotation that may be text or a forward reference."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    while isinstance(annotation, str):
        annotation = _evaluate(annotation, module)
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
    if isinstance(annotation, TypeVar):
        return Any
    return annotation


class _Names(dict[str, Any]):
    """The names of a module, its imports under TYPE_CHECKING included."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(vars(module))
        self._module = module

    def __missing__(self, name: str) -> Any:
        source = _type_checking_imports(self._module.__name__).get(name)
        if source is None:
            raise KeyError(name)
        value = getattr(importlib.import_module(source[0]), source[1])
        self[name] = value
        return value


@_once_per_type
def _names(module_name: str) -> _Names:
    return _Names(sys.modules[module_name])


def _evaluate(text: str, module: types.ModuleType) -> Any:
    # The text is an annotation of the installed stripe library, never input.
    return eval(text, {}, _names(module.__name__))  # noqa: S307


@_once_per_type
def _type_checking_imports(module_name: str) -> dict[str, tuple[str, str]]:
    file = sys.modules[module_name].__file__
    tree = ast.parse(Path(file).read_text()) if file else ast.parse("")
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
