"""What refunds, disputes, chargebacks and freezes make of what everybody sees."""

from typing import Any

import pytest

from services.contracts import progress, standing
from services.contracts.records import Milestone
from tests.unit.contracts.builders import a_fact, approved, funded, refused, released
from tests.unit.contracts.test_progress import HELD, after


def refund(name: str, minor: int, held_minor: int, refund_id: str = "rfd_1", **changed: Any) -> Any:
    """A word about a refund, after which so much is held."""
    return a_fact(f"funding.{name}", amount_minor=minor, held_minor=held_minor, still_held_minor=held_minor,
                  refund_id=refund_id, **{"cause": "given_back", **changed})  # fmt: skip


def asked(minor: int, held_minor: int, refund_id: str = "rfd_1", **changed: Any) -> Any:
    return refund("refund_requested", minor, held_minor, refund_id, **changed)


def made(minor: int, held_minor: int, refund_id: str = "rfd_1") -> Any:
    return refund("milestone_refunded", minor, held_minor, refund_id)


def taken(minor: int, held_minor: int, *, final: bool, dispute_id: str = "dp_1") -> Any:
    return a_fact("funding.milestone_charged_back", charged_back_minor=minor, held_minor=held_minor, final=final,
                  dispute_id=dispute_id)  # fmt: skip


def won(held_minor: int, restored_minor: int | None = None, dispute_id: str = "dp_1") -> Any:
    """`restored_minor`: what the bank gave back; without it, all that is held then."""
    restored = held_minor if restored_minor is None else restored_minor
    return a_fact("funding.chargeback_reversed", held_minor=held_minor, restored_minor=restored, dispute_id=dispute_id)


def frozen(cause: str, about: str = "x_1") -> Any:
    return a_fact("funding.funds_frozen", cause=cause, about=about, held_minor=HELD)


def unfrozen(cause: str, about: str = "x_1", held_minor: int = HELD) -> Any:
    return a_fact("funding.funds_unfrozen", cause=cause, about=about, held_minor=held_minor)


def settled(to_trainer_minor: int, to_employer_minor: int) -> Any:
    return a_fact("approvals.dispute_resolved", to_trainer_minor=to_trainer_minor, to_employer_minor=to_employer_minor)


def shown(milestone: Milestone) -> tuple[str, str]:
    return milestone.status, milestone.funding_state


def sums(milestone: Milestone) -> tuple[int, int, int, int]:
    """Held, released, refunded, charged back."""
    of = milestone
    return of.held_minor, of.released_minor, of.refunded_minor, of.charged_back_minor


REQUESTED = a_fact("approvals.release_requested")
DISPUTED = a_fact("approvals.milestone_disputed")
STOPPED = a_fact("approvals.dispute_stopped")


# -- given back --------------------------------------------------------------------------------------------


def test_it_is_refunded_once_stripe_has_refunded_it() -> None:
    pending = after(funded(), asked(HELD, 0))
    assert (shown(pending), sums(pending)) == (("ACTIVE_FUNDED", "refund_pending"), (0, 0, HELD, 0))
    done = after(funded(), asked(HELD, 0), made(HELD, 0))
    assert (shown(done), sums(done)) == (("REFUNDED", "refunded"), (0, 0, HELD, 0))


def test_a_part_given_back_leaves_the_rest_funded() -> None:
    milestone = after(funded(), asked(40_000, 60_000), made(40_000, 60_000))
    assert (shown(milestone), sums(milestone)) == (("ACTIVE_FUNDED", "funded"), (60_000, 0, 40_000, 0))


def test_a_part_given_back_and_the_rest_released_is_paid() -> None:
    milestone = after(funded(), asked(40_000, 60_000), made(40_000, 60_000), approved(60_000, 0), released(60_000, 0))
    assert (shown(milestone), sums(milestone)) == (("PAID", "funded"), (0, 60_000, 40_000, 0))


