"""What a decline means to the employer: a reason people understand, what to do, and whether trying again can help.

Source: https://docs.stripe.com/declines/codes (next steps and what to tell the customer) and the networks'
advice codes, https://docs.stripe.com/declines/card. Lost, stolen and suspected cards are told generically, as
Stripe asks, so that nobody learns from us that a card was reported.
"""

from typing import NamedTuple

from schemas.funding import RetryAdvice


class Decline(NamedTuple):
    """A decline, worded for the employer."""

    code: str
    reason: str
    advice: RetryAdvice

    @property
    def can_retry(self) -> bool:
        """Whether the same payment method may be tried again."""
        return self.advice in ("try_again_later", "confirm_card_data")


_GENERIC = "The card was declined. Ask the bank why, or use another card."
_KNOWN: dict[str, tuple[str, RetryAdvice]] = {
    "insufficient_funds": (
        "The card does not have enough money for this charge. Add money or use another card, then fund again.",
        "try_again_later",
    ),
    "expired_card": ("The card has expired. Use another card.", "use_another_method"),
    "payment_method_detached": ("The card was removed. Use another card.", "use_another_method"),
    "incorrect_cvc": ("The card's security code is wrong. Enter the card again.", "confirm_card_data"),
    "incorrect_number": ("The card's number is wrong. Enter the card again.", "confirm_card_data"),
    "processing_error": ("The bank could not process the charge. Try again in a while.", "try_again_later"),
    "card_velocity_exceeded": (
        "The card's limit for this period is reached. Try again later or use another card.",
        "try_again_later",
    ),
    "authentication_required": (
        "The bank asked for authentication and did not get it. Fund again and confirm with your bank.",
        "try_again_later",
    ),
    "authentication_expired": (
        "Nobody confirmed the charge with the bank in time, so it was cancelled. Fund again and confirm it.",
        "try_again_later",
    ),
    "payment_intent_canceled": (
        "The charge was cancelled before it was paid. Fund again to begin a new one.",
        "try_again_later",
    ),
    "call_refused": (
        "Stripe did not accept the charge; an operator was told. Nothing was charged.",
        "use_another_method",
    ),
}
_TOLD_GENERICALLY = {"lost_card", "stolen_card", "fraudulent", "pickup_card", "merchant_blacklist", "restricted_card"}
_NETWORK_ADVICE: dict[str, RetryAdvice] = {
    "do_not_try_again": "do_not_try_again",
    "try_again_later": "try_again_later",
    "confirm_card_data": "confirm_card_data",
}


def explain(code: str, decline_code: str = "", advice_code: str = "") -> Decline:
    """The employer's words for Stripe's codes; the network's advice, where it gave one, overrides ours."""
    told = decline_code or code
    if told in _TOLD_GENERICALLY:
        return Decline("card_declined", _GENERIC, "do_not_try_again")
    reason, advice = _KNOWN.get(told, (_GENERIC, "try_again_later"))
    return Decline(told if told in _KNOWN else "card_declined", reason, _NETWORK_ADVICE.get(advice_code, advice))
