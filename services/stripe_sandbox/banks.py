"""Test bank accounts: by number, what becomes of a payout to them.

Source: https://docs.stripe.com/connect/testing#account-numbers (STRIPE.md 4.1). Numbers of other countries: the
IBAN that Stripe's page gives per country works the same way; here any IBAN of the country is taken, one ending
in 3001 fails.
"""

from dataclasses import dataclass

TEST_ROUTING_NUMBER = "110000000"
GOOD_NUMBER = "000123456789"

FAILURES = {
    "000111111116": "no_account",
    "000111111113": "account_closed",
    "000222222227": "insufficient_funds",
    "000333333335": "debit_not_authorized",
    "000444444440": "invalid_currency",
}
INSTANT_INELIGIBLE = "000888888883"
FAILING_IBAN_END = "3001"

MESSAGES = {
    "no_account": "The bank account details on file are probably incorrect. No bank account could be located with those"
    " details.",
    "account_closed": "The bank account has been closed.",
    "insufficient_funds": "Your Stripe account has insufficient funds to cover the payout.",
    "debit_not_authorized": "Debit transactions are not approved on your bank account.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
    "could_not_process": "The bank could not process this payout.",
}


class FormError(ValueError):
    """What was typed into the form is not usable; the text says, for the page, what is."""


@dataclass(frozen=True)
class TestBank:
    """A bank account as it is typed in."""

    __test__ = False

    routing_number: str | None
    last4: str
    failure_code: str | None
    instant: bool


def find_bank(country: str, routing: str, number: str) -> TestBank:
    """The test bank account of a country. Raises FormError."""
    routing, number = routing.replace(" ", ""), number.replace(" ", "").upper()
    if country == "US":
        if routing != TEST_ROUTING_NUMBER:
            raise FormError(f"Use the test routing number {TEST_ROUTING_NUMBER}.")
        known = {GOOD_NUMBER, INSTANT_INELIGIBLE, *FAILURES}
        if number not in known:
            raise FormError(f"Use a test account number: {', '.join(sorted(known))}.")
        return TestBank(routing, number[-4:], FAILURES.get(number), number != INSTANT_INELIGIBLE)
    if not 8 <= len(number) <= 34 or not number.isalnum():
        raise FormError("Enter an IBAN or account number of 8 to 34 letters and digits.")
    failure = "no_account" if number.endswith(FAILING_IBAN_END) else FAILURES.get(number)
    return TestBank(routing or None, number[-4:], failure, instant=False)


def suggested_number(country: str) -> str:
    """A number that works, for the form."""
    return GOOD_NUMBER if country == "US" else f"{country}89370400440532013000"
