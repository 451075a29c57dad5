"""Money: an integer in minor units with its currency. No float, no `* 100`, anywhere.

Source of exponents and minimum charges: https://docs.stripe.com/currencies (presentment currencies, "Minimum
and maximum charge amounts"). Where Stripe publishes no minimum of its own for a currency, the least that any
settlement currency asks (about half a US dollar) is rounded up to a plain figure here, so that a charge which
passes this table is not refused by Stripe for its size.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, model_validator

MAXIMUM_MINOR = 99_999_999
"""Stripe's largest charge: eight digits in minor units (999,999.99 in most currencies)."""


class Currency(NamedTuple):
    """What must be known of a currency to charge in it."""

    code: str
    exponent: int
    """Decimal places of the major unit: 2 for usd, 0 for jpy, 3 for kwd."""
    minimum_minor: int
    """Smallest charge, in minor units."""


CURRENCIES: dict[str, Currency] = {
    currency.code: currency
    for currency in (
        Currency("aed", 2, 200),
        Currency("aud", 2, 50),
        Currency("bgn", 2, 100),
        Currency("bhd", 3, 200),
        Currency("brl", 2, 50),
        Currency("cad", 2, 50),
        Currency("chf", 2, 50),
        Currency("clp", 0, 500),
        Currency("czk", 2, 1500),
        Currency("dkk", 2, 250),
        Currency("eur", 2, 50),
        Currency("gbp", 2, 30),
        Currency("hkd", 2, 400),
        Currency("huf", 2, 17500),
        Currency("inr", 2, 50),
        Currency("jod", 3, 400),
        Currency("jpy", 0, 50),
        Currency("krw", 0, 700),
        Currency("kwd", 3, 200),
        Currency("mxn", 2, 1000),
        Currency("myr", 2, 200),
        Currency("nok", 2, 300),
        Currency("nzd", 2, 50),
        Currency("omr", 3, 200),
        Currency("pln", 2, 200),
        Currency("ron", 2, 200),
        Currency("sek", 2, 300),
        Currency("sgd", 2, 50),
        Currency("thb", 2, 1000),
        Currency("tnd", 3, 1600),
        Currency("usd", 2, 50),
        Currency("vnd", 0, 13000),
    )
}


def currency_of(code: str) -> Currency:
    """The currency with this lower-case ISO 4217 code. Raises ValueError when it is not supported."""
    try:
        return CURRENCIES[code]
    except KeyError:
        raise ValueError(f"currency {code!r} is not supported; use one of {', '.join(sorted(CURRENCIES))}") from None


def check_currency(code: str) -> str:
    """`code` itself when supported, else ValueError (the validator of every currency field)."""
    # Every amount that is said is checked: the lookup alone is half the time of `currency_of(code).code`.
    return code if code in CURRENCIES else currency_of(code).code


CurrencyCode = Annotated[
    str, AfterValidator(check_currency), Field(examples=["usd"], json_schema_extra={"pattern": "^[a-z]{3}$"})
]
"""A supported currency. The JSON schema says only its form: another currency is not another schema."""
AmountMinor = Annotated[StrictInt, Field(gt=0, le=MAXIMUM_MINOR, examples=[120_000])]
"""An amount of money in minor units, more than zero, at most what Stripe charges at once."""
WholeMinor = Annotated[StrictInt, Field(ge=0, examples=[0])]
"""A sum of money in minor units, zero allowed."""
ChangeMinor = Annotated[StrictInt, Field(examples=[-80_000])]
"""By how much a sum of money changed, in minor units: negative where it became less."""


def check_chargeable(amount_minor: int, currency: str) -> None:
    """Raises ValueError, saying the bounds, when Stripe would refuse a charge for its amount.

    Source: https://docs.stripe.com/currencies (minimum and maximum, three-decimal currencies).
    """
    minimum_minor = currency_of(currency).minimum_minor
    if amount_minor < minimum_minor:
        raise ValueError(
            f"{show(amount_minor, currency)} is below the least that can be charged in {currency}: "
            f"{show(minimum_minor, currency)} (amount_minor {minimum_minor})"
        )
    if amount_minor > MAXIMUM_MINOR:
        raise ValueError(
            f"{show(amount_minor, currency)} is above the most that can be charged at once: "
            f"{show(MAXIMUM_MINOR, currency)} (amount_minor {MAXIMUM_MINOR})"
        )
    if currency_of(currency).exponent == 3 and amount_minor % 10:
        raise ValueError(f"in {currency} it must end in 0: Stripe charges no thousandths there")


class Money(BaseModel):
    """`{"amount_minor": 15000, "currency": "usd"}`: 150.00 US dollars. Checked against Stripe's bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount_minor: AmountMinor
    currency: CurrencyCode

    @model_validator(mode="after")
    def _within_stripes_bounds(self) -> "Money":
        check_chargeable(self.amount_minor, self.currency)
        return self


def show(amount_minor: int, currency: str) -> str:
    """For people: `1,200.00 USD`, `5,000 JPY`, `1.250 KWD`."""
    exponent = currency_of(currency).exponent
    sign = "-" if amount_minor < 0 else ""
    whole, fraction = divmod(abs(amount_minor), 10**exponent)
    return f"{sign}{whole:,}{f'.{fraction:0{exponent}}' if exponent else ''} {currency.upper()}"


def split(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divide `total_minor` in proportion to `weights` by largest remainder; the parts sum to the total.

    Ties go to the earlier part. Raises ValueError for a negative total, no weights, or weights that are
    negative or sum to zero.
    """
    whole = sum(weights)
    if total_minor < 0 or whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("split needs a total of zero or more and weights that are not negative nor all zero")
    parts = [total_minor * weight // whole for weight in weights]
    left = total_minor - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_minor * weights[i] % whole), i))
    for i in by_remainder[:left]:
        parts[i] += 1
    return parts


def share(amount_minor: int, basis_points: int, currency: str) -> int:
    """`basis_points` (1/100 of a per cent) of an amount, half up to the minor unit.

    A three-decimal currency is rounded to ten minor units: Stripe takes only amounts that end in 0 there.
    """
    step = 10 if currency_of(currency).exponent == 3 else 1
    unit = 10_000 * step
    return (amount_minor * basis_points + unit // 2) // unit * step
