"""Delivery: signed, at least once, retried, and listed for those who missed it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from services.stripe_sandbox import webhooks
from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor

SECRETS = {"/platform": "whsec_platform", "/connect": "whsec_connect"}


@dataclass
class Receiver:
    """Takes webhooks; refuses as many as it is told to."""

    server: ThreadingHTTPServer
    received: list[tuple[str, bytes, str]] = field(default_factory=list)
    refuse: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    """Until it is set, nothing that comes to /hangs is answered."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def events(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(body) for where, body, _ in self.received if where == path]

    def types(self, path: str) -> list[str]:
        return [event["type"] for event in self.events(path)]

    def wait(self, holds: Callable[[], bool], timeout_s: float = 5.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen in time; received {[where for where, _, _ in self.received]}")
            time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/hangs":
                found.release.wait()
            if found.refuse > 0:
                found.refuse -= 1
                self.send_response(500)
            else:
                found.received.append((self.path, body, self.headers["Stripe-Signature"]))
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None: ...

    found = Receiver(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    found.release.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def hooked(receiver: Receiver) -> Iterator[SandboxServer]:
    with SandboxServer(
        sandbox_webhook_url=receiver.url("/platform"),
        sandbox_connect_webhook_url=receiver.url("/connect"),
        stripe_webhook_secret=SECRETS["/platform"],
        stripe_connect_webhook_secret=SECRETS["/connect"],
        sandbox_onboarding_review_s=0,
    ) as server:
        yield server


def onboard(hooked: SandboxServer) -> str:
    client = hooked.client()
    params: Any = {
        "identity": {"country": "US", "entity_type": "individual"},
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
    }
    account = client.v2.core.accounts.create(params)
    details: Any = {"refresh_url": "https://platform.test/r", "return_url": "https://platform.test/b"}
    link = client.v2.core.account_links.create(
        {"account": account.id, "use_case": {"type": "account_onboarding", "account_onboarding": details}}
    )
    with Visitor() as visitor:
        visitor.onboard(link.url)
    return account.id


def test_a_snapshot_event_verifies_with_the_library_and_names_its_request(
    hooked: SandboxServer, receiver: Receiver
) -> None:
    client = hooked.client()
    client.v1.payment_intents.create({"amount": 1_000, "currency": "usd"}, {"idempotency_key": "fund:1"})
    receiver.wait(lambda: bool(receiver.received))
    path, body, signature = receiver.received[0]
    event = client.construct_event(body, signature, SECRETS[path])
    assert (event.type, event.api_version) == ("payment_intent.created", "2026-10-28.endive")
    assert event.request is not None
    assert event.request.idempotency_key == "fund:1"
    assert event.livemode is False


def test_a_changed_body_does_not_verify(hooked: SandboxServer, receiver: Receiver) -> None:
    client = hooked.client()
    client.v1.customers.create()
    receiver.wait(lambda: bool(receiver.received))
    _, body, signature = receiver.received[0]
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body + b" ", signature, SECRETS["/platform"])


def test_a_thin_event_is_parsed_and_fetched_by_the_library(hooked: SandboxServer, receiver: Receiver) -> None:
    account = onboard(hooked)
    wanted = "v2.core.account[configuration.recipient].capability_status_updated"
    receiver.wait(lambda: wanted in receiver.types("/platform"))
    body, signature = next(
        (body, signature)
        for where, body, signature in receiver.received
        if where == "/platform" and wanted.encode() in body
    )
    client = hooked.client()
    thin: Any = client.parse_event_notification(body, signature, SECRETS["/platform"])
    assert thin.related_object.id == account
    assert thin.fetch_event().data.updated_capability.startswith("stripe_balance.")
    assert thin.fetch_related_object().id == account
    assert "data" not in json.loads(body)


def test_connected_accounts_events_go_to_the_connect_endpoint_alone(hooked: SandboxServer, receiver: Receiver) -> None:
    account = onboard(hooked)
    receiver.wait(lambda: "account.updated" in receiver.types("/connect"))
    assert "account.updated" not in receiver.types("/platform")
    assert {event["account"] for event in receiver.events("/connect") if event["object"] == "event"} == {account}


def test_a_refused_delivery_is_tried_again_by_the_sandbox_clock(hooked: SandboxServer, receiver: Receiver) -> None:
    receiver.refuse = 1
    hooked.client().v1.customers.create()
    receiver.wait(lambda: receiver.refuse == 0)
    hooked.advance(seconds=5)
    receiver.wait(lambda: receiver.types("/platform") == ["customer.created"])


def test_what_was_not_delivered_is_found_in_the_list(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"drop": ["customer.created"]})
    client = hooked.client()
    customer = client.v1.customers.create()
    client.v1.customers.update(customer.id, {"name": "New"})
    receiver.wait(lambda: receiver.types("/platform") == ["customer.updated"])
    receiver.wait(lambda: len(client.v1.events.list({"delivery_success": False}).data) == 1)
    missed = client.v1.events.list({"delivery_success": False})
    assert [event.type for event in missed.data] == ["customer.created"]


