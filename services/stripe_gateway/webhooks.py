"""The webhook inbox's door: checked, stored as it came, answered at once. Nothing is decided here.

Source: https://docs.stripe.com/webhooks/signature (as in STRIPE.md 2.2).
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stripe
from sqlalchemy import Engine

from services.runtime.database import borrowed
from services.runtime.lanes import lane_of
from services.runtime.problems import Problem
from services.stripe_gateway.client import API_VERSION
from services.stripe_gateway.hints import Hint, NotUnderstoodError, hint_of

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


def sort_out(body: str, *, live: bool) -> Word:
    """What is to become of an event. `live`: whether our key moves real money. Raises a 400 Problem for no event."""
    try:
        event: dict[str, Any] = json.loads(body)
        event_id, kind = event["id"], event["type"]
    except (ValueError, KeyError, TypeError):
        raise Problem(400, "no_event", "the body is no event of Stripe") from None
    try:
        hint = _hint(event, live=live)
    except NotUnderstoodError as error:
        return Word(event_id, kind, str(event.get("account") or ""), "", body, PARKED, str(error))
    state = DONE if hint.kind == "nothing" else RECEIVED
    return Word(event_id, kind, hint.account, hint.object_id, body, state)


def _hint(event: dict[str, Any], *, live: bool) -> Hint:
    # Connect endpoints in live mode receive test events as well.
    if bool(event.get("livemode")) is not live:
        raise NotUnderstoodError(f"the event is of {'live' if event.get('livemode') else 'test'} mode, we are not")
    if event.get("object") == "event" and event.get("api_version") != API_VERSION:
        raise NotUnderstoodError(
            f"the event is of API version {event.get('api_version')}; make the endpoint with {API_VERSION}"
        )
    if event.get("object") not in ("event", "v2.core.event"):
        raise NotUnderstoodError(f"the body is a {event.get('object')}, no event")
    return hint_of(event)


def store(engine: Engine, word: Word, endpoint: str, arrival: str, now: datetime) -> bool:
    """Keep an event, and wake the inbox. False: it was here already."""
    with borrowed(engine) as connection:
        stored = connection.execute(
            "INSERT INTO webhooks (event_id, arrival, endpoint, type, account, object_id, lane, body, state, reason, "
            "received_at, handled_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (event_id) DO NOTHING",
            (word.event_id, arrival, endpoint, word.type, word.account, word.object_id, lane_of(word.object_id),
             word.body, word.state, word.reason, now, now if word.state == DONE else None),
        )  # fmt: skip
        new = stored.rowcount == 1
        if new and word.state == RECEIVED:
            connection.execute("SELECT pg_notify(%s, '')", (WEBHOOKS_CHANNEL,))
        connection.commit()
    if new and word.state == PARKED:
        logger.error("webhook %s (%s) is set aside: %s", word.event_id, word.type, word.reason)
    return new
