"""Countries of connected accounts: settlement currency and how long money of a charge stays pending.

Countries: https://docs.stripe.com/connect (STRIPE.md 1.9), availability: https://docs.stripe.com/payouts
#standard-payout-timing, in days of the sandbox's clock.
"""

from dataclasses import dataclass

EURO = [
    "AT",
    "BE",
    "BG",
    "CY",
    "DE",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MC",
    "MT",
    "NL",
    "PT",
    "SI",
    "SK",
    "SM",
]
OTHERS = {
    "AE": "aed", "AU": "aud", "BR": "brl", "CA": "cad", "CH": "chf", "CZ": "czk", "DK": "dkk", "GB": "gbp",
    "GI": "gbp", "HK": "hkd", "HU": "huf", "IS": "eur", "JP": "jpy", "LI": "chf", "MX": "mxn", "MY": "myr",
    "NO": "nok", "NZ": "nzd", "PL": "pln", "RO": "ron", "SE": "sek", "SG": "sgd", "TH": "thb", "US": "usd",
    "AR": "ars", "BH": "bhd", "CL": "clp", "CO": "cop", "CR": "crc", "GH": "ghs", "ID": "idr", "IL": "ils",
    "IN": "inr", "JO": "jod", "KE": "kes", "KR": "krw", "KW": "kwd", "MA": "mad", "NG": "ngn", "OM": "omr",
    "PE": "pen", "PH": "php", "PK": "pkr", "QA": "qar", "RS": "rsd", "SA": "sar", "SN": "xof", "TN": "tnd",
    "TR": "try", "TW": "twd", "UY": "uyu", "VN": "vnd", "ZA": "zar",
}  # fmt: skip

SELF_SERVE_REGION = {*EURO, "US", "GB", "CA", "CH", "CZ", "DK", "HU", "IS", "LI", "NO", "PL", "RO", "SE"} - {"MC", "SM"}
"""A platform in one of these may pay accounts in any other of them; elsewhere only in its own country."""

AVAILABILITY_DAYS = {"US": 2, "AU": 2, "NZ": 3, "JP": 4, "BR": 30, "TH": 7, "MY": 7, "IN": 7}
DEFAULT_AVAILABILITY_DAYS = 3


@dataclass(frozen=True)
class Country:
    """What the sandbox knows of a country."""

    code: str
    currency: str
    availability_days: int


COUNTRIES = {
    code: Country(code, currency, AVAILABILITY_DAYS.get(code, DEFAULT_AVAILABILITY_DAYS))
    for code, currency in {**dict.fromkeys(EURO, "eur"), **OTHERS}.items()
}


def find_country(code: str) -> Country | None:
    """A country by its two letters in either case."""
    return COUNTRIES.get(code.upper())


def may_transfer(platform: str, destination: str) -> bool:
    """Whether separate charges and transfers reach a destination's country from the platform's country."""
    return platform == destination or {platform, destination} <= SELF_SERVE_REGION
