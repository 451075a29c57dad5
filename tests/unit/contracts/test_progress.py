"""What the facts of other services make of a milestone, in whatever order they come."""

from typing import Any

import pytest

from schemas.contracts import MilestoneAmended, MilestoneStatusChanged
from services.contracts import progress
from services.contracts.records import Milestone
from tests.unit.contracts.builders import a_fact, a_milestone, approved, funded, refused, released

HELD = 100_000


def after(*facts: Any, **start: Any) -> Milestone:
    milestone = a_milestone(**{"funding_state": "processing", **start})
    for fact in facts:
        milestone = progress.heard(milestone, fact).milestone
    return milestone


def sums(milestone: Milestone) -> tuple[int, int, int]:
    return milestone.held_minor, milestone.unsettled_minor, milestone.released_minor


def test_a_charge_makes_it_active_and_funded() -> None:
    milestone = after(a_fact("funding.funding_requested"), funded(), funding_state="none")
    assert (milestone.status, milestone.funding_state, milestone.held_minor) == ("ACTIVE_FUNDED", "funded", HELD)


def test_a_change_of_what_is_shown_is_published_with_what_it_was() -> None:
    moved = progress.heard(a_milestone(funding_state="processing"), funded())
    (event,) = moved.said
    assert isinstance(event, MilestoneStatusChanged)
    assert (event.previous_status, event.status, event.funding_state) == ("NOT_FUNDED", "ACTIVE_FUNDED", "funded")


def test_a_fact_that_changes_nothing_shown_says_nothing() -> None:
    assert progress.heard(after(funded()), released(1, HELD - 1)).said == ()


def test_a_charge_that_was_under_way_when_it_was_cancelled_counts() -> None:
    assert after(funded(), status="CANCELLED").status == "ACTIVE_FUNDED"


def test_a_charge_of_the_amount_before_an_edit_counts_and_the_terms_say_so() -> None:
    moved = progress.heard(a_milestone(amount_minor=70_000, funding_state="processing"), funded(HELD))
    assert moved.milestone.amount_minor == HELD
    assert [type(event) for event in moved.said] == [MilestoneAmended, MilestoneStatusChanged]


@pytest.mark.parametrize("status", ["NOT_FUNDED", "CANCELLED"])
def test_a_charge_that_has_not_succeeded_leaves_the_status_as_it_was(status: str) -> None:
    assert after(a_fact("funding.funding_action_required"), status=status).status == status


def test_the_last_cent_held_keeps_it_funded_and_the_first_released_makes_it_paid() -> None:
    assert after(funded(), approved(HELD - 1, 1), released(HELD - 1, 1)).status == "ACTIVE_FUNDED"
    assert after(funded(1), approved(1, 0), released(1, 0)).status == "PAID"


def test_a_full_release() -> None:
    milestone = after(funded(), approved(HELD, 0), released(HELD, 0))
    assert (milestone.status, sums(milestone)) == ("PAID", (0, 0, HELD))


def test_a_part_leaves_it_funded_with_the_rest_held() -> None:
    milestone = after(
        funded(), a_fact("approvals.release_requested"), approved(40_000, 60_000), released(40_000, 60_000)
    )
    assert (milestone.status, sums(milestone)) == ("ACTIVE_FUNDED", (60_000, 0, 40_000))


def test_a_refused_release_opens_it_again() -> None:
    milestone = after(funded(), approved(HELD, 0), refused(HELD, HELD))
    assert (milestone.status, sums(milestone)) == ("ACTIVE_FUNDED", (HELD, 0, 0))


def test_a_refusal_heard_before_the_approval_it_answers() -> None:
    assert after(funded(), refused(HELD, HELD), approved(HELD, 0)).status == "ACTIVE_FUNDED"


def test_a_release_heard_before_the_approval_that_it_answers_waits_for_it() -> None:
    early = after(funded(), released(HELD, 0))
    assert early.status == "ACTIVE_FUNDED"
    assert progress.heard(early, approved(HELD, 0)).milestone.status == "PAID"


def test_a_request_heard_before_the_charge() -> None:
    assert after(a_fact("approvals.release_requested"), funded()).status == "PENDING_APPROVAL"


def test_an_approval_heard_before_the_charge() -> None:
    assert after(approved(HELD, 0), funded()).status == "PAID"


def test_a_partial_approval_heard_before_the_charge() -> None:
    assert after(approved(40_000, 60_000), funded()).status == "ACTIVE_FUNDED"


def test_a_new_round_heard_before_the_refusal_that_allowed_it() -> None:
    milestone = after(funded(), approved(HELD, 0), a_fact("approvals.release_requested"), refused(HELD, HELD))
    assert milestone.status == "PENDING_APPROVAL"


@pytest.mark.parametrize("status", ["NOT_FUNDED", "CANCELLED"])
def test_a_partial_approval_heard_first_leaves_it_funded(status: str) -> None:
    assert after(approved(40_000, 60_000), status=status).status == "ACTIVE_FUNDED"


@pytest.mark.parametrize("status", ["NOT_FUNDED", "CANCELLED"])
def test_a_full_approval_heard_first_pays(status: str) -> None:
    assert after(approved(HELD, 0), status=status).status == "PAID"


