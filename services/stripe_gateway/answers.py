"""What to do about an error of Stripe: try again, tell a decline, set it aside, stop everything, or look first.

The one place that maps them (STRIPE.md 2.5). Statuses and codes decide, never the wording of a message.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from stripe import StripeError

from services.stripe_gateway.readings import CardTrouble, Declined, Refused


class Verdict(Enum):
    """What to do."""

    RETRY = "retry"
    """Same key, same parameters, later: nobody knows whether it was done, or it certainly was not."""
    SERVER_ERROR = "server_error"
    """The same, but Stripe may have stored this very error under the key: after some tries, look."""
    DECLINE = "refuse"
    """A no that is a fact of business: tell it."""
    PARK = "park"
    """A no that no rule foresees: an open item for an operator."""
    STOP = "stop"
    """The key is not accepted: nothing is called, and nothing marked as failed, until that is mended."""
    LOOK = "look"
    """Trying again cannot help: read what is there now."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An error, read."""

    verdict: Verdict
    code: str
    message: str
    http_status: int
    request_id: str
    param: str = ""
    trouble: CardTrouble | None = None

    @property
    def reason(self) -> str:
        """For logs and metrics: short, and without anything of a person."""
        return f"{self.http_status or 'no answer'} {self.code}".strip()

    def declined(self) -> Declined:
        """As the answer to a call."""
        trouble = self.trouble or CardTrouble(code=self.code, message=self.message)
        return Declined(trouble=trouble, http_status=self.http_status, request_id=self.request_id)

    def refused(self) -> Refused:
        """As the answer to a call."""
        return Refused(
            code=self.code or "refused",
            message=self.message,
            http_status=self.http_status,
            request_id=self.request_id,
        )


_STATE_CODES = frozenset({"payment_intent_unexpected_state", "intent_invalid_state"})
"""The intent moved on without our knowing: what it is now is the answer."""

_TRANSFER_DECLINES = frozenset(
    {
        "balance_insufficient",
        "insufficient_funds",
        "account_closed",
        "account_invalid",
        "capability_not_active",
        "insufficient_capabilities_for_transfer",
        "transfers_not_allowed",
    }
)
"""Nothing moved, and payouts knows what to do: try later, or wait for the account."""

_REFUND_DECLINES = frozenset(
    {
        "amount_too_large",
        "balance_insufficient",
        "charge_already_refunded",
        "charge_disputed",
        "charge_not_refundable",
        "insufficient_funds",
        "refund_disputed_payment",
    }
)
"""Nothing moved, and asking again would not help: the charge is disputed, or has nothing left to give back."""

_REVERSAL_DECLINES = frozenset({"amount_too_large", "balance_insufficient", "insufficient_funds"})
"""Nothing moved: the trainer's balance does not cover it, or the transfer has no more left to reverse."""

_MORE_THAN_IS_LEFT = frozenset({"create_refund", "reverse_transfer"})
"""Of these, Stripe refuses a sum that is larger than what is left by naming the parameter, without a code."""

_INTENT_CALLS = frozenset({"confirm_payment_intent", "authenticate_payment_intent"})


def judge(error: StripeError, operation: str = "", *, on_behalf: bool = False) -> Judged:
    """What to do about an error of a call.

    `operation`: the kind of call, as some codes mean a decline for one and a defect for another. `on_behalf`: it was
    made for a connected account (Stripe-Account), whose trouble is not everybody's.
    """
    status = error.http_status or 0
    details = _details(error)
    # A key that was reused for other parameters has a type alone.
    code = str(details.get("code") or error.code or (details.get("type") if status == 400 else "") or "")
    if code == "invalid_request_error":
        code = ""
    if not code and status == 400 and operation in _MORE_THAN_IS_LEFT and details.get("param") == "amount":
        code = "amount_too_large"
    judged = Judged(
        _verdict(status, code, details, error, operation, on_behalf=on_behalf),
        code,
        str(details.get("message") or error.user_message or type(error).__name__),
        status,
        error.request_id or "",
        str(details.get("param") or ""),
    )
    if judged.verdict is not Verdict.DECLINE:
        return judged
    trouble = CardTrouble(
        code=code or "declined",
        decline_code=str(details.get("decline_code") or ""),
        advice_code=str(details.get("advice_code") or ""),
        message=judged.message,
        charge_id=_id(details.get("charge")),
        payment_method_id=_id(details.get("payment_method")),
    )
    return replace(judged, trouble=trouble)


def _verdict(
    status: int, code: str, details: dict[str, Any], error: StripeError, operation: str, *, on_behalf: bool
) -> Verdict:
    if status >= 500:
        told_not_to = (error.headers or {}).get("stripe-should-retry") == "false"
        return Verdict.LOOK if told_not_to else Verdict.SERVER_ERROR
    if status == 403 and on_behalf:
        return Verdict.PARK
    # Below 400 there is no answer, or one that broke off: the outcome is unknown until there is one.
    if status < 400 or code == "rate_limit":
        return Verdict.RETRY
    return _BY_STATUS.get(status) or _of_a_refusal(code, str(details.get("param") or ""), operation)


_BY_STATUS = {
    401: Verdict.STOP,
    402: Verdict.DECLINE,
    403: Verdict.STOP,
    409: Verdict.RETRY,
    429: Verdict.RETRY,
}


def _of_a_refusal(code: str, param: str, operation: str) -> Verdict:
    """400 and 404 (and v2's typed ones): a defect of ours, unless the kind of call knows better."""
    if operation in _INTENT_CALLS:
        if code in _STATE_CODES:
            return Verdict.LOOK
        # The card is gone or was never set up for this: as a decline, another one helps.
        if param == "payment_method" or code.startswith("payment_method_"):
            return Verdict.DECLINE
    if operation == "cancel_payment_intent" and code in _STATE_CODES:
        return Verdict.LOOK
    return Verdict.DECLINE if code in _DECLINES.get(operation, ()) else Verdict.PARK


_DECLINES = {
    "create_refund": _REFUND_DECLINES,
    "create_transfer": _TRANSFER_DECLINES,
    "reverse_transfer": _REVERSAL_DECLINES,
}


def _details(error: StripeError) -> dict[str, Any]:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _id(value: Any) -> str:
    return str(value.get("id") or "") if isinstance(value, dict) else str(value or "")
