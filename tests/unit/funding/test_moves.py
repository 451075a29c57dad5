"""Where each answer of Stripe and each move of money leads, said without asking the tables."""

from collections.abc import Sequence
from typing import Any

import pytest

from schemas import contracts, payouts, stripe
from schemas import funding as said
from schemas.base import Message
from services.funding import charging, ledger, refunds, releasing, standing, states
from services.funding.ledger import Entry, Taken
from services.funding.records import Decided
from tests.unit.funding.builders import (
    FEES,
    OPERATOR,
    RULES,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    approved,
    held,
)
from tests.unit.funding.test_card_disputes import CHARGE, Case, released
from tests.unit.funding.test_edges_of_money_back import settle
from tests.unit.funding.test_given_up_releases import GivenUp
from tests.unit.funding.test_platform_refunds import Paid
from tests.unit.funding.test_refunds import Story, by_hand, moved
from tests.unit.funding.test_states import answered
from tests.unit.funding.test_voiding import void

CREATED, SUCCEEDED, FAILED, CANCELED = (
    stripe.PaymentIntentCreated.type_name,
    stripe.PaymentIntentSucceeded.type_name,
    stripe.PaymentIntentFailed.type_name,
    stripe.PaymentIntentCanceled.type_name,
)
REFUSED, ACTION = stripe.CallRefused.type_name, stripe.PaymentIntentActionRequired.type_name
WITH_MONEY = ("funded", "released", "refunded", "charged_back")


def types(messages: Sequence[Message]) -> set[str]:
    return {message.type_name for message in messages}


# -- charges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        ("processing", {CREATED: "processing", SUCCEEDED: "funded", FAILED: "failed", CANCELED: "failed",
                        REFUSED: "failed", ACTION: "action_required"}),
        ("action_required", {SUCCEEDED: "funded", FAILED: "failed", CANCELED: "failed"}),
        ("failed", {SUCCEEDED: "funded", CANCELED: "failed"}),
        *((state, {}) for state in (*WITH_MONEY, "voided")),
    ],
)  # fmt: skip
def test_what_a_funding_becomes_by_each_answer(state: str, becomes: dict[str, str]) -> None:
    for answer in (CREATED, SUCCEEDED, FAILED, CANCELED, REFUSED, ACTION):
        found = answered(state, answer)
        assert (found.funding.state if found else None) == becomes.get(answer), answer


@pytest.mark.parametrize("trigger", ["funding.fund_milestone.v1", "contracts.milestone_added.v1"])
def test_a_first_charge_is_under_way_and_told_whoever_asked(trigger: str) -> None:
    found = charging.begin(a_milestone(), None, a_method(), FEES, trigger, "fnd_1", a_posting())
    edge = states.FUNDING.edge("none", trigger)
    assert isinstance(found, Decided)
    assert edge is not None
    assert (found.funding.state, found.said[0].type_name) == ("processing", edge.emits)


def test_another_try_after_a_decline_is_under_way() -> None:
    trigger = "funding.fund_milestone.v1"
    found = charging.begin(a_milestone(), a_funding("failed"), a_method(), FEES, trigger, "fnd_2", a_posting())
    assert isinstance(found, Decided)
    assert found.funding.state == "processing"


@pytest.mark.parametrize("state", ["processing", "action_required", "failed"])
def test_a_charge_that_must_not_stand_is_voided_and_that_is_told_from_wherever_it_was(state: str) -> None:
    found = void(a_funding(state), "duplicate_charge")
    edge = states.FUNDING.edge(state, SUCCEEDED, "void")
    assert found is not None
    assert edge is not None
    assert found.funding.state == "voided"
    assert edge.emits in types(found.said)


# -- money -------------------------------------------------------------------------------------------------