def test_a_release_after_which_the_ledger_still_holds_something_opens_it_again() -> None:
    assert after(funded(), approved(HELD, 0), released(HELD, 20_000)).status == "ACTIVE_FUNDED"


def states_of_charge(*kinds: str) -> list[str]:
    """The funding state after each fact."""
    milestone, shown = a_milestone(), list[str]()
    for kind in kinds:
        milestone = progress.heard(milestone, a_fact(f"funding.{kind}")).milestone
        shown.append(milestone.funding_state)
    return shown


def test_a_declined_charge_is_tried_again() -> None:
    assert states_of_charge("funding_requested", "funding_failed", "funding_requested", "milestone_funded") == [
        "processing",
        "failed",
        "processing",
        "funded",
    ]


def test_a_charge_that_asks_for_authentication_fails_or_succeeds() -> None:
    asked = ("funding_requested", "funding_action_required")
    assert states_of_charge(*asked, "milestone_funded") == ["processing", "action_required", "funded"]
    assert states_of_charge(*asked, "funding_failed") == ["processing", "action_required", "failed"]


def test_a_charge_that_succeeded_after_all_counts() -> None:
    assert states_of_charge("funding_requested", "funding_failed", "milestone_funded")[-1] == "funded"


# -- payouts -----------------------------------------------------------------------------------------------


def way(*facts: Any) -> list[str]:
    """The payout state shown after each fact."""
    milestone, payouts, shown = a_milestone(status="PAID"), dict[str, progress.Payout](), list[str]()
    for fact in facts:
        moved = progress.payout_heard(milestone, list(payouts.values()), fact)
        assert moved.payout is not None
        milestone, payouts[fact.payout_id] = moved.milestone, moved.payout
        shown.append(milestone.payout_state)
    return shown


def payout(kind: str, payout_id: str = "pay_1") -> Any:
    return a_fact(f"payouts.payout_{kind}", payout_id=payout_id)


def test_the_way_to_the_bank() -> None:
    assert way(payout("held"), payout("initiated"), payout("in_transit"), payout("paid")) == [
        "held",
        "initiated",
        "in_transit",
        "paid",
    ]


def test_a_bank_may_send_it_back_and_it_is_paid_again() -> None:
    assert way(payout("initiated"), payout("paid"), payout("failed"), payout("paid"))[-2:] == ["failed", "paid"]


@pytest.mark.parametrize("before", [["initiated"], ["initiated", "in_transit"], ["initiated", "paid"]])
def test_a_bank_that_does_not_take_it_is_shown_whenever_it_says_so(before: list[str]) -> None:
    assert way(*(payout(kind) for kind in before), payout("failed"), payout("in_transit"))[-2:] == [
        "failed",
        "in_transit",
    ]


@pytest.mark.parametrize("before", [["initiated"], ["initiated", "in_transit"], ["initiated", "paid"],
                                     ["initiated", "failed"]])  # fmt: skip
def test_a_payout_taken_back_whole_is_reversed_for_good(before: list[str]) -> None:
    taken = a_fact("payouts.payout_reversed", payout_id="pay_1", whole=True)
    assert way(*(payout(kind) for kind in before), taken, payout("paid"))[-2:] == ["reversed", "reversed"]


def test_a_part_taken_back_leaves_the_payout_where_it_is() -> None:
    taken = a_fact("payouts.payout_reversed", payout_id="pay_1", whole=False)
    assert way(payout("initiated"), payout("paid"), taken)[-1] == "paid"


@pytest.mark.scenario(48)
def test_a_payout_that_was_given_up_is_shown_as_none_for_good() -> None:
    given_up = a_fact("payouts.payout_given_up", payout_id="pay_1")
    assert way(payout("held"), given_up, payout("initiated"))[-2:] == ["none", "none"]
    assert way(payout("initiated", "pay_2"), payout("paid", "pay_2"), payout("held"), given_up)[-1] == "paid"


def test_of_several_payouts_a_reversed_one_is_shown_last() -> None:
    taken = a_fact("payouts.payout_reversed", payout_id="pay_1", whole=True)
    assert way(payout("initiated"), taken, payout("initiated", "pay_2"))[-1] == "initiated"


def test_of_several_payouts_the_one_furthest_from_the_bank_is_shown() -> None:
    shown = way(payout("initiated"), payout("paid"), payout("held", "pay_2"), payout("initiated", "pay_2"),
                payout("paid", "pay_2"))  # fmt: skip
    assert shown == ["initiated", "paid", "held", "initiated", "paid"]


@pytest.mark.parametrize("kind", ["held", "initiated", "in_transit"])
def test_an_old_word_about_a_payout_that_arrived_is_stale(kind: str) -> None:
    assert way(payout("initiated"), payout("paid"), payout(kind))[-1] == "paid"


def test_how_far_the_money_is_never_moves_the_status() -> None:
    moved = progress.payout_heard(a_milestone(status="PAID"), [], payout("initiated"))
    (event,) = moved.said
    assert isinstance(event, MilestoneStatusChanged)
    assert (event.previous_status, event.status, event.payout_state) == ("PAID", "PAID", "initiated")