def test_a_part_released_and_the_rest_given_back_is_paid() -> None:
    milestone = after(funded(), approved(60_000, 40_000), released(60_000, 40_000), asked(40_000, 0), made(40_000, 0))
    assert (shown(milestone), sums(milestone)) == (("PAID", "funded"), (0, 60_000, 40_000, 0))


def test_a_cent_for_the_trainer_makes_it_paid_though_all_the_rest_went_back() -> None:
    rest = HELD - 1
    milestone = after(funded(), approved(1, rest), released(1, rest), asked(rest, 0), made(rest, 0))
    assert (shown(milestone), sums(milestone)) == (("PAID", "funded"), (0, 1, rest, 0))


def test_a_refund_that_stripe_never_made_is_held_again() -> None:
    milestone = after(funded(), asked(HELD, 0), refund("refund_failed", HELD, HELD, owed=False))
    assert (shown(milestone), sums(milestone)) == (("ACTIVE_FUNDED", "funded"), (HELD, 0, 0, 0))


def test_a_refund_that_did_not_reach_the_card_is_owed_and_never_held_again() -> None:
    milestone = after(funded(), asked(HELD, 0), made(HELD, 0), refund("refund_failed", HELD, 0, owed=True))
    assert (shown(milestone), sums(milestone)) == (("REFUNDED", "refund_pending"), (0, 0, HELD, 0))
    by_hand = progress.heard(milestone, made(HELD, 0)).milestone
    assert shown(by_hand) == ("REFUNDED", "refunded")


def test_while_one_of_two_refunds_is_on_its_way_it_is_not_refunded_yet() -> None:
    milestone = after(funded(), asked(40_000, 60_000), asked(60_000, 0, "rfd_2"), made(40_000, 0))
    assert shown(milestone) == ("ACTIVE_FUNDED", "refund_pending")
    assert shown(progress.heard(milestone, made(60_000, 0, "rfd_2")).milestone) == ("REFUNDED", "refunded")


def test_the_money_of_a_charge_that_came_after_the_cancellation_leaves_it_cancelled() -> None:
    milestone = after(asked(HELD, 0, cause="milestone_cancelled"), made(HELD, 0), status="CANCELLED")
    assert (shown(milestone), sums(milestone)) == (("CANCELLED", "failed"), (0, 0, 0, 0))


def test_the_money_that_was_held_when_the_cancellation_came_counts_as_refunded() -> None:
    milestone = after(funded(), asked(HELD, 0, cause="milestone_cancelled"), made(HELD, 0), status="CANCELLED")
    assert (shown(milestone), sums(milestone)) == (("REFUNDED", "refunded"), (0, 0, HELD, 0))


@pytest.mark.parametrize("cause", ["duplicate_charge", "amount_mismatch"])
def test_the_refund_of_a_charge_that_never_counted_is_in_no_sum(cause: str) -> None:
    milestone = after(funded(), asked(HELD, HELD, cause=cause), made(HELD, HELD))
    assert (shown(milestone), sums(milestone)) == (("ACTIVE_FUNDED", "funded"), (HELD, 0, 0, 0))


def test_a_request_that_ended_because_all_went_back_is_no_request_any_more() -> None:
    ended = a_fact("approvals.release_request_withdrawn", because="the money went back to the employer")
    for facts in ((asked(HELD, 0), REQUESTED, ended), (REQUESTED, ended, asked(HELD, 0))):
        milestone = after(funded(), *facts, refund("refund_failed", HELD, HELD, owed=False))
        assert milestone.status == "ACTIVE_FUNDED"


# -- disputes between the parties --------------------------------------------------------------------------


def test_a_dispute_of_the_parties_is_shown_until_it_is_settled_or_stopped() -> None:
    disputed = after(funded(), REQUESTED, DISPUTED)
    assert (shown(disputed), standing.is_frozen(disputed)) == (("DISPUTED", "funded"), True)
    stopped = progress.heard(disputed, STOPPED).milestone
    assert (shown(stopped), standing.is_frozen(stopped)) == (("ACTIVE_FUNDED", "funded"), False)