WHERE: dict[str, list[Entry]] = {
    "funded": [],
    "released": ledger.funds_released(a_posting(), 100_000),
    "refunded": ledger.refund_requested(a_posting(), 100_000, 0),
    "charged_back": ledger.funds_withdrawn(a_posting(), Taken(100_000, 0, 0, 0)),
}
"""What moved when the milestone's money is there."""
FROM_HELD = ("funding.refund_milestone.v1", "stripe.refund_changed.v1", "approvals.dispute_resolved.v1")


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    ("trigger", "sources"),
    [
        *((trigger, ("funded",)) for trigger in FROM_HELD),
        ("funds_withdrawn", WITH_MONEY),
        ("funds_reinstated", WITH_MONEY),
        ("stripe.transfer_reversed.v1", ("funded", "released")),
    ],
)
def test_a_funding_is_where_its_money_is_however_it_came_there(
    trigger: str, sources: tuple[str, ...], where: str
) -> None:
    for source in sources:
        assert standing.moved(a_funding(source), trigger, [*held(), *WHERE[where]]).state == where


@pytest.mark.parametrize("state", ["none", "processing", "action_required", "failed", "voided"])
@pytest.mark.parametrize("trigger", [*FROM_HELD, "funds_withdrawn", "funds_reinstated", "stripe.transfer_reversed.v1"])
def test_money_that_was_never_charged_or_must_not_stand_does_not_move(trigger: str, state: str) -> None:
    with pytest.raises(ValueError, match=f"does not lead from {state}"):
        standing.moved(a_funding(state), trigger, held())


@pytest.mark.parametrize("source", ["funded", "released"])
@pytest.mark.parametrize("where", WHERE)
def test_a_release_that_was_given_up_leads_to_where_the_rest_is(where: str, source: str) -> None:
    given_up = payouts.PayoutGivenUp.type_name
    assert standing.moved(a_funding(source), given_up, [*held(), *WHERE[where]]).state == where


@pytest.mark.parametrize("source", WITH_MONEY)
def test_a_refund_that_stripe_did_not_make_is_held_again_wherever_the_rest_is(source: str) -> None:
    assert standing.moved(a_funding(source), stripe.RefundRefused.type_name, held()).state == "funded"


@pytest.mark.parametrize("where", ["released", "refunded", "charged_back"])
def test_of_a_cancelled_milestone_nothing_stays_held(where: str) -> None:
    cancelled = contracts.MilestoneCancelled.type_name
    assert standing.moved(a_funding("funded"), cancelled, [*held(), *WHERE[where]]).state == where
    with pytest.raises(ValueError, match="to funded"):
        standing.moved(a_funding("funded"), cancelled, held())


def taken_back() -> Case:
    case = Case()
    case.hear("needs_response", CHARGE)
    return case


def cancelled() -> Sequence[Message]:
    money = Story().money
    return refunds.ask(
        money, money.held_minor, "milestone_cancelled", "funding", "", "rfd_1", RULES,
        contracts.MilestoneCancelled.type_name, a_posting(),
    ).said  # fmt: skip


def asked() -> Story:
    story = Story()
    story.ask()
    return story


TOLD: dict[str, Any] = {
    "approvals.milestone_approved.v1": lambda: decided_release().said,
    "funding.refund_milestone.v1": lambda: moved(Story().ask()).said,
    "stripe.refund_changed.v1": lambda: moved(by_hand(Story(), 30_000)).said,
    "contracts.milestone_cancelled.v1": cancelled,
    "stripe.refund_refused.v1": lambda: moved(asked().refuse()).said,
    "approvals.dispute_resolved.v1": lambda: settle(Story().money, to_trainer_minor=0, to_employer_minor=100_000).said,
    "funds_withdrawn": lambda: Case().hear("needs_response", CHARGE),
    "funds_reinstated": lambda: taken_back().hear("won", CHARGE, CHARGE),
    "stripe.transfer_reversed.v1": lambda: Case("released", released()).reverse(30_000),
    "payouts.payout_given_up.v1": lambda: GivenUp().give_up(),
}
"""What is told when money moves for that reason."""


