"""Every decision about terms, and every refusal."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from schemas.contracts import (
    ContractArchived,
    ContractCreated,
    MilestoneAdded,
    MilestoneAmended,
    MilestoneCancelled,
    MilestoneStatusChanged,
)
from services.contracts import domain
from services.contracts.domain import Decided, Decision
from services.runtime.decisions import Refused, Unchanged
from tests.unit.contracts.builders import (
    EMPLOYER,
    NOW,
    OPERATOR,
    READY,
    SERVICE,
    STRANGER,
    TRAINER,
    a_cancellation,
    a_contract,
    a_hire,
    a_milestone,
    an_addition,
    an_archiving,
    an_edit,
)


def decided(decision: Decision) -> Decided:
    assert isinstance(decision, Decided), decision
    return decision


def refusal(decision: Decision) -> tuple[str, str]:
    assert isinstance(decision, Refused), decision
    return decision.kind, decision.code


# -- hiring ------------------------------------------------------------------------------------------------


def test_a_hire_makes_the_contract_and_its_first_milestone() -> None:
    made = decided(domain.hire(None, None, a_hire(due_date=date(2026, 5, 1)), READY, NOW))
    assert made.contract == a_contract()
    assert made.milestone == a_milestone(due_date=date(2026, 5, 1))
    assert [type(event) for event in made.said] == [ContractCreated, MilestoneAdded]


def test_a_hire_with_funding_asks_for_the_charge_and_is_under_way_at_once() -> None:
    made = decided(domain.hire(None, None, a_hire(fund=True), READY, NOW))
    added = made.said[1]
    assert isinstance(added, MilestoneAdded)
    assert added.fund
    assert made.milestone is not None
    assert (made.milestone.status, made.milestone.funding_state) == ("NOT_FUNDED", "processing")


@pytest.mark.parametrize("actor", [EMPLOYER, SERVICE, OPERATOR], ids=lambda actor: actor.role)
def test_the_employer_or_somebody_on_its_behalf_hires(actor: Any) -> None:
    assert decided(domain.hire(None, None, a_hire(actor=actor), READY, NOW))


@pytest.mark.parametrize("actor", [TRAINER, STRANGER], ids=["the trainer", "another employer"])
def test_nobody_else_hires(actor: Any) -> None:
    assert refusal(domain.hire(None, None, a_hire(actor=actor), READY, NOW)) == ("forbidden", "forbidden")


def test_nobody_hires_themselves() -> None:
    assert refusal(domain.hire(None, None, a_hire(trainer_id="emp_1"), READY, NOW)) == ("invalid", "same_party")


@pytest.mark.parametrize(
    ("amount_minor", "currency"),
    [(49, "usd"), (1_234, "kwd"), (49, "jpy")],
    ids=["below Stripe's minimum", "a three-decimal amount that does not end in 0", "zero-decimal below the minimum"],
)
def test_an_amount_that_stripe_would_not_charge_is_refused(amount_minor: int, currency: str) -> None:
    hire = a_hire(amount_minor=amount_minor, currency=currency)
    assert refusal(domain.hire(None, None, hire, READY, NOW)) == ("invalid", "amount_out_of_bounds")


@pytest.mark.parametrize(("amount_minor", "currency"), [(50, "usd"), (1_230, "kwd"), (50, "jpy")])
def test_an_amount_at_the_bound_is_taken(amount_minor: int, currency: str) -> None:
    assert decided(domain.hire(None, None, a_hire(amount_minor=amount_minor, currency=currency), READY, NOW))


@pytest.mark.scenario(42)
def test_a_currency_that_the_balance_is_not_kept_in_is_refused_at_the_hire_naming_those_that_are() -> None:
    refused = domain.hire(None, None, a_hire(currency="eur"), READY, NOW)
    assert refusal(refused) == ("invalid", "currency_not_supported")
    assert isinstance(refused, Refused)
    assert refused.detail == "currency: contracts are not made in eur here; use one of jpy, kwd, usd"


def test_a_contract_that_was_made_before_its_currency_was_given_up_is_there_all_the_same() -> None:
    known = replace(READY, currencies=frozenset({"eur"}))
    assert isinstance(domain.hire(a_contract(), a_milestone(), a_hire(), known, NOW), Unchanged)


def test_a_trainer_in_an_unsupported_country_is_refused_at_the_hire() -> None:
    known = replace(READY, trainer_country="MY")
    assert refusal(domain.hire(None, None, a_hire(), known, NOW)) == ("invalid", "country_not_supported")


def test_a_trainer_whose_country_is_not_known_yet_may_be_hired() -> None:
    assert decided(domain.hire(None, None, a_hire(), replace(READY, trainer_country=None), NOW))


def test_funding_at_once_needs_a_payment_method() -> None:
    known = replace(READY, has_payment_method=False)
    hire = domain.hire(None, None, a_hire(fund=True), known, NOW)
    assert refusal(hire) == ("conflict", "payment_method_required")


def test_hiring_without_funding_needs_no_payment_method() -> None:
    assert decided(domain.hire(None, None, a_hire(), replace(READY, has_payment_method=False), NOW))


def test_the_same_hire_again_changes_nothing() -> None:
    archived = a_contract(state="archived")
    assert isinstance(domain.hire(archived, a_milestone(), a_hire(), READY, NOW), Unchanged)


def test_another_hire_under_the_same_id_is_refused() -> None:
    decision = domain.hire(a_contract(), a_milestone(), a_hire(title="Other"), READY, NOW)
    assert refusal(decision) == ("conflict", "contract_exists")


def test_a_milestone_id_is_not_taken_from_another_contract() -> None:
    decision = domain.hire(None, a_milestone(contract_id="ctr_9"), a_hire(), READY, NOW)
    assert refusal(decision) == ("conflict", "milestone_exists")


# -- adding ------------------------------------------------------------------------------------------------


def test_a_milestone_is_added_with_the_next_number_and_no_money_moves() -> None:
    others = [a_milestone(), a_milestone(milestone_id="mls_7", number=7, status="CANCELLED")]
    added = decided(domain.add(a_contract(), others, None, an_addition(), NOW))
    assert added.milestone is not None
    assert (added.milestone.number, added.milestone.status, added.milestone.funding_state) == (8, "NOT_FUNDED", "none")
    event = added.said[0]
    assert isinstance(event, MilestoneAdded)
    assert not event.fund


@pytest.mark.parametrize("contract", [None, a_contract(employer_id="emp_9")], ids=["unknown", "another's"])
def test_adding_to_what_is_not_ones_own_is_not_found(contract: Any) -> None:
    assert refusal(domain.add(contract, [], None, an_addition(), NOW)) == ("not_found", "not_found")


def test_the_trainer_adds_nothing() -> None:
    assert refusal(domain.add(a_contract(), [], None, an_addition(actor=TRAINER), NOW)) == ("forbidden", "forbidden")


def test_nothing_is_added_to_an_archived_contract() -> None:
    decision = domain.add(a_contract(state="archived"), [], None, an_addition(), NOW)
    assert refusal(decision) == ("conflict", "contract_ended")


def test_a_milestone_in_another_currency_is_refused_naming_the_field() -> None:
    decision = domain.add(a_contract(), [], None, an_addition(currency="eur"), NOW)
    assert refusal(decision) == ("invalid", "currency_mismatch")
    assert isinstance(decision, Refused)
    assert decision.detail.startswith("amount.currency:")


def test_a_contract_has_at_most_500_milestones() -> None:
    full = [a_milestone(milestone_id=f"mls_{n}", number=n) for n in range(1, 501)]
    assert refusal(domain.add(a_contract(), full, None, an_addition(milestone_id="mls_x"), NOW)) == (
        "invalid",
        "too_many_milestones",
    )
    assert decided(domain.add(a_contract(), full[:-1], None, an_addition(milestone_id="mls_x"), NOW))


def test_an_amount_below_the_minimum_is_not_added() -> None:
    decision = domain.add(a_contract(), [], None, an_addition(amount_minor=10), NOW)
    assert refusal(decision) == ("invalid", "amount_out_of_bounds")


def test_adding_the_same_milestone_again_changes_nothing() -> None:
    same = a_milestone(milestone_id="mls_2")
    assert isinstance(domain.add(a_contract(), [same], same, an_addition(), NOW), Unchanged)


def test_the_id_of_another_contracts_milestone_is_refused() -> None:
    other = a_milestone(milestone_id="mls_2", contract_id="ctr_9")
    assert refusal(domain.add(a_contract(), [], other, an_addition(), NOW)) == ("conflict", "milestone_exists")


# -- editing -----------------------------------------------------------------------------------------------


def test_only_what_is_given_is_changed() -> None:
    milestone = a_milestone(milestone_name="First")
    amended = decided(domain.amend(milestone, an_edit(amount_minor=70_000)))
    assert amended.milestone == milestone._replace(amount_minor=70_000)
    assert [type(event) for event in amended.said] == [MilestoneAmended]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("milestone_name", "Better"),
        ("description", "Other work"),
        ("amount_minor", 70_000),
        ("due_date", date(2027, 2, 1)),
    ],
)
def test_each_of_the_terms_can_be_changed(name: str, value: object) -> None:
    before = a_milestone(milestone_name="First", due_date=date(2026, 5, 1))
    amended = decided(domain.amend(before, an_edit(**{name: value})))
    assert amended.milestone == before._replace(**{name: value})  # type: ignore[arg-type]
    assert getattr(amended.said[0], name) == value


def test_after_a_failed_charge_it_may_be_edited() -> None:
    assert decided(domain.amend(a_milestone(funding_state="failed"), an_edit(description="Other")))


@pytest.mark.parametrize("funding_state", ["processing", "action_required"])
@pytest.mark.parametrize(
    "decide", [lambda m: domain.amend(m, an_edit(amount_minor=5_000)), lambda m: domain.cancel(m, a_cancellation())]
)
def test_while_a_charge_is_under_way_the_terms_stand_still(funding_state: str, decide: Any) -> None:
    assert refusal(decide(a_milestone(funding_state=funding_state))) == ("conflict", "milestone_not_editable")


@pytest.mark.parametrize("status", ["ACTIVE_FUNDED", "PENDING_APPROVAL", "PAID", "CANCELLED"])
def test_what_is_funded_or_over_is_not_edited(status: str) -> None:
    decision = domain.amend(a_milestone(status=status), an_edit(amount_minor=5_000))
    assert refusal(decision) == ("conflict", "milestone_not_editable")


@pytest.mark.parametrize("status", ["ACTIVE_FUNDED", "PENDING_APPROVAL", "PAID"])
def test_what_is_funded_is_not_cancelled(status: str) -> None:
    decision = domain.cancel(a_milestone(status=status), a_cancellation())
    assert refusal(decision) == ("conflict", "milestone_not_editable")


def test_the_terms_it_has_already_change_nothing() -> None:
    assert isinstance(domain.amend(a_milestone(), an_edit(amount_minor=100_000, currency="usd")), Unchanged)


def test_an_edit_cannot_change_the_currency() -> None:
    decision = domain.amend(a_milestone(), an_edit(amount_minor=5_000, currency="eur"))
    assert refusal(decision) == ("invalid", "currency_mismatch")


def test_an_edit_to_less_than_the_minimum_is_refused() -> None:
    assert refusal(domain.amend(a_milestone(), an_edit(amount_minor=3))) == ("invalid", "amount_out_of_bounds")


def test_a_cancelled_milestone_says_so_twice_once_for_its_terms_and_once_for_everybody() -> None:
    cancelled = decided(domain.cancel(a_milestone(), a_cancellation()))
    assert cancelled.milestone == a_milestone(status="CANCELLED")
    assert [type(event) for event in cancelled.said] == [MilestoneCancelled, MilestoneStatusChanged]
    shown = cancelled.said[1]
    assert isinstance(shown, MilestoneStatusChanged)
    assert (shown.previous_status, shown.status) == ("NOT_FUNDED", "CANCELLED")


def test_cancelling_again_changes_nothing() -> None:
    assert isinstance(domain.cancel(a_milestone(status="CANCELLED"), a_cancellation()), Unchanged)


@pytest.mark.parametrize(
    ("milestone", "actor", "code"),
    [
        (None, EMPLOYER, "not_found"),
        (a_milestone(contract_id="ctr_9"), EMPLOYER, "not_found"),
        (a_milestone(), STRANGER, "not_found"),
        (a_milestone(), TRAINER, "forbidden"),
    ],
    ids=["unknown", "of another contract", "a stranger", "the trainer"],
)
def test_who_may_not_edit_or_cancel(milestone: Any, actor: Any, code: str) -> None:
    assert refusal(domain.amend(milestone, an_edit(actor=actor, amount_minor=5_000)))[1] == code
    assert refusal(domain.cancel(milestone, a_cancellation(actor=actor)))[1] == code


# -- archiving ---------------------------------------------------------------------------------------------


def test_a_contract_of_resolved_milestones_is_archived() -> None:
    resolved = [
        a_milestone(status="PAID", funding_state="funded"),
        a_milestone(milestone_id="mls_2", number=2, status="CANCELLED"),
        a_milestone(milestone_id="mls_3", number=3, status="REFUNDED"),
    ]
    archived = decided(domain.archive(a_contract(), resolved, an_archiving()))
    assert archived.contract == a_contract(state="archived")
    assert archived.said == (ContractArchived(contract_id="ctr_1"),)


@pytest.mark.parametrize(
    "open_one",
    [
        a_milestone(milestone_id="mls_2", number=2),
        a_milestone(milestone_id="mls_2", number=2, status="ACTIVE_FUNDED", held_minor=1),
        a_milestone(milestone_id="mls_2", number=2, status="PENDING_APPROVAL", held_minor=1),
        a_milestone(milestone_id="mls_2", number=2, status="PAID", held_minor=1),
        a_milestone(milestone_id="mls_2", number=2, status="CANCELLED", funding_state="processing"),
    ],
    ids=["not funded", "funded", "asked for", "paid, not confirmed by the ledger", "cancelled, a charge under way"],
)
def test_an_open_milestone_keeps_the_contract_and_is_named(open_one: Any) -> None:
    decision = domain.archive(a_contract(), [a_milestone(status="PAID"), open_one], an_archiving())
    assert refusal(decision) == ("conflict", "unresolved_milestones")
    assert isinstance(decision, Refused)
    assert [named["milestone_id"] for named in decision.extra["milestones"]] == ["mls_2"]


def test_archiving_again_changes_nothing() -> None:
    assert isinstance(domain.archive(a_contract(state="archived"), [a_milestone()], an_archiving()), Unchanged)


@pytest.mark.parametrize(
    ("contract", "actor", "code"),
    [(None, EMPLOYER, "not_found"), (a_contract(), STRANGER, "not_found"), (a_contract(), TRAINER, "forbidden")],
    ids=["unknown", "a stranger", "the trainer"],
)
def test_who_may_not_archive(contract: Any, actor: Any, code: str) -> None:
    assert refusal(domain.archive(contract, [], an_archiving(actor=actor)))[1] == code
