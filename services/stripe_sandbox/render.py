"""From a stored object to an answer: hide what is internal, expand what was asked for, page through lists."""

from collections.abc import Callable, Iterable
from typing import Any

from services.stripe_sandbox.errors import ApiError, invalid, no_such
from services.stripe_sandbox.ids import kind_of
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
Match = Callable[[Json], bool]
MAX_EXPAND_DEPTH = 4
MAX_LIMIT = 100
DEFAULT_LIMIT = 10
DEFAULT_V2_LIMIT = 20


def public(item: Json) -> Json:
    """The object without its internal fields, whose names begin with an underscore."""
    return {
        name: public(value) if isinstance(value, dict) else value
        for name, value in item.items()
        if not name.startswith("_")
    }


def expand(ctx: Context, item: Json, paths: Iterable[str]) -> Json:
    """Replace ids by their objects along `paths` (`latest_charge.balance_transaction`, `data.source`). Raises 400."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_EXPAND_DEPTH + 1:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(ctx, item, parts, path)
    return item


def _expand(ctx: Context, item: Json, parts: list[str], path: str) -> None:
    name, *rest = parts
    if (item.get("object"), name) == ("checkout.session", "line_items"):
        item[name] = _line_items(ctx, item["id"])
    if name not in item:
        raise invalid(
            f"This property cannot be expanded ({path}). You may want to try expanding a property that is part of the"
            " object, see https://docs.stripe.com/api/expanding_objects",
            param="expand",
        )
    value = item[name]
    if name == "data" and isinstance(value, list):
        for entry in value:
            _expand(ctx, entry, rest, path)
        return
    if isinstance(value, str):
        kind = kind_of(value)
        found = ctx.store.get(kind, value) if kind else None
        if found is None or kind is None:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        value = item[name] = view(ctx, kind, found)
    if rest and isinstance(value, dict):
        _expand(ctx, value, rest, path)


def _line_items(ctx: Context, session: str) -> Json:
    """What a session shows only where it is asked for."""
    found = ctx.store.get("checkout.session", session) or {}
    return page_of(found.get("_items", []), {}, f"/v1/checkout/sessions/{session}/line_items")


def view(ctx: Context, kind: str, item: Json) -> Json:
    """An object as an expansion shows it; accounts are shown by their v1 view."""
    if kind == "v2.core.account":
        from services.stripe_sandbox.resources.accounts_v1 import v1_view  # noqa: PLC0415 - a view needs the resource

        return v1_view(ctx, item)
    return public(item)


def page(
    ctx: Context,
    kind: str,
    params: Json,
    url: str,
    *,
    filters: tuple[str, ...] = (),
    matching: Match | None = None,
    by: tuple[str, Any] | None = None,
    shown: Callable[[Json], Json] = public,
) -> Json:
    """A v1 list object, newest first, with `starting_after`, `ending_before`, `limit` and `created`.

    `filters` names parameters that must equal the field of the same name. Raises 400 for a bad limit or cursor.
    """
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise _bad_limit()
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: ending_before, starting_after.")
    for cursor, name in ((after, "starting_after"), (before, "ending_before")):
        if cursor:
            ctx.require(kind, cursor, param=name)
    wanted = {name: params[name] for name in filters if name in params}
    index = by or next(iter(wanted.items()), None)

    def keep(item: Json) -> bool:
        return (
            all(item.get(name) == value for name, value in wanted.items())
            and _in_range(item.get("created", 0), params.get("created"))
            and (matching is None or matching(item))
        )

    found = (item for item in ctx.store.newest_first(kind, ctx.account, index) if keep(item))
    if before:
        newer: list[Json] = []
        for item in found:
            if item["id"] == before:
                break
            newer.append(item)
        chosen, more = newer[-limit:], len(newer) > limit
    else:
        chosen, more = _take(found, after, limit)
    return {"object": "list", "data": [shown(item) for item in chosen], "has_more": more, "url": url}


def _bad_limit() -> ApiError:
    return invalid(f"Invalid limit: must be between 1 and {MAX_LIMIT}", code="parameter_invalid_integer", param="limit")


def _take(found: Iterable[Json], after: str | None, limit: int) -> tuple[list[Json], bool]:
    chosen: list[Json] = []
    started = after is None
    for item in found:
        if not started:
            started = item["id"] == after
        elif len(chosen) == limit:
            return chosen, True
        else:
            chosen.append(item)
    return chosen, False


def page_of(items: list[Json], params: Json, url: str) -> Json:
    """A v1 list object of parts that an object keeps in its own order, with `starting_after` and `limit`."""
    limit, after = params.get("limit", DEFAULT_LIMIT), params.get("starting_after")
    if not 1 <= limit <= MAX_LIMIT:
        raise _bad_limit()
    if after and after not in [item["id"] for item in items]:
        raise no_such("item", after, "starting_after")
    chosen, more = _take(items, after, limit)
    return {"object": "list", "data": [public(item) for item in chosen], "has_more": more, "url": url}


def page_v2(found: list[Json], params: Json, url: str, *, shown: Callable[[Json], Json] = public) -> Json:
    """A v2 list: `found` (newest first) from where the `page` token says. `url` already carries the other parameters.

    The token is the id of the neighbour, with a minus for the way back: a page does not shift when objects are added.
    """
    limit = params.get("limit", DEFAULT_V2_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"Invalid limit: must be between 1 and {MAX_LIMIT}", param="limit")
    token = str(params.get("page", ""))
    places = {item["id"]: place for place, item in enumerate(found)}
    if token and token.lstrip("-") not in places:
        raise invalid("Invalid page token.", param="page")
    if token.startswith("-"):
        end = places[token[1:]]
        start = max(0, end - limit)
    else:
        start = places[token] + 1 if token else 0
        end = min(start + limit, len(found))
    here = found[start:end]
    link = f"{url}{'&' if '?' in url else '?'}limit={limit}&page="
    return {
        "data": [shown(item) for item in here],
        "next_page_url": f"{link}{here[-1]['id']}" if here and end < len(found) else None,
        "previous_page_url": f"{link}-{here[0]['id']}" if here and start > 0 else None,
    }


def _in_range(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    bounds = {
        "gt": lambda bound: created > bound,
        "gte": lambda bound: created >= bound,
        "lt": lambda bound: created < bound,
        "lte": lambda bound: created <= bound,
    }
    return all(bounds[name](bound) for name, bound in wanted.items())


def merge_metadata(current: Json, change: Any) -> Json:
    """Metadata after an update: keys are set, `""` unsets one, `""` for the whole clears all."""
    if change == "" or change is None:
        return {} if change == "" else current
    merged = {**current, **{name: str(value) for name, value in change.items() if value not in ("", None)}}
    return {name: value for name, value in merged.items() if change.get(name, value) not in ("", None)}


def empty_list(url: str) -> Json:
    """A list object with nothing in it."""
    return {"object": "list", "data": [], "has_more": False, "url": url}
