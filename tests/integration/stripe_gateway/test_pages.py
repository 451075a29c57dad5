"""The links: who may follow them, what they say when something is not right."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.stripe import CreateAccount
from services.runtime.tokens import HostedLink, sign_link
from tests.integration.stripe_gateway.bench import SECRET, Bench
from tests.integration.stripe_gateway.parties import Employer, Trainer


def test_a_link_that_is_not_ours_is_refused(bench: Bench) -> None:
    token = sign_link("another-secret-of-at-least-32-bytes!", HostedLink("setup", "emp_1", "emp_1"), datetime.now(UTC))

    answer = bench.http.get(f"/v1/hosted/{token}")

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


def test_a_person_reads_why_an_old_link_does_not_work(bench: Bench) -> None:
    issued_at = datetime.now(UTC) - timedelta(hours=24)
    token = sign_link(SECRET, HostedLink("setup", "emp_1", "emp_1"), issued_at)

    answer = bench.http.get(f"/v1/hosted/{token}", headers={"Accept": "text/html"})

    assert answer.status_code == 401
    assert "expired" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("what", "words"),
    [("setup", "saved"), ("setup-cancelled", "No card"), ("onboarding", "Stripe checks"), ("payment", "payment")],
)
def test_stripe_leads_back_to_a_page_that_says_what_happened(bench: Bench, what: str, words: str) -> None:
    answer = bench.http.get(f"/v1/hosted/done/{what}")

    assert answer.status_code == 200
    assert words in answer.text
    assert "close this window" in answer.text


def test_a_page_of_ours_leaks_no_address(bench: Bench) -> None:
    answer = bench.http.get("/v1/hosted/done/payment?payment_intent_client_secret=pi_1_secret_2")

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "pi_1_secret_2" not in answer.text


def test_onboarding_waits_for_the_account(bench: Bench) -> None:
    trainer = Trainer(bench)
    bench.fault("slow", path="/v2/core/accounts", method="POST", seconds=0.8)
    bench.hear(CreateAccount(trainer_id=trainer.id, country="US"))

    assert trainer.click().status_code == 303


def test_the_page_says_to_wait_when_stripe_does_not_answer(bench: Bench) -> None:
    employer = Employer(bench)
    bench.fault("bad_gateway", path="/v1/checkout/sessions", method="POST", times=10_000)

    answer = employer.click()

    assert answer.status_code == 503
    assert "reload" in answer.text


def test_a_page_is_made_although_the_first_answer_was_lost(bench: Bench) -> None:
    employer = Employer(bench)
    bench.fault("timeout_after", path="/v1/checkout/sessions", method="POST", seconds=0)

    answer = employer.click()

    assert answer.status_code == 303
    made = [
        note for note in bench.requests("/v1/checkout/sessions") if f"setup:{employer.id}:" in note["idempotency_key"]
    ]
    assert len(made) == 2
    assert len({note["idempotency_key"] for note in made}) == 1


def test_a_page_that_stripe_refuses_says_so(bench: Bench, employer: Employer) -> None:
    bench.rows("UPDATE customers SET customer_id = 'cus_gone_' || employer_id WHERE employer_id = %s RETURNING 1",
               employer.id)  # fmt: skip

    answer = employer.click()

    assert answer.status_code == 502
    assert "resource_missing" in answer.text
