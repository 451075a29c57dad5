"""Currencies: smallest and largest charge, and the price of a charge. Amounts are integers in minor units.

Minimums: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. Prices are the public list prices
for domestic cards, good enough for a sandbox: what matters is that a fee exists and is booked.
"""

from services.stripe_sandbox.errors import invalid

MINIMUM_MINOR = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
OTHER_CURRENCIES = {
    "ars", "bhd", "clp", "cop", "crc", "gel", "ghs", "idr", "ils", "isk", "jod", "kes", "krw", "kwd", "mad", "ngn",
    "omr", "pen", "php", "pkr", "qar", "rsd", "sar", "tnd", "try", "twd", "uah", "ugx", "uyu", "vnd", "xaf", "xof",
    "zar",
}  # fmt: skip
"""Presented without a published minimum of their own: one unit of half a dollar is not knowable offline, so 1."""

ZERO_DECIMAL = {"clp", "jpy", "krw", "ugx", "vnd", "xaf", "xof"}
THREE_DECIMAL = {"bhd", "jod", "kwd", "omr", "tnd"}
MAXIMUM_MINOR = 99_999_999

FEE_BASIS_POINTS = {"usd": 290, "cad": 290, "eur": 150, "gbp": 150, "aud": 170, "jpy": 360}
FEE_FIXED_MINOR = {"usd": 30, "cad": 30, "eur": 25, "gbp": 20, "aud": 30, "chf": 30, "jpy": 0}
DEFAULT_FEE_BASIS_POINTS = 290


def is_supported(currency: str) -> bool:
    """Whether the sandbox presents in a currency."""
    return currency in MINIMUM_MINOR or currency in OTHER_CURRENCIES


def check_currency(currency: str, param: str = "currency") -> str:
    """The currency in small letters. Raises 400 when Stripe does not present in it."""
    lowered = currency.lower()
    if not is_supported(lowered):
        listed = ", ".join(sorted({*MINIMUM_MINOR, *OTHER_CURRENCIES}))
        raise invalid(f"Invalid currency: {lowered}. Stripe currently supports these currencies: {listed}", param=param)
    return lowered


def check_amount(amount_minor: int, currency: str) -> None:
    """Raise Stripe's own error for an amount that cannot be charged."""
    if amount_minor < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    minimum_minor = MINIMUM_MINOR.get(currency, 1)
    if amount_minor < minimum_minor:
        raise invalid(
            f"Amount must be at least {display(minimum_minor, currency)}", code="amount_too_small", param="amount"
        )
    if amount_minor > MAXIMUM_MINOR:
        raise invalid(
            f"Amount must be no more than {display(MAXIMUM_MINOR, currency)}", code="amount_too_large", param="amount"
        )


def fee_minor(amount_minor: int, currency: str) -> int:
    """Stripe's fee for a charge, rounded half up."""
    points = FEE_BASIS_POINTS.get(currency, DEFAULT_FEE_BASIS_POINTS)
    fee = (amount_minor * points + 5_000) // 10_000 + FEE_FIXED_MINOR.get(currency, 0)
    return min(fee, amount_minor)


def display(amount_minor: int, currency: str) -> str:
    """An amount for people: `$12.50 usd`, `50 jpy`."""
    symbol = {"usd": "$", "eur": "€", "gbp": "£"}.get(currency, "")
    exponent = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    if exponent == 0:
        return f"{symbol}{amount_minor:,} {currency}"
    whole, rest = divmod(abs(amount_minor), 10**exponent)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{symbol}{whole:,}.{rest:0{exponent}d} {currency}"
