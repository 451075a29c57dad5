"""Identifiers that look like Stripe's: a prefix that names the kind, then random letters and digits."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
LENGTHS = {"acct": 16, "cus": 14, "evt": 24, "cs_test": 58, "req": 14, "we": 24}
DEFAULT_LENGTH = 24

KIND_BY_PREFIX = {
    "cus": "customer",
    "pm": "payment_method",
    "seti": "setup_intent",
    "cs": "checkout.session",
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "pyr": "refund",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "txn": "balance_transaction",
    "po": "payout",
    "acct": "v2.core.account",
    "ba": "bank_account",
    "evt": "event",
    "we": "webhook_endpoint",
    "dp": "dispute",
    "du": "dispute",
    "issfr": "radar.early_fraud_warning",
    "tu": "topup",
}


def random_text(length: int) -> str:
    """Letters and digits, `length` of them."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """A new identifier, `pi_3Tq…`."""
    return f"{prefix}_{random_text(LENGTHS.get(prefix, DEFAULT_LENGTH))}"


def kind_of(identifier: str) -> str | None:
    """The kind of object that an identifier names, by its prefix; None when it is not one of ours."""
    return KIND_BY_PREFIX.get(identifier.partition("_")[0])