def test_settled_for_the_trainer_it_is_paid() -> None:
    milestone = after(funded(), DISPUTED, settled(HELD, 0))
    assert milestone.status == "PAID"
    assert sums(progress.heard(milestone, released(HELD, 0)).milestone) == (0, HELD, 0, 0)


def test_settled_for_the_employer_it_is_refunded_once_stripe_has_refunded_it() -> None:
    pending = after(funded(), DISPUTED, settled(0, HELD), asked(HELD, 0, cause="dispute_decided"))
    assert shown(pending) == ("ACTIVE_FUNDED", "refund_pending")
    assert shown(progress.heard(pending, made(HELD, 0)).milestone) == ("REFUNDED", "refunded")


@pytest.mark.parametrize("early", [0, 1, 2])
def test_split_it_is_paid_with_a_refund_however_soon_the_ledger_answers(early: int) -> None:
    answers = [released(60_000, 40_000), asked(40_000, 0, cause="dispute_decided"), made(40_000, 0)]
    milestone = after(funded(), DISPUTED, *answers[:early], settled(60_000, 40_000), *answers[early:])
    assert (shown(milestone), sums(milestone)) == (("PAID", "funded"), (0, 60_000, 40_000, 0))
    assert (milestone.unsettled_minor, milestone.returning_minor) == (0, 0)


@pytest.mark.parametrize("early", [0, 1, 2])
def test_a_settlement_that_the_ledger_did_not_carry_out_leaves_it_held(early: int) -> None:
    answers = [refused(60_000, HELD), refund("refund_failed", 40_000, HELD, owed=False, cause="dispute_decided")]
    milestone = after(funded(), DISPUTED, *answers[:early], settled(60_000, 40_000), *answers[early:])
    assert (shown(milestone), sums(milestone)) == (("ACTIVE_FUNDED", "funded"), (HELD, 0, 0, 0))
    assert (milestone.unsettled_minor, milestone.returning_minor) == (0, 0)


def test_a_refund_by_settlement_that_stripe_refused_later_is_held_again() -> None:
    milestone = after(funded(), DISPUTED, settled(0, HELD), asked(HELD, 0, cause="dispute_decided"),
                      refund("refund_failed", HELD, HELD, owed=False, cause="dispute_decided"))  # fmt: skip
    assert (milestone.status, sums(milestone)) == ("ACTIVE_FUNDED", (HELD, 0, 0, 0))
    assert milestone.returning_minor == 0


def test_a_dispute_settled_before_the_charge_was_heard_of() -> None:
    early = after(DISPUTED, settled(60_000, 40_000))
    assert (early.status, sums(early), early.uncommitted_minor) == ("PAID", (HELD, 0, 0, 0), 0)
    milestone = after(DISPUTED, settled(60_000, 40_000), funded(), released(60_000, 40_000),
                      asked(40_000, 0, cause="dispute_decided"), made(40_000, 0))  # fmt: skip
    assert (milestone.status, sums(milestone)) == ("PAID", (0, 60_000, 40_000, 0))


# -- the employer's bank -----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], [REQUESTED]])
@pytest.mark.parametrize("cause", ["card_dispute", "card_inquiry"])
def test_what_the_bank_asks_about_is_disputed_and_then_where_it_was(cause: str, before: list[Any]) -> None:
    milestone = after(funded(), *before, frozen(cause))
    assert milestone.status == "DISPUTED"
    assert progress.heard(milestone, unfrozen(cause)).milestone.status == after(funded(), *before).status


def test_what_the_bank_took_is_disputed_until_it_is_won() -> None:
    facts = (funded(), frozen("card_dispute", "dp_1"), taken(HELD, 0, final=False))
    milestone = after(*facts)
    assert (shown(milestone), sums(milestone)) == (("DISPUTED", "charged_back"), (0, 0, 0, HELD))
    back = after(*facts, won(HELD), unfrozen("card_dispute", "dp_1"))
    assert (shown(back), sums(back)) == (("ACTIVE_FUNDED", "funded"), (HELD, 0, 0, 0))


