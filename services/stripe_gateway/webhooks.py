"""The webhook inbox's door: checked as it came, stored, answered at once. Nothing is decided here.

Source: https://docs.stripe.com/webhooks/signature (as in STRIPE.md 2.2).
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import stripe

from services.runtime.problems import Problem
from services.stripe_gateway.client import API_VERSION
from services.stripe_gateway.hints import Hint, NotUnderstoodError, hint_of
from services.stripe_gateway.logs import hide

if TYPE_CHECKING:
    from services.stripe_gateway.worklist import WorkList

logger = logging.getLogger(__name__)

TOLERANCE_S = 300
WEBHOOKS_CHANNEL = "stripe_webhooks"
"""NOTIFY wakes the inbox here."""

RECEIVED = "received"
DONE = "done"
PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Word:
    """An event whose signature is right, with what is to become of it."""

    event_id: str
    type: str
    account: str
    object_id: str
    body: str
    """As it came, but for what opens something: an intent's event carries its client secret."""
    state: str
    reason: str = ""


def verify(raw: bytes, header: str | None, secrets: tuple[str, ...], now: datetime) -> str:
    """The body as text, when it was signed with one of the secrets within 300 seconds of `now`, to either side.

    Raises a 400 Problem. The library lets times in the future pass, and compares with the machine's clock; both
    bounds by the platform's own clock are ours.
    """
    try:
        body = raw.decode()
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None
    signed_at = _signed_at(header)
    if abs(now.timestamp() - signed_at) > TOLERANCE_S:
        raise _bad(f"the signature's time is more than {TOLERANCE_S} s from ours")
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header or "", secret)
        except stripe.SignatureVerificationError:
            continue
        return body
    raise _bad("no signature of the header fits the body")


def _signed_at(header: str | None) -> int:
    for part in (header or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit():
            return int(value)
    raise _bad("the header Stripe-Signature with a time is missing")


def _bad(detail: str) -> Problem:
    return Problem(400, "bad_signature", detail)


def sort_out(body: str, *, live: bool, polled: bool = False) -> Word:
    """What is to become of an event. `live`: whether our key moves real money. Raises a 400 Problem for no event.

    `polled`: it was listed, not delivered. Then it has the account's own API version, which is no reason to set it
    aside: its body is never believed, only what it points at.
    """
    try:
        event: dict[str, Any] = json.loads(body)
        event_id, kind = event["id"], event["type"]
    except (ValueError, KeyError, TypeError):
        raise Problem(400, "no_event", "the body is no event of Stripe") from None
    if hide(body) != body:
        body = json.dumps(_hidden(event), separators=(",", ":"))
    try:
        hint = _hint(event, live=live, polled=polled)
    except NotUnderstoodError as error:
        return Word(event_id, kind, str(event.get("account") or ""), "", body, PARKED, str(error))
    state = DONE if hint.kind == "nothing" else RECEIVED
    return Word(event_id, kind, hint.account, hint.object_id, body, state)


def _hidden(found: Any) -> Any:
    """The same without secrets, text by text: over the whole, an address would not end with its quotation mark."""
    if isinstance(found, dict):
        return {name: _hidden(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_hidden(value) for value in found]
    return hide(found) if isinstance(found, str) else found


def _hint(event: dict[str, Any], *, live: bool, polled: bool) -> Hint:
    # Connect endpoints in live mode receive test events as well.
    if bool(event.get("livemode")) is not live:
        raise NotUnderstoodError(f"the event is of {'live' if event.get('livemode') else 'test'} mode, we are not")
    if not polled and event.get("object") == "event" and event.get("api_version") != API_VERSION:
        raise NotUnderstoodError(
            f"the event is of API version {event.get('api_version')}; make the endpoint with {API_VERSION}"
        )
    if event.get("object") not in ("event", "v2.core.event"):
        raise NotUnderstoodError(f"the body is a {event.get('object')}, no event")
    return hint_of(event)


def store(work: "WorkList", word: Word, endpoint: str, arrival: str, now: datetime) -> bool:
    """Keep an event, and wake the inbox. False: it was here already."""
    new = work.keep(word, endpoint, arrival, now)
    if new and word.state == PARKED:
        logger.error("webhook %s (%s) is set aside: %s", word.event_id, word.type, word.reason)
    return new
