"""The test cards and what each does, by number and by `pm_card_…` name.

Source: https://docs.stripe.com/testing as kept in STRIPE.md 4.1. A number that is not in the table but passes the Luhn
check is refused as Stripe refuses it in test mode: the request was in test mode, but used a non test card.
"""

from dataclasses import dataclass
from typing import Any, Literal

from services.stripe_sandbox.errors import ApiError

Json = dict[str, Any]


@dataclass(frozen=True)
class Decline:
    """How an issuer says no."""

    code: str
    decline_code: str
    message: str
    advice_code: str | None = None
    outcome_type: Literal["issuer_declined", "blocked"] = "issuer_declined"


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.", "try_again_later")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later"
)
LOST = Decline("card_declined", "lost_card", "Your card was declined.", "do_not_try_again")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.", "do_not_try_again")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", "confirm_card_data")
INCORRECT_CVC = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data"
)
PROCESSING_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
)
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "try_again_later",
)
FRAUDULENT = Decline("card_declined", "fraudulent", "Your card was declined.", "do_not_try_again", "blocked")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

Authentication = Literal["never", "unless_set_up", "on_session", "always"]
"""When a charge must be authenticated by its holder."""


@dataclass(frozen=True)
class TestCard:
    """One test card: what it is and how it behaves."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    number: str
    tokens: tuple[str, ...]
    about: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    setup_decline: Decline | None = None
    setup_authentication: bool = False
    charge_decline: Decline | None = None
    authentication: Authentication = "never"
    bypasses_pending: bool = False
    dispute: str | None = None
    early_fraud_warning: bool = False
    refund: Literal["succeeds", "pending_then_succeeds", "succeeds_then_fails"] = "succeeds"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declining(number: str, token: str, decline: Decline) -> TestCard:
    tokens = (f"pm_card_{token}", f"pm_card_visa_{token}")
    about = f"declined: {decline.decline_code}"
    return TestCard(number, tokens, about, setup_decline=decline, charge_decline=decline)


CARDS: tuple[TestCard, ...] = (
    TestCard("4242424242424242", ("pm_card_visa", "pm_card_us"), "succeeds"),
    TestCard("4000056655665556", ("pm_card_visa_debit",), "succeeds", funding="debit"),
    TestCard("5555555555554444", ("pm_card_mastercard",), "succeeds", brand="mastercard"),
    TestCard("378282246310005", ("pm_card_amex",), "succeeds", brand="amex"),
    TestCard("4000002760000016", ("pm_card_de",), "succeeds", country="DE"),
    TestCard("4000008260000000", ("pm_card_gb",), "succeeds", country="GB"),
    _declining("4000000000000002", "chargeDeclined", GENERIC),
    _declining("4000000000009995", "chargeDeclinedInsufficientFunds", INSUFFICIENT_FUNDS),
    _declining("4000000000009987", "chargeDeclinedLostCard", LOST),
    _declining("4000000000009979", "chargeDeclinedStolenCard", STOLEN),
    _declining("4000000000000069", "chargeDeclinedExpiredCard", EXPIRED),
    _declining("4000000000000127", "chargeDeclinedIncorrectCvc", INCORRECT_CVC),
    _declining("4000000000000119", "chargeDeclinedProcessingError", PROCESSING_ERROR),
    _declining("4000000000006975", "chargeDeclinedVelocityLimitExceeded", VELOCITY),
    _declining("4100000000000019", "radarBlock", FRAUDULENT),
    TestCard(
        "4000000000000341", ("pm_card_chargeCustomerFail",), "saved, then each charge declines", charge_decline=GENERIC
    ),
    TestCard(
        "4000002500003155",
        ("pm_card_authenticationRequiredOnSetup",),
        "authentication at set-up, then charged off-session",
        setup_authentication=True,
        authentication="unless_set_up",
    ),
    TestCard(
        "4000002760003184",
        ("pm_card_authenticationRequired",),
        "authentication at set-up and at each charge: off-session charges answer authentication_required",
        setup_authentication=True,
        authentication="always",
    ),
    TestCard(
        "4000003800000446",
        ("pm_card_authenticationRequiredSetupForOffSession",),
        "already set up for off-session charges; on-session ones ask for authentication",
        authentication="on_session",
    ),
    TestCard(
        "4000008260003178",
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        "authentication at set-up, then each charge declines: insufficient_funds",
        setup_authentication=True,
        authentication="unless_set_up",
        charge_decline=INSUFFICIENT_FUNDS,
    ),
    TestCard(
        "4000000000003220",
        ("pm_card_threeDSecure2Required",),
        "3D Secure 2 must be completed at each payment",
        setup_authentication=True,
        authentication="always",
    ),
    TestCard(
        "4000008400001629",
        ("pm_card_threeDSecureRequiredChargeDeclined",),
        "3D Secure must be completed, then the charge declines",
        setup_authentication=True,
        authentication="always",
        charge_decline=GENERIC,
    ),
    TestCard("4000000000000077", ("pm_card_bypassPending",), "money is available at once", bypasses_pending=True),
    TestCard("4000000000000259", ("pm_card_createDispute",), "disputed as fraudulent", dispute="fraudulent"),
    TestCard(
        "4000000000002685",
        ("pm_card_createDisputeProductNotReceived",),
        "disputed as product_not_received",
        dispute="product_not_received",
    ),
    TestCard("4000000000001976", ("pm_card_createDisputeInquiry",), "an inquiry is opened", dispute="inquiry"),
    TestCard(
        "4000000000005423",
        ("pm_card_createIssuerFraudRecord",),
        "an early fraud warning is raised",
        early_fraud_warning=True,
    ),
    TestCard(
        "4000000000007726", ("pm_card_pendingRefund",), "refunds are pending first", refund="pending_then_succeeds"
    ),
    TestCard("4000000000005126", ("pm_card_refundFail",), "refunds fail later", refund="succeeds_then_fails"),
)

BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {token: card for card in CARDS for token in card.tokens}


def card_error(decline: Decline, **details: object) -> ApiError:
    """402 card_error for a decline. The attempt is kept: Stripe records what the issuer said."""
    return ApiError(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        advice_code=decline.advice_code,
        param="number" if decline.code == "incorrect_number" else None,
        details=dict(details),
        keeps_changes=True,
    )


def find_number(number: str) -> TestCard:
    """The card of a number as a person types it. Raises 402 card_error as Stripe words it."""
    digits = number.replace(" ", "").replace("-", "")
    card = BY_NUMBER.get(digits)
    if card is not None:
        return card
    if not digits.isdigit() or not _luhn(digits):
        raise ApiError(402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="number")
    message = "Your card was declined. Your request was in test mode, but used a non test card."
    decline = Decline("card_declined", "test_mode_live_card", message)
    raise card_error(decline)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return len(digits) >= 12 and total % 10 == 0
