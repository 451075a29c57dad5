"""Cards that say no, and banks that want their holder to authenticate."""

import httpx
import pytest

from tests.integration.stripe_gateway.bench import Bench
from tests.integration.stripe_gateway.parties import Employer, Funding

NO_MONEY = "4000008260003178"
ALWAYS_ASKS = "4000002760003184"
DECLINES_EACH_CHARGE = "4000000000000341"


@pytest.fixture
def asked(bench: Bench) -> Funding:
    """A funding whose bank wants authentication."""
    funding = Employer(bench).save_card(ALWAYS_ASKS).funding().create().confirm()
    bench.hears(funding.contract, "payment_intent_action_required")
    return funding


def test_a_decline_is_told_with_its_codes(bench: Bench) -> None:
    funding = Employer(bench).save_card(NO_MONEY).funding().create().confirm()

    failed = bench.hears(funding.contract, "payment_intent_failed")

    assert (failed.code, failed.decline_code, failed.advice_code, failed.attempt) == (
        "card_declined",
        "insufficient_funds",
        "try_again_later",
        1,
    )
    assert bench.attempts(funding.id)[-1]["state"] == "declined"
    assert funding.charges() == []


def test_another_card_charges_the_same_intent(bench: Bench) -> None:
    employer = Employer(bench).save_card(DECLINES_EACH_CHARGE)
    funding = employer.funding().create().confirm()
    bench.hears(funding.contract, "payment_intent_failed")

    employer.save_card("4242424242424242")
    funding.confirm(attempt=2)

    charged = bench.hears(funding.contract, "payment_intent_succeeded")
    assert charged.payment_intent_id == funding.intent_id
    assert len(funding.intents()) == 1
    bench.quiet()
    assert bench.told(funding.contract) == [
        "payment_intent_created",
        "payment_intent_failed",
        "payment_intent_succeeded",
    ]


def test_each_decline_is_told_although_the_intent_still_shows_the_last_one(bench: Bench) -> None:
    funding = Employer(bench).save_card(NO_MONEY).funding().create().confirm()
    bench.hears(funding.contract, "payment_intent_failed")

    funding.confirm(attempt=2)

    assert bench.hears(funding.contract, "payment_intent_failed", 2).attempt == 2
    bench.quiet()
    assert bench.told(funding.contract).count("payment_intent_failed") == 2


def test_a_removed_card_is_a_decline_not_a_defect(bench: Bench, employer: Employer) -> None:
    card = employer.card
    bench.quiet()
    bench.policy(drop=["payment_method.detached"])  # so that we do not know
    bench.sandbox.client().v1.payment_methods.detach(card)

    funding = employer.funding().create().confirm(card=card)

    failed = bench.hears(funding.contract, "payment_intent_failed")
    assert failed.code == "payment_method_unexpected_state"


# -- authentication --------------------------------------------------------------------------------------------


def test_authentication_is_asked_for_not_failed(bench: Bench, asked: Funding) -> None:
    assert bench.told(asked.contract) == ["payment_intent_created", "payment_intent_action_required"]


def test_who_authenticates_has_paid_once(bench: Bench, asked: Funding) -> None:
    answer = asked.click()
    assert answer.status_code == 303
    page = bench.visitor.authenticate(answer.headers["location"])

    assert page.url.startswith(f"{bench.url}/v1/hosted/done/payment")
    bench.hears(asked.contract, "payment_intent_succeeded")
    bench.quiet()
    assert len(asked.charges()) == 1
    assert bench.told(asked.contract)[-1] == "payment_intent_succeeded"
    assert bench.told(asked.contract).count("payment_intent_succeeded") == 1


def test_clicking_again_leads_to_a_working_page(bench: Bench, asked: Funding) -> None:
    first, second = asked.click(), asked.click()

    assert first.headers["location"] == second.headers["location"]
    bench.visitor.authenticate(second.headers["location"])
    bench.hears(asked.contract, "payment_intent_succeeded")
    assert [attempt["operation"] for attempt in bench.attempts(asked.id)].count("authenticate_payment_intent") == 1


def test_clicking_after_it_is_paid_says_so(bench: Bench, asked: Funding) -> None:
    bench.visitor.authenticate(asked.click().headers["location"])
    bench.hears(asked.contract, "payment_intent_succeeded")

    answer = asked.click()

    assert answer.status_code == 200
    assert "This is paid" in answer.text


def test_clicking_before_the_webhook_says_it_is_paid_and_tells_it(bench: Bench, asked: Funding) -> None:
    bench.policy(paused=True)
    bench.visitor.authenticate(asked.click().headers["location"])

    answer = asked.click()

    assert "This is paid" in answer.text
    assert bench.told(asked.contract)[-1] == "payment_intent_succeeded"
    bench.policy()
    bench.quiet()
    assert bench.told(asked.contract).count("payment_intent_succeeded") == 1


def test_who_fails_to_authenticate_was_declined(bench: Bench, asked: Funding) -> None:
    bench.visitor.authenticate(asked.click().headers["location"], "fail")

    failed = bench.hears(asked.contract, "payment_intent_failed")
    assert failed.code == "payment_intent_authentication_failure"
    assert "was not paid" in asked.click().text


def test_a_second_try_can_be_authenticated_too(bench: Bench, asked: Funding) -> None:
    bench.visitor.authenticate(asked.click().headers["location"], "fail")
    bench.hears(asked.contract, "payment_intent_failed")

    asked.confirm(attempt=2)
    assert bench.hears(asked.contract, "payment_intent_action_required", 2).attempt == 2
    bench.visitor.authenticate(asked.click().headers["location"])

    bench.hears(asked.contract, "payment_intent_succeeded")
    bench.quiet()
    assert len(asked.charges()) == 1
    assert bench.told(asked.contract) == [
        "payment_intent_created",
        "payment_intent_action_required",
        "payment_intent_failed",
        "payment_intent_action_required",
        "payment_intent_succeeded",
    ]


def test_another_party_sees_nothing(asked: Funding) -> None:
    answer: httpx.Response = asked.click("emp_of_another")

    assert answer.status_code == 404


def test_no_secret_and_no_address_is_kept(bench: Bench, asked: Funding) -> None:
    address = asked.click().headers["location"]
    secret = asked.intents()[0]["client_secret"]

    texts = [str(bench.rows(f"SELECT * FROM {table}")) for table in ("attempts", "event_log", "intents")]
    assert all(address not in text and secret not in text for text in texts)
