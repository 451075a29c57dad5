"""Which currencies the platform's balance is kept in, and what becomes of money in another one: Stripe converts it.

Source: STRIPE.md 1.8. The rates are made up and never change; what matters is that another sum in another currency
arrives, with `exchange_rate` on its balance transaction. Whole numbers only.
"""

from typing import NamedTuple

from services.stripe_sandbox.currencies import THREE_DECIMAL, ZERO_DECIMAL
from services.stripe_sandbox.sandbox import Context

_PER_USD_MILLIONTHS = {"usd": 1_000_000, "eur": 920_000, "gbp": 790_000, "cad": 1_360_000, "jpy": 151_000_000}
"""What a US dollar is worth, in millionths of the unit; every other currency is worth as much as a dollar here."""


class Settled(NamedTuple):
    """A sum as it is on the balance."""

    amount_minor: int
    currency: str
    exchange_rate: float | None
    """As Stripe shows it; None where nothing was converted. Nothing is computed with it."""


def currency_on_balance(ctx: Context, currency: str) -> str:
    """In which currency money in `currency` is kept on the account's balance: the first settlement currency where it
    is none of them. Trainers' accounts take what they are sent."""
    kept = ctx.sandbox.settlement_currencies if ctx.is_platform else ()
    return currency if not kept or currency in kept else kept[0]


def settle(ctx: Context, amount_minor: int, currency: str) -> Settled:
    """A sum as it comes to the account's balance, or leaves it, rounded half up."""
    target = currency_on_balance(ctx, currency)
    if target == currency:
        return Settled(amount_minor, currency, None)
    above = _worth(target) * 10 ** _exponent(target)
    below = _worth(currency) * 10 ** _exponent(currency)
    sign = -1 if amount_minor < 0 else 1
    converted = sign * ((2 * abs(amount_minor) * above + below) // (2 * below))
    return Settled(converted, target, round(_worth(target) / _worth(currency), 6))


def _worth(currency: str) -> int:
    return _PER_USD_MILLIONTHS.get(currency, _PER_USD_MILLIONTHS["usd"])


def _exponent(currency: str) -> int:
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
