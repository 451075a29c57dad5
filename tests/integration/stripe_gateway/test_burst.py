"""Ten thousand webhooks at once: each is stored before it is answered, and each thing's are handled in order."""

import json
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from services.stripe_gateway.client import API_VERSION
from tests.integration.stripe_gateway.bench import PLATFORM_SECRET, Bench
from tests.integration.stripe_gateway.parties import PAID, Employer

_BURST = 10_000
_THINGS = 20
_EVERY = 5
"""Of so many, one is about a charge; the others ask nothing of us, and are stored and answered alike."""
_AT_ONCE = 40
_STANDS_STILL_S = 20.0


def _event(bench: Bench, number: int, intent: str) -> tuple[bytes, str]:
    """An event about an intent, as Stripe would send it: body, signature."""
    event: dict[str, Any] = {
        "id": f"evt_burst_{number:05d}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(bench.clock.now().timestamp()),
        "data": {"object": {"id": intent, "object": "payment_intent"}},
        "livemode": False,
        "type": "payment_intent.processing" if number % _EVERY == 0 else "customer.updated",
    }
    body = json.dumps(event)
    at = int(bench.clock.now().timestamp())
    return body.encode(), stripe.WebhookSignature.generate_signature_header(body, PLATFORM_SECRET, at)


def _deliver(bench: Bench, events: list[tuple[bytes, str]]) -> Counter[int]:
    """All of them, many at once. By the plainest client there is: httpx costs more than all that it asks for."""
    waiting = iter(events)

    def some(_: int) -> Counter[int]:
        answers: Counter[int] = Counter()
        http = HTTPConnection(urlsplit(bench.url).netloc, timeout=60)
        for body, signature in waiting:
            answers[_post(http, body, signature)] += 1
        http.close()
        return answers

    with ThreadPoolExecutor(_AT_ONCE) as senders:
        return sum(senders.map(some, range(_AT_ONCE)), Counter())


def _post(http: HTTPConnection, body: bytes, signature: str) -> int:
    while True:
        try:
            http.request("POST", "/webhooks/stripe", body, {"Stripe-Signature": signature})
            answer = http.getresponse()
            answer.read()
        except (HTTPException, ConnectionError):  # an idle connection that was closed meanwhile: it is delivered again
            http.close()
            continue
        return answer.status


def _count(bench: Bench, state: str) -> int:
    [row] = bench.rows(
        "SELECT count(*) AS so_many FROM webhooks WHERE state = %s AND event_id LIKE 'evt_burst_%%'", state
    )
    return int(row["so_many"])


@pytest.mark.scenario(32)
def test_a_burst_of_ten_thousand_is_stored_and_answered_and_then_handled_in_each_things_order(
    bench: Bench, employer: Employer
) -> None:
    fundings = [employer.funding() for _ in range(_THINGS)]
    for funding in fundings:
        funding.pay()
    bench.quiet()
    intents = [funding.intent_id for funding in fundings]
    events = [_event(bench, number, intents[number // _EVERY % _THINGS]) for number in range(_BURST)]
    bench.close_desk()  # nobody handles any: the answers wait for the store alone

    answers = _deliver(bench, events)

    assert answers == {200: _BURST}
    assert (_count(bench, "received"), _count(bench, "done")) == (_BURST // _EVERY, _BURST - _BURST // _EVERY)
    bench.open_desk()
    moved_at, left = time.monotonic(), _BURST // _EVERY
    while left:
        time.sleep(0.2)
        before, left = left, _count(bench, "received")
        moved_at = time.monotonic() if left < before else moved_at
        assert time.monotonic() - moved_at < _STANDS_STILL_S, f"{left} are left and none is handled"
    assert _count(bench, "done") == _BURST
    by_thing = defaultdict(list)
    about_charges = "SELECT * FROM webhooks WHERE event_id LIKE 'evt_burst_%%' AND type = %s ORDER BY arrival"
    for row in bench.rows(about_charges, "payment_intent.processing"):
        by_thing[row["object_id"]].append(row["handled_at"])
    assert {intent: len(handled) for intent, handled in by_thing.items()} == dict.fromkeys(
        intents, _BURST // _EVERY // _THINGS
    )
    for handled in by_thing.values():
        assert handled == sorted(handled)
    for funding in fundings:
        assert bench.told(funding.contract) == PAID
