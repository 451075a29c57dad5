"""Signatures (scenarios 27 to 29 of STRIPE.md 6), and what is sorted out at the door."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from services.runtime.problems import Problem
from services.stripe_gateway.client import API_VERSION
from services.stripe_gateway.webhooks import sort_out, verify

SECRET = "whsec_one"


def now() -> Any:
    return datetime.now(UTC)  # the library compares with the machine's clock


def signed(body: str, secret: str = SECRET, late_s: int = 0) -> str:
    at = int(now().timestamp()) - late_s
    return stripe.WebhookSignature.generate_signature_header(body, secret, at)


BODY = '{"id": "evt_1"}'


def test_a_right_signature_gives_the_body() -> None:
    assert verify(BODY.encode(), signed(BODY), (SECRET,), now()) == BODY


@pytest.mark.parametrize(
    ("header", "raw"),
    [
        (signed(BODY, "whsec_other"), BODY),
        (signed(BODY), BODY + " "),
        (signed(BODY), json.dumps(json.loads(BODY), indent=2)),
        (signed(BODY).replace("v1=", "v0="), BODY),
        (signed(BODY).partition(",")[2], BODY),
        ("", BODY),
        (None, BODY),
        ("t=abc,v1=00", BODY),
        ("t=٣,v1=00", BODY),
    ],
    ids=["secret", "a space", "written anew", "old scheme", "no time", "empty", "missing", "no number", "no ascii"],
)
def test_a_wrong_signature_is_refused(header: str | None, raw: str) -> None:
    with pytest.raises(Problem) as refused:
        verify(raw.encode(), header, (SECRET,), now())

    assert refused.value.document["code"] == "bad_signature"
    assert refused.value.status == 400


def test_without_a_secret_nothing_is_right() -> None:
    with pytest.raises(Problem):
        verify(BODY.encode(), signed(BODY), (), now())


@pytest.mark.scenario(29)
@pytest.mark.parametrize(("late_s", "taken"), [(290, True), (301, False), (-290, True), (-310, False)])
def test_the_time_must_be_near_ours_on_either_side(late_s: int, taken: bool) -> None:
    try:
        verify(BODY.encode(), signed(BODY, late_s=late_s), (SECRET,), now())
    except Problem:
        assert not taken
    else:
        assert taken


def test_the_platforms_clock_counts_not_the_machines() -> None:
    ahead = timedelta(days=3)

    assert verify(BODY.encode(), signed(BODY, late_s=-int(ahead.total_seconds())), (SECRET,), now() + ahead) == BODY
    with pytest.raises(Problem):
        verify(BODY.encode(), signed(BODY), (SECRET,), now() + ahead)


def test_each_of_several_secrets_is_right_and_further_signatures_do_no_harm() -> None:
    header = signed(BODY) + ",v1=" + "0" * 64

    assert verify(BODY.encode(), header, ("whsec_new", SECRET), now()) == BODY


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Problem):
        verify(b"\xff", signed(BODY), (SECRET,), now())


# -- sorting ---------------------------------------------------------------------------------------------------


def event(kind: str = "payment_intent.succeeded", **changed: Any) -> str:
    made = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "api_version": API_VERSION,
        "livemode": False,
        "data": {"object": {"id": "pi_1"}},
    }
    return json.dumps({**made, **changed})


def test_what_can_be_read_anew_waits_for_it() -> None:
    word = sort_out(event(), live=False)

    assert (word.event_id, word.type, word.object_id, word.state) == (
        "evt_1",
        "payment_intent.succeeded",
        "pi_1",
        "received",
    )


def test_what_tells_nothing_is_done() -> None:
    assert sort_out(event("customer.created"), live=False).state == "done"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_version": "2025-03-31.basil"}, "2025-03-31.basil"),
        ({"api_version": None}, "API version"),
        ({"livemode": True}, "live mode"),
        ({"type": "something.new"}, "something.new"),
        ({"object": "v1.event"}, "v1.event"),
    ],
)
def test_what_is_not_understood_is_parked_with_the_reason(changed: dict[str, Any], words: str) -> None:
    word = sort_out(event(**changed), live=False)

    assert word.state == "parked"
    assert words in word.reason


def test_a_live_platform_takes_no_test_events() -> None:
    assert sort_out(event(livemode=False), live=True).state == "parked"
    assert sort_out(event(livemode=True), live=True).state == "received"


def test_a_thin_event_has_no_version_of_its_own() -> None:
    thin = {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account[requirements].updated",
            "livemode": False, "related_object": {"id": "acct_1", "type": "v2.core.account"}}  # fmt: skip

    word = sort_out(json.dumps(thin), live=False)

    assert (word.state, word.object_id, word.account) == ("received", "acct_1", "acct_1")


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "{}", '{"id": "evt_1"}', "not json"])
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(Problem) as refused:
        sort_out(body, live=False)

    assert refused.value.document["code"] == "no_event"


def test_an_event_that_was_listed_has_the_accounts_own_version() -> None:
    body = event(api_version="2025-01-01.acacia")

    assert sort_out(body, live=False).state == "parked"
    assert sort_out(body, live=False, polled=True).state == "received"
    assert sort_out(event(livemode=True), live=False, polled=True).state == "parked"


def test_what_opens_something_is_struck_out_of_what_is_kept_and_nothing_else() -> None:
    address = {"url": "https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1", "return_url": None}
    thing = {"id": "pi_1", "amount": 5, "client_secret": "pi_1_secret_2", "next_action": address, "refunds": ["re_1"]}

    word = sort_out(event("payment_intent.requires_action", data={"object": thing}), live=False)

    assert (word.state, word.object_id) == ("received", "pi_1")
    hidden = {"client_secret": "pi_1_secret_***", "next_action": {**address, "url": "https://***.stripe.com/***"}}
    assert json.loads(word.body)["data"]["object"] == {**thing, **hidden}


def test_an_event_without_a_secret_is_kept_as_it_came() -> None:
    body = event(api_version=API_VERSION).replace(", ", " ,  ")

    assert sort_out(body, live=False).body == body