def test_lost_before_anything_was_released_it_is_refunded_by_the_bank() -> None:
    milestone = after(
        funded(), frozen("card_dispute"), taken(HELD, 0, final=True), unfrozen("card_dispute", held_minor=0)
    )
    assert (shown(milestone), sums(milestone)) == (("REFUNDED", "charged_back"), (0, 0, 0, HELD))


def test_lost_after_the_release_it_stays_paid() -> None:
    facts = (funded(), approved(HELD, 0), released(HELD, 0))
    disputed = after(*facts, taken(0, 0, final=False))
    assert shown(disputed) == ("DISPUTED", "charged_back")
    lost = progress.heard(disputed, taken(0, 0, final=True)).milestone
    assert (shown(lost), sums(lost)) == (("PAID", "charged_back"), (0, HELD, 0, 0))


def test_lost_after_a_part_was_released_it_is_paid() -> None:
    milestone = after(funded(), approved(60_000, 40_000), released(60_000, 40_000), taken(40_000, 0, final=True))
    assert (shown(milestone), sums(milestone)) == (("PAID", "charged_back"), (0, 60_000, 0, 40_000))


@pytest.mark.parametrize("cause", ["fraud_warning", "review", "operator", "reconciliation", "transfer_reversed"])
def test_other_freezes_are_a_flag_and_no_status(cause: str) -> None:
    milestone = after(funded(), frozen(cause))
    assert (milestone.status, standing.is_frozen(milestone)) == ("ACTIVE_FUNDED", True)
    lifted = progress.heard(milestone, unfrozen(cause)).milestone
    assert standing.is_frozen(lifted) is False


def test_one_of_two_freezes_lifted_leaves_the_other() -> None:
    milestone = after(funded(), frozen("review"), frozen("operator"), unfrozen("review"))
    assert standing.is_frozen(milestone)


def test_the_freeze_of_a_party_dispute_is_not_counted_twice() -> None:
    milestone = after(funded(), DISPUTED, frozen("party_dispute"), STOPPED)
    assert (milestone.status, standing.is_frozen(milestone)) == ("ACTIVE_FUNDED", False)


# -- taken back from the trainer ---------------------------------------------------------------------------


def returned(minor: int, held_minor: int, recovered_minor: int = 0) -> Any:
    return a_fact("funding.funds_returned", amount_minor=minor, held_minor=held_minor, recovered_minor=recovered_minor,
                  transfer_id="tr_1")  # fmt: skip


def test_what_was_taken_back_from_the_trainer_is_held_again() -> None:
    milestone = after(funded(), approved(HELD, 0), released(HELD, 0), frozen("transfer_reversed"), returned(HELD, HELD))
    assert (milestone.status, sums(milestone)) == ("ACTIVE_FUNDED", (HELD, 0, 0, 0))


def test_what_was_taken_back_for_a_lost_dispute_is_charged_back() -> None:
    milestone = after(
        funded(), approved(HELD, 0), released(HELD, 0), taken(0, 0, final=True), returned(HELD, 0, recovered_minor=HELD)
    )
    assert (shown(milestone), sums(milestone)) == (("REFUNDED", "charged_back"), (0, 0, 0, HELD))


def given_up(minor: int, held_minor: int, recovered_minor: int = 0) -> Any:
    return a_fact("funding.release_given_up", amount_minor=minor, held_minor=held_minor,
                  recovered_minor=recovered_minor, payout_id="pay_1")  # fmt: skip