def decided_release() -> Decided:
    found = releasing.release(a_funding("funded"), held(), [], approved(40_000), a_posting())
    assert isinstance(found, Decided)
    return found


@pytest.mark.parametrize("trigger", TOLD)
def test_money_that_moves_is_told_alike_wherever_it_comes_from_and_goes_to(trigger: str) -> None:
    told = types(TOLD[trigger]())
    moves = [edge for edge in states.FUNDING.edges if edge.trigger == trigger and edge.source in WITH_MONEY]
    assert moves
    assert [edge for edge in moves if edge.emits not in told] == []


# -- refunds -----------------------------------------------------------------------------------------------

BECOMES = {
    "asked": {"pending": "pending", "succeeded": "made", "failed": "owed"},
    "pending": {"pending": "pending", "succeeded": "made", "failed": "owed"},
    "made": {"failed": "owed"},
    "owed": {"succeeded": "made"},
    "refused": {},
    "by_hand": {},
}
"""What a refund becomes by each word of Stripe; where none is named it stays as it is."""
OUTCOMES = {"pending": "pending", "requires_action": "pending", "succeeded": "succeeded", "failed": "failed",
            "canceled": "failed"}  # fmt: skip


@pytest.mark.parametrize("status", OUTCOMES)
@pytest.mark.parametrize("state", BECOMES)
def test_what_a_refund_becomes_by_each_word_of_stripe_and_what_is_told(state: str, status: str) -> None:
    story = asked()
    story.refunds["rfd_1"] = story.refunds["rfd_1"]._replace(state=state)
    made = moved(story.hear(status, 0))
    outcome = OUTCOMES[status]
    assert story.refunds["rfd_1"].state == BECOMES[state].get(outcome, state)
    edge = states.REFUND.edge(state, stripe.RefundChanged.type_name, outcome)
    assert types(made.said) == ({edge.emits} if edge and edge.emits else set())


@pytest.mark.parametrize(
    ("state", "void", "becomes"),
    [
        ("asked", False, "refused"), ("pending", False, "refused"), ("asked", True, "owed"), ("pending", True, "owed"),
        ("made", False, None), ("refused", False, None), ("owed", True, None), ("by_hand", False, None),
    ],
)  # fmt: skip
def test_what_a_refund_becomes_that_stripe_refuses_and_what_is_told(
    state: str, void: bool, becomes: str | None
) -> None:
    story = asked()
    of_another = {"funding_id": "fnd_void"} if void else {}
    story.refunds["rfd_1"] = story.refunds["rfd_1"]._replace(state=state, **of_another)
    made = story.refuse()
    assert (story.refunds["rfd_1"].state if made else None) == becomes
    edge = states.REFUND.edge(state, stripe.RefundRefused.type_name, "void" if void else "")
    assert types(made.said if made else ()) == ({edge.emits} if edge else set())


@pytest.mark.parametrize(
    "trigger",
    ["funding.refund_milestone.v1", "approvals.dispute_resolved.v1", "contracts.milestone_cancelled.v1", SUCCEEDED],
)
def test_a_refund_is_asked_for_and_told_whatever_it_is_asked_for_by(trigger: str) -> None:
    edge = states.REFUND.edge("none", trigger)
    told = types(decided_void().said if trigger == SUCCEEDED else TOLD[trigger]())
    assert edge is not None
    assert (edge.target, edge.emits in told) == ("asked", True)


def decided_void() -> Decided:
    found = void(a_funding("processing"), "duplicate_charge")
    assert found is not None
    return found


def test_a_refund_from_the_platforms_own_money_is_asked_for_and_told() -> None:
    edge = states.REFUND.edge("none", "funding.refund_from_platform.v1")
    paid = Paid()
    told = types(paid.ask(40_000))
    assert edge is not None
    assert (edge.target, paid.rows["rfd_1"].state, edge.emits in told) == ("asked", "asked", True)