def test_an_event_can_come_twice(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"duplicate": 1})
    hooked.client().v1.customers.create()
    receiver.wait(lambda: len(receiver.received) == 2)
    assert len({event["id"] for event in receiver.events("/platform")}) == 1


def test_a_change_can_have_two_events(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"duplicate_with_new_id": True})
    hooked.client().v1.customers.create()
    receiver.wait(lambda: len(receiver.received) == 2)
    assert len({event["id"] for event in receiver.events("/platform")}) == 2


def test_a_webhook_can_come_before_the_answer(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"before_answer": True})
    client = hooked.client()
    for made in range(1, 21):
        client.v1.customers.create()
        assert receiver.types("/platform") == ["customer.created"] * made


def test_events_can_overtake_each_other(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"reorder_window_s": 1_000})
    client = hooked.client()
    made = [client.v1.customers.create().id for _ in range(8)]
    for _ in range(100):
        hooked.advance(seconds=10)
        receiver.wait(lambda: bool(hooked.control("GET", "webhooks/idle")["idle"]))
    came = [event["data"]["object"]["id"] for event in receiver.events("/platform")]
    assert sorted(came) == sorted(made)
    assert came != made


def test_deliveries_can_be_held_back(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.control("PUT", "webhooks/policy", {"delay_s": 3_600})
    hooked.client().v1.customers.create()
    hooked.advance(seconds=3_000)
    assert receiver.received == []
    hooked.advance(seconds=700)
    receiver.wait(lambda: len(receiver.received) == 1)


def test_an_event_can_be_sent_again(hooked: SandboxServer, receiver: Receiver) -> None:
    hooked.client().v1.customers.create()
    receiver.wait(lambda: len(receiver.received) == 1)
    hooked.control("POST", "webhooks/resend", {"event": receiver.events("/platform")[0]["id"]})
    receiver.wait(lambda: len(receiver.received) == 2)


def test_endpoints_are_made_changed_and_removed(hooked: SandboxServer, receiver: Receiver) -> None:
    client = hooked.client()
    made = client.v1.webhook_endpoints.create({"url": receiver.url("/own"), "enabled_events": ["customer.created"]})
    assert made.secret is not None
    client.v1.customers.create()
    receiver.wait(lambda: "/own" in [where for where, _, _ in receiver.received])
    body, signature = next((body, signature) for where, body, signature in receiver.received if where == "/own")
    assert client.construct_event(body, signature, made.secret).type == "customer.created"
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    assert client.v1.webhook_endpoints.retrieve(made.id).status == "disabled"
    assert client.v1.webhook_endpoints.delete(made.id).deleted is True


@pytest.fixture
def hanging(hooked: SandboxServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> stripe.StripeClient:
    """A further endpoint never answers, and the sandbox waits for it longer than anybody waits for the sandbox."""
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 600.0)
    client = hooked.client()
    client.v1.webhook_endpoints.create({"url": receiver.url("/hangs"), "enabled_events": ["*"]})
    return client


def test_a_receiver_that_hangs_holds_up_no_request(hanging: stripe.StripeClient, receiver: Receiver) -> None:
    for _ in range(5):
        hanging.v1.customers.create()  # raises when it is not answered

    assert "/hangs" not in {path for path, _, _ in receiver.received}


def test_a_receiver_that_hangs_takes_no_place_of_another(hanging: stripe.StripeClient, receiver: Receiver) -> None:
    for _ in range(40):
        hanging.v1.customers.create()

    receiver.wait(lambda: len(receiver.received) == 40, timeout_s=15.0)


def destination(hooked: SandboxServer, url: str, **params: Any) -> Any:
    wanted: Any = {
        "name": "d",
        "type": "webhook_endpoint",
        "webhook_endpoint": {"url": url},
        "include": ["webhook_endpoint.signing_secret", "webhook_endpoint.url"],
        **params,
    }
    return hooked.client().v2.core.event_destinations.create(wanted)


def test_a_thin_destination_gets_thin_events_signed_with_its_own_secret(
    hooked: SandboxServer, receiver: Receiver
) -> None:
    wanted = "v2.core.account[configuration.recipient].capability_status_updated"
    made = destination(
        hooked,
        receiver.url("/thin"),
        event_payload="thin",
        events_from=["@accounts"],
        enabled_events=[wanted],
    )
    onboard(hooked)
    receiver.wait(lambda: bool(receiver.types("/thin")))
    assert set(receiver.types("/thin")) == {wanted}
    body, signature = next((body, signature) for where, body, signature in receiver.received if where == "/thin")
    client = hooked.client()
    assert client.parse_event_notification(body, signature, made.webhook_endpoint.signing_secret).type == wanted
    kept = client.v2.core.event_destinations.retrieve(made.id, {"include": ["webhook_endpoint.url"]})
    assert kept.webhook_endpoint is not None
    assert (kept.webhook_endpoint.url, kept.webhook_endpoint.signing_secret) == (receiver.url("/thin"), None)


def test_a_snapshot_destination_hears_of_its_scope_alone(hooked: SandboxServer, receiver: Receiver) -> None:
    for path, scope in (("/self", "@self"), ("/accounts", "@accounts")):
        destination(hooked, receiver.url(path), event_payload="snapshot", events_from=[scope], enabled_events=["*"])
    hooked.client().v1.customers.create()
    onboard(hooked)
    receiver.wait(lambda: "account.updated" in receiver.types("/accounts"))
    receiver.wait(lambda: "customer.created" in receiver.types("/self"))
    assert "customer.created" not in receiver.types("/accounts")
    assert "account.updated" not in receiver.types("/self")


def test_a_destination_is_pinged_changed_disabled_and_removed(hooked: SandboxServer, receiver: Receiver) -> None:
    made = destination(hooked, receiver.url("/d"), event_payload="snapshot", enabled_events=["customer.created"])
    destinations = hooked.client().v2.core.event_destinations
    pinged = destinations.ping(made.id)
    receiver.wait(lambda: receiver.types("/d") == ["v2.core.event_destination.ping"])
    assert pinged.id == receiver.events("/d")[0]["id"]
    assert destinations.disable(made.id).status == "disabled"
    hooked.client().v1.customers.create()
    assert destinations.enable(made.id).status == "enabled"
    destinations.update(made.id, {"name": "other", "webhook_endpoint": {"url": receiver.url("/moved")}})
    hooked.client().v1.customers.create()
    receiver.wait(lambda: receiver.types("/moved") == ["customer.created"])
    assert receiver.types("/d") == ["v2.core.event_destination.ping"]
    assert [found.name for found in destinations.list().data] == ["other"]
    destinations.delete(made.id)
    assert destinations.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        destinations.retrieve(made.id)
