"""Freezing what is held, and lifting that; nothing frozen is released or given back by the wrong hand."""

from typing import Any

import pytest

from schemas import funding as said
from services.funding import freezes, refunds, releasing, settlements, states
from services.funding.records import Decided, Freeze, Moved
from services.funding.standing import Money
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    EMPLOYER,
    NOW,
    OPERATOR,
    RULES,
    SERVICE,
    STRANGER,
    TRAINER,
    a_fact,
    a_funding,
    a_milestone,
    a_posting,
    approved,
    held,
)

ALL = ["party_dispute", "card_dispute", "card_inquiry", "fraud_warning", "review", "operator", "reconciliation",
       "transfer_reversed"]  # fmt: skip


def a_freeze(cause: Any = "review", about: str = "x_1", **changed: Any) -> Freeze:
    fields: dict[str, Any] = {
        "milestone_id": "mls_1", "cause": cause, "about": about, "contract_id": "ctr_1", "currency": "usd",
        "reason": "why", "frozen_at": NOW, "lifted_at": None,
    }  # fmt: skip
    return Freeze(**{**fields, **changed})


def asked(kind: Any, **changed: Any) -> Any:
    return kind(**{"actor": OPERATOR, "contract_id": "ctr_1", "milestone_id": "mls_1", "reason": "why", **changed})


@pytest.mark.parametrize("cause", ALL)
@pytest.mark.scenario(44, 52)
def test_whatever_froze_it_nothing_is_released(cause: str) -> None:
    refused = releasing.release(a_funding("funded"), held(), [a_freeze(cause)], approved(1), a_posting())
    assert isinstance(refused, said.ReleaseRefused)
    assert (refused.code, refused.held_minor) == ("frozen", 100_000)
    assert cause in refused.reason


def test_a_release_that_is_refused_names_all_that_froze_the_money() -> None:
    hold = [a_freeze("review"), a_freeze("operator"), a_freeze("review", "x_2"), a_freeze("card_inquiry")]
    refused = releasing.release(a_funding("funded"), held(), hold, approved(1), a_posting())
    assert isinstance(refused, said.ReleaseRefused)
    assert "(card_inquiry, operator, review)" in refused.reason


def test_a_freeze_that_was_lifted_stops_nothing() -> None:
    frozen = [a_freeze(lifted_at=NOW)]
    assert isinstance(releasing.release(a_funding("funded"), held(), frozen, approved(1), a_posting()), Decided)


def test_the_same_reason_freezes_once_and_another_beside_it() -> None:
    args: Any = ("mls_1", "ctr_1", "review", "prv_1", "why", 5, "usd", NOW)
    first = freezes.freeze([], *args)
    (event,) = first.said
    assert isinstance(event, said.FundsFrozen)
    assert (event.cause, event.about, event.held_minor, event.reason) == ("review", "prv_1", 5, "why")
    assert freezes.freeze(first.freezes, *args) == Moved()
    assert freezes.freeze([a_freeze("review", "prv_1", lifted_at=NOW)], *args).said


def test_lifting_one_says_whether_another_holds_on() -> None:
    both = [a_freeze("review"), a_freeze("operator")]
    made = freezes.lift(both, [("review", "x_1")], "It was approved.", 5, NOW)
    (event,) = made.said
    assert isinstance(event, said.FundsUnfrozen)
    assert (event.still_frozen, event.reason) == (True, "It was approved.")
    rest = freezes.after(both, made)
    assert [f.cause for f in freezes.holding(rest)] == ["operator"]
    (last,) = freezes.lift(rest, [("operator", "x_1")], "", 5, NOW).said
    assert isinstance(last, said.FundsUnfrozen)
    assert not last.still_frozen
    assert freezes.lift(rest, [("review", "x_1")], "", 5, NOW) == Moved()


@pytest.mark.parametrize("kind", [said.FreezeFunds, said.UnfreezeFunds])
@pytest.mark.parametrize(
    ("actor", "expected"),
    [(OPERATOR, None), (SERVICE, None), (EMPLOYER, "forbidden"), (TRAINER, "forbidden"), (STRANGER, "not_found")],
)
def test_operators_freeze_and_parties_do_not(kind: Any, actor: Any, expected: str | None) -> None:
    found = freezes.may_freeze(a_milestone(), asked(kind, actor=actor))
    assert (found.code if found else None) == expected


def test_an_operator_freezes_once() -> None:
    command = asked(said.FreezeFunds)
    made = freezes.freeze_by_operator([], a_milestone(), command, 5, NOW)
    assert isinstance(made, Moved)
    assert isinstance(freezes.freeze_by_operator(made.freezes, a_milestone(), command, 5, NOW), Unchanged)


