"""What is bought in a Checkout Session in payment mode: line items with prices made inline (`price_data`)."""

from typing import Any

from services.stripe_sandbox.currencies import check_currency
from services.stripe_sandbox.errors import check_modelled, invalid, parameter_missing
from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.render import merge_metadata
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
MOST_ITEMS = 100
ITEM = {"quantity", "price_data", "metadata"}
PRICE = {"currency", "unit_amount", "product_data"}
PRODUCT = {"name", "description", "metadata", "images"}


def make(ctx: Context, params: Json) -> list[Json]:
    """The line items, all in one currency. Raises 400."""
    given = params.get("line_items")
    if not given:
        raise parameter_missing("line_items")
    if len(given) > MOST_ITEMS:
        raise invalid(f"The maximum number of line items in payment mode is {MOST_ITEMS}.", param="line_items")
    items = [_item(ctx, item, f"line_items[{place}]") for place, item in enumerate(given)]
    currencies = sorted({item["currency"] for item in items})
    if len(currencies) > 1:
        raise invalid(
            f"All prices on a Checkout Session must have the same currency, these have: {', '.join(currencies)}.",
            param="line_items",
        )
    return items


def total_minor(items: list[Json]) -> int:
    """What all of it costs, minor units."""
    return sum(item["amount_total"] for item in items)


def _item(ctx: Context, item: Json, path: str) -> Json:
    check_modelled(item, ITEM, path)
    if "price_data" not in item:
        raise parameter_missing(f"{path}[price_data]")
    quantity = item.get("quantity", 1)
    if quantity < 1:
        raise invalid("Quantity must be at least 1.", param=f"{path}[quantity]")
    price = _price(ctx, item["price_data"], f"{path}[price_data]")
    amount_minor = quantity * price["unit_amount"]
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount_minor,
        "amount_tax": 0,
        "amount_total": amount_minor,
        "currency": price["currency"],
        "description": item["price_data"]["product_data"]["name"],
        "metadata": merge_metadata({}, item.get("metadata")),
        "price": price,
        "quantity": quantity,
    }


def _price(ctx: Context, data: Json, path: str) -> Json:
    check_modelled(data, PRICE, path)
    for name in ("unit_amount", "product_data"):
        if name not in data:
            raise parameter_missing(f"{path}[{name}]")
    if data["unit_amount"] < 0:
        raise invalid("This value must be greater than or equal to 0.", param=f"{path}[unit_amount]")
    check_modelled(data["product_data"], PRODUCT, f"{path}[product_data]")
    return {
        "id": new_id("price"),
        "object": "price",
        # A price made inline serves this session only.
        "active": False,
        "billing_scheme": "per_unit",
        "created": ctx.now_s,
        "currency": check_currency(data["currency"]),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod"),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": data["unit_amount"],
        "unit_amount_decimal": str(data["unit_amount"]),
    }
