"""The words of the timeline."""

from typing import get_args

import pytest

from services.contracts import progress
from services.contracts.timeline import describe, kind_of
from tests.unit.contracts.builders import a_fact, a_milestone, approved, funded

FACTS = [*get_args(progress.MilestoneFact), *get_args(progress.PayoutFact)]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type_name)
def test_every_fact_that_is_heard_has_its_words(fact: type) -> None:
    text = describe(a_fact(fact.type_name.removesuffix(".v1")), a_milestone())  # type: ignore[attr-defined]
    assert text
    assert "_" not in text


def test_the_type_is_named_without_its_version() -> None:
    assert kind_of(funded()) == "funding.milestone_funded"


def test_sums_are_shown_as_people_write_them() -> None:
    assert describe(approved(40_000, 60_000), a_milestone()) == (
        "The employer approved the release of 400.00 USD; 600.00 USD stays held"
    )


def test_the_trainer_does_not_read_why_a_payment_failed() -> None:
    failed = a_fact("funding.funding_failed", reason="insufficient funds on card 0002")
    assert "insufficient" not in (describe(failed, a_milestone()) or "")


def test_a_charge_of_another_amount_than_agreed_says_why() -> None:
    text = describe(funded(100_000), a_milestone(amount_minor=70_000))
    assert text is not None
    assert "1,000.00 USD" in text
    assert "700.00 USD" in text


def test_the_note_of_a_request_is_shown() -> None:
    assert (describe(a_fact("approvals.release_requested", note="All done."), a_milestone()) or "").endswith(
        "All done."
    )