@pytest.mark.parametrize("state", ["none", "refused"])
def test_what_is_refunded_at_stripe_is_asked_for_anew(state: str) -> None:
    edge = states.REFUND.edge(state, stripe.RefundChanged.type_name, "made_at_stripe")
    assert edge is not None
    assert (edge.target, edge.emits) == ("asked", said.RefundRequested.type_name)


def test_what_is_owed_is_settled_by_hand_and_told() -> None:
    story = asked()
    story.hear("failed", 0)
    command = said.RecordManualRefund(
        actor=OPERATOR, contract_id="ctr_1", milestone_id="mls_1", refund_id="rfd_1", reference="wire 77"
    )
    made = moved(refunds.paid_by_hand(story.refunds["rfd_1"], 0, command, a_posting()))
    edge = states.REFUND.edge("owed", command.type_name)
    assert edge is not None
    assert (made.refunds[0].state, types(made.said)) == ("by_hand", {edge.emits})


# -- card disputes -----------------------------------------------------------------------------------------

WORDS = {
    "warning_needs_response": "inquiry", "warning_under_review": "inquiry", "needs_response": "open",
    "under_review": "open", "appeal_needs_response": "appeal", "appeal_under_review": "appeal", "won": "won",
    "lost": "lost", "warning_closed": "closed", "prevented": "closed",
}  # fmt: skip
DISPUTE = {
    "inquiry": {"inquiry": "inquiry", "open": "open", "won": "won", "lost": "lost", "closed": "closed"},
    "open": {"open": "open", "appeal": "open", "won": "won", "lost": "lost", "closed": "closed"},
    "lost": {"appeal": "open", "won": "won", "lost": "lost"},
    "closed": {"open": "open", "closed": "closed"},
    "won": {"won": "won"},
}
"""What a dispute becomes by each word of the bank; where none is named the word is old and changes nothing."""


@pytest.mark.parametrize("status", WORDS)
@pytest.mark.parametrize("state", DISPUTE)
def test_what_a_card_dispute_becomes_by_each_word_of_the_bank(state: str, status: str) -> None:
    case = Case()
    case.hear("needs_response")
    case.disputes["du_1"] = case.disputes["du_1"]._replace(state=state, status="before")
    case.hear(status)
    becomes = DISPUTE[state].get(WORDS[status])
    after = case.disputes["du_1"]
    assert (after.state, after.status) == ((becomes, status) if becomes else (state, "before"))


@pytest.mark.parametrize(
    ("status", "becomes"),
    [("warning_needs_response", "inquiry"), ("needs_response", "open"), ("appeal_under_review", "open"),
     ("won", "won"), ("lost", "lost"), ("prevented", "closed")],
)  # fmt: skip
def test_a_card_dispute_may_be_heard_of_first_by_any_word(status: str, becomes: str) -> None:
    case = Case()
    case.hear(status)
    assert case.disputes["du_1"].state == becomes


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([("warning_needs_response", 0, 0)], "inquiry"),
        ([("needs_response", CHARGE, 0)], "open"),
        ([("needs_response", CHARGE, 0), ("lost", CHARGE, 0), ("appeal_under_review", CHARGE, 0)], "appeal"),
        ([("needs_response", CHARGE, 0), ("won", CHARGE, CHARGE)], "won"),
        ([("needs_response", CHARGE, 0), ("lost", CHARGE, 0)], "lost"),
        ([("warning_needs_response", 0, 0), ("warning_closed", 0, 0)], "closed"),
    ],
    ids=lambda of: of if isinstance(of, str) else "",
)
def test_each_word_of_the_bank_is_told_alike_wherever_it_finds_the_dispute(
    words: list[tuple[str, int, int]], kind: str
) -> None:
    case = Case()
    *_, told = [types(case.hear(*word)) for word in words]
    edges = [edge for edge in states.CARD_DISPUTE.edges if edge.when == kind]
    assert edges
    assert [edge for edge in edges if edge.emits not in told] == []