@pytest.mark.parametrize("cause", ALL)
def test_an_operator_lifts_what_is_not_decided_elsewhere(cause: str) -> None:
    found = freezes.unfreeze_by_operator([a_freeze(cause)], asked(said.UnfreezeFunds), 5, NOW)
    if cause in ("party_dispute", "card_dispute", "card_inquiry"):
        assert isinstance(found, Refused)
        assert found.code == "not_an_operators_freeze"
    else:
        assert isinstance(found, Moved)


def test_what_an_operator_may_not_lift_is_named() -> None:
    hold = [a_freeze("party_dispute"), a_freeze("card_dispute"), a_freeze("card_dispute", "x_2")]
    found = freezes.unfreeze_by_operator(hold, asked(said.UnfreezeFunds), 5, NOW)
    assert isinstance(found, Refused)
    assert "by card_dispute, party_dispute:" in found.detail


def test_what_is_not_frozen_needs_no_lifting() -> None:
    assert isinstance(freezes.unfreeze_by_operator([], asked(said.UnfreezeFunds), 5, NOW), Unchanged)


# -- giving back what is frozen ------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ALL)
@pytest.mark.parametrize("actor", [TRAINER, OPERATOR], ids=lambda actor: actor.role)
def test_frozen_money_is_an_operators_to_give_back_but_not_while_the_bank_decides(cause: str, actor: Any) -> None:
    command = said.RefundMilestone(actor=actor, contract_id="ctr_1", milestone_id="mls_1")
    money = Money(a_funding("funded"), held(), [])
    found = refunds.request(money, [a_freeze(cause)], command, "rfd_1", RULES, a_posting())
    if cause == "card_dispute":
        assert isinstance(found, Refused)
        assert found.code == "charge_disputed"
    elif actor.role == "trainer":
        assert isinstance(found, Refused)
        assert found.code == "funds_frozen"
    else:
        assert isinstance(found, Moved)


# -- a settlement --------------------------------------------------------------------------------------------

OURS = ("party_dispute", "dsp_1")


def settle(to_trainer: int, to_employer: int, *others: Freeze) -> Moved:
    fact = a_fact(
        "approvals.dispute_resolved", dispute_id="dsp_1", to_trainer_minor=to_trainer, to_employer_minor=to_employer,
        release_id="rel_1" if to_trainer else None,
    )  # fmt: skip
    frozen = [a_freeze(*OURS), *others]
    money = Money(a_funding("funded"), held(), [])
    return settlements.settle(money, frozen, fact, "rfd_1", RULES, a_posting("funds_released"))


@pytest.mark.parametrize(
    ("to_trainer", "to_employer", "state"),
    [(60_000, 40_000, states.RELEASED), (100_000, 0, states.RELEASED), (0, 100_000, states.REFUNDED)],
)
def test_a_settlement_releases_one_part_and_refunds_the_other(to_trainer: int, to_employer: int, state: str) -> None:
    made = settle(to_trainer, to_employer)
    events = {type(event): event for event in made.said}
    assert next(iter(events)) is said.FundsUnfrozen
    assert made.fundings[-1].state == state
    assert [f.lifted_at for f in made.freezes] == [NOW]
    if to_trainer:
        assert events[said.FundsReleased].amount_minor == to_trainer  # type: ignore[attr-defined]
        assert events[said.FundsReleased].still_held_minor == to_employer  # type: ignore[attr-defined]
    if to_employer:
        requested = events[said.RefundRequested]
        assert isinstance(requested, said.RefundRequested)
        assert (requested.amount_minor, requested.fees_minor) == (to_employer, to_employer // 10)
        assert (requested.still_held_minor, requested.cause) == (0, "dispute_decided")
    ids = [(entry.posting_id, entry.line) for entry in made.entries]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("to_trainer", "to_employer", "others", "code"),
    [
        (60_000, 40_001, (), "not_covered"),
        (60_000, 39_999, (), "not_covered"),
        (60_000, 40_000, (a_freeze("card_dispute", "du_1"),), "frozen"),
        (0, 100_000, (a_freeze("review"),), "frozen"),
    ],
)
@pytest.mark.scenario(51)
def test_a_settlement_is_carried_out_whole_or_not_at_all(
    to_trainer: int, to_employer: int, others: tuple[Freeze, ...], code: str
) -> None:
    made = settle(to_trainer, to_employer, *others)
    assert list(made.entries) == []
    told = {type(event): event for event in made.said}
    assert (said.ReleaseRefused in told) == bool(to_trainer)
    failed = told[said.RefundFailed]
    assert isinstance(failed, said.RefundFailed)
    assert (failed.owed, failed.code, failed.cause, failed.held_minor) == (False, code, "dispute_decided", 100_000)
    # It stays frozen, and is an operator's to decide.
    left = freezes.holding(freezes.after([a_freeze(*OURS), *others], made))
    assert {f.cause for f in left} == {"operator", *(f.cause for f in others)}
    lifted = told[said.FundsUnfrozen]
    assert isinstance(lifted, said.FundsUnfrozen)
    assert (lifted.cause, lifted.still_frozen) == ("party_dispute", True)
