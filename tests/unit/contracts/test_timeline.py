"""The words of the timeline."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from schemas.approvals import BY_RULE
from services.contracts import progress
from services.contracts.timeline import describe, kind_of
from tests.unit.contracts.builders import a_fact, a_milestone, approved, funded

FACTS = [*get_args(progress.MilestoneFact), *get_args(progress.PayoutFact)]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type_name)
def test_every_fact_that_is_heard_has_its_words(fact: type) -> None:
    text = describe(a_fact(fact.type_name.removesuffix(".v1")), a_milestone())  # type: ignore[attr-defined]
    assert text
    assert "_" not in text


@pytest.mark.scenario(46)
def test_a_transfer_says_from_when_it_can_go_to_the_bank() -> None:
    made = a_fact("payouts.payout_initiated", available_at=datetime(2026, 3, 17, tzinfo=UTC), amount_minor=40_000)
    assert describe(made, a_milestone()) == (
        "400.00 USD was transferred to the trainer's account at Stripe; it can go to the bank from 17 March 2026 on"
    )
    unknown = made.model_copy(update={"available_at": None})
    assert describe(unknown, a_milestone()) == "400.00 USD was transferred to the trainer's account at Stripe"


def test_the_type_is_named_without_its_version() -> None:
    assert kind_of(funded()) == "funding.milestone_funded"


def test_sums_are_shown_as_people_write_them() -> None:
    assert describe(approved(40_000, 60_000), a_milestone()) == (
        "The employer approved the release of 400.00 USD; 600.00 USD stays held"
    )


def test_the_trainer_does_not_read_why_a_payment_failed() -> None:
    failed = a_fact("funding.funding_failed", reason="insufficient funds on card 0002")
    assert "insufficient" not in (describe(failed, a_milestone()) or "")


def test_a_payment_that_was_converted_is_not_said_to_be_none() -> None:
    converted = a_fact("funding.funding_failed", code="charge_converted")
    assert "our operators give it back" in (describe(converted, a_milestone()) or "")


def test_a_charge_of_another_amount_than_agreed_says_why() -> None:
    text = describe(funded(100_000), a_milestone(amount_minor=70_000))
    assert text is not None
    assert "1,000.00 USD" in text
    assert "700.00 USD" in text


def test_the_note_of_a_request_is_shown() -> None:
    assert (describe(a_fact("approvals.release_requested", note="All done."), a_milestone()) or "").endswith(
        "All done."
    )


def test_an_approval_by_the_rule_is_not_the_employers() -> None:
    text = describe(approved(40_000, 0).model_copy(update={"approved_by": BY_RULE}), a_milestone())
    assert text == "The review period ended without an answer: the release of 400.00 USD was approved automatically"


@pytest.mark.parametrize(
    ("recovered_minor", "text"),
    [
        (0, "1,000.00 USD that was not paid out is held again"),
        (100_000, "1,000.00 USD that was not paid out makes good what the bank took"),
        (
            40_000,
            "400.00 USD that was not paid out makes good what the bank took; 600.00 USD is held again",
        ),
    ],
)
def test_of_a_payout_that_was_given_up_it_is_said_where_its_money_is(recovered_minor: int, text: str) -> None:
    fact = a_fact("funding.release_given_up", amount_minor=100_000, recovered_minor=recovered_minor)
    assert describe(fact, a_milestone()) == text