@pytest.mark.scenario(48)
def test_what_was_given_up_before_it_was_paid_out_is_held_again_and_can_go_back() -> None:
    facts = (funded(), approved(HELD, 0), released(HELD, 0), given_up(HELD, HELD))
    milestone = after(*facts)
    assert (milestone.status, sums(milestone), standing.is_frozen(milestone)) == (
        "ACTIVE_FUNDED", (HELD, 0, 0, 0), False,
    )  # fmt: skip
    refunded = after(*facts, asked(HELD, 0), made(HELD, 0))
    assert (shown(refunded), sums(refunded)) == (("REFUNDED", "refunded"), (0, 0, HELD, 0))
    again = after(*facts, approved(HELD, 0), released(HELD, 0, "rel_2"))
    assert (again.status, sums(again)) == ("PAID", (0, HELD, 0, 0))


def test_what_was_given_up_after_a_lost_dispute_is_charged_back_and_what_the_bank_gives_back_undoes_it() -> None:
    facts = (funded(), approved(HELD, 0), released(HELD, 0), taken(0, 0, final=True),
             given_up(HELD, 0, recovered_minor=HELD))  # fmt: skip
    milestone = after(*facts)
    assert (shown(milestone), sums(milestone)) == (("REFUNDED", "charged_back"), (0, 0, 0, HELD))
    assert milestone.chargebacks["pay_1"] == {"state": standing.LOST, "minor": HELD, "made_good": True}
    appealed = after(*facts, won(HELD, HELD), released(HELD, 0, "rel_again"))
    assert (shown(appealed), sums(appealed)) == (("PAID", "funded"), (0, HELD, 0, 0))


def test_won_after_the_trainer_made_it_good_it_goes_to_the_trainer_once_more() -> None:
    facts = (funded(), approved(HELD, 0), released(HELD, 0), frozen("card_dispute"), taken(0, 0, final=False),
             returned(HELD, 0, recovered_minor=HELD))  # fmt: skip
    made_good = after(*facts)
    assert (made_good.status, sums(made_good)) == ("DISPUTED", (0, 0, 0, HELD))
    again = (won(HELD, HELD), released(HELD, 0, "rel_again"), unfrozen("card_dispute", held_minor=0))
    milestone = after(*facts, *again)
    assert (shown(milestone), sums(milestone)) == (("PAID", "funded"), (0, HELD, 0, 0))
    assert milestone.unsettled_minor == 0


def test_of_what_the_bank_gave_back_in_part_the_rest_stays_charged_back() -> None:
    milestone = after(funded(), taken(HELD, 0, final=False), won(70_000, 70_000))
    assert (shown(milestone), sums(milestone)) == (("ACTIVE_FUNDED", "charged_back"), (70_000, 0, 0, 30_000))


def test_two_disputes_of_one_charge_are_undone_each_for_itself() -> None:
    facts = (funded(), taken(40_000, 60_000, final=False), taken(60_000, 0, final=True, dispute_id="dp_2"))
    milestone = after(*facts, won(40_000, 40_000))
    assert sums(milestone) == (40_000, 0, 0, 60_000)


def test_what_the_bank_gives_back_undoes_its_own_dispute_first_and_then_what_was_made_good_in_order() -> None:
    def stands(minor: int, **more: Any) -> dict[str, Any]:
        return {"state": standing.LOST, "minor": minor, **more}

    before = {
        "dp_2": stands(30_000), "dp_3": stands(5_000), "tr_1": stands(25_000, made_good=True),
        "tr_2": stands(25_000, made_good=True), "dp_1": stands(20_000),
    }  # fmt: skip
    milestone = after(won(0, 60_000), chargebacks=before)
    assert milestone.chargebacks == {
        "dp_2": stands(30_000), "dp_3": stands(5_000), "tr_2": stands(10_000, made_good=True)
    }  # fmt: skip
    assert milestone.unsettled_minor == 40_000  # what the trainer had made good is released once more


def test_what_the_bank_gives_back_of_a_dispute_that_took_nothing_here_was_made_good() -> None:
    milestone = after(
        won(0, 25_000), chargebacks={"tr_1": {"state": standing.LOST, "minor": 25_000, "made_good": True}}
    )
    assert (milestone.chargebacks, milestone.unsettled_minor) == ({}, 25_000)
