"""The state tables: whole, as the published language says, and what decisions do with them."""

from typing import Any, get_args

import pytest

from schemas.payouts import PayoutAccountStatus
from schemas.stripe import BankPayoutChanged, CapabilityStatus
from services.payouts import accounts, domain, giving_up, reversals, states
from services.payouts.accounts import AccountDecided
from services.payouts.handlers import HANDLERS
from services.payouts.records import Payout
from services.payouts.reversals import Reversed
from tests.unit.payouts.builders import (
    COUNTRIES,
    NOW,
    PATIENCE,
    a_payout,
    a_refusal,
    a_release,
    a_resumption,
    a_reversal,
    a_start,
    a_take_back,
    an_account,
    bank_word,
    not_transferred,
    taken_back,
    the_account,
    to_give_up,
    transferred,
)


def test_an_account_has_the_statuses_of_the_api() -> None:
    assert set(states.ACCOUNT.states) == set(get_args(PayoutAccountStatus))


@pytest.mark.parametrize("status", ["started", "restricted", "ready", "disabled"])
@pytest.mark.parametrize("submitted", [True, False])
@pytest.mark.parametrize("word", get_args(CapabilityStatus))
def test_every_word_of_stripe_moves_every_account(status: str, submitted: bool, word: str) -> None:
    fact = the_account(transfers=word, details_submitted=submitted)
    assert states.ACCOUNT.edge(status, fact.type_name, accounts.word_of(fact)) is not None


def test_every_word_of_a_bank_is_known() -> None:
    told = set(get_args(BankPayoutChanged.model_fields["status"].annotation))
    whens = {edge.when for edge in states.PAYOUT.edges if edge.trigger == "payouts.record_bank_payout.v1"}
    assert whens == told - {"pending", "canceled"}


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_trigger_has_a_handler(table: states.StateTable) -> None:
    assert {edge.trigger for edge in table.edges} <= set(HANDLERS.types)


def test_only_transferred_money_is_on_its_way_to_a_bank() -> None:
    to_the_bank = {edge.source for edge in states.PAYOUT.edges if edge.trigger == "payouts.record_bank_payout.v1"}
    assert to_the_bank == {"initiated", "in_transit", "paid", "failed"}


@pytest.mark.scenario(48)
def test_what_is_given_up_is_so_for_good_and_only_what_is_held_can_be() -> None:
    assert [edge.source for edge in states.PAYOUT.edges if edge.target == "given_up"] == ["held"]
    assert [edge for edge in states.PAYOUT.edges if edge.source == "given_up"] == []


def test_what_holds_the_releases_of_a_currency_and_what_lets_them_go_is_told() -> None:
    told = {
        "payouts.suspend_releases.v1": {"payouts.releases_suspended.v1"},
        "payouts.allow_releases.v1": {"payouts.releases_allowed.v1"},
    }

    assert {
        trigger: {edge.emits for edge in states.SUSPENSION.edges if edge.trigger == trigger} for trigger in told
    } == told


@pytest.mark.scenario(71, 72)
def test_no_edge_leads_back_before_the_transfer() -> None:
    moved = {"initiated", "in_transit", "paid", "failed", "reversed"}
    assert [edge for edge in states.PAYOUT.edges if edge.source in moved and edge.target not in moved] == []


# -- each move, with what it says --------------------------------------------------------------------------


def _words_about_accounts() -> list[tuple[str, Any]]:
    words = [("active", True), ("restricted", True), ("pending", False), ("rejected", True)]
    return [
        (accounts.word_of(fact), fact)
        for fact in (the_account(transfers=word, details_submitted=submitted) for word, submitted in words)
    ]


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("started", {"able": "ready", "wanting": "restricted", "unfinished": "started", "barred": "disabled"}),
        ("restricted", {"able": "ready", "wanting": "restricted", "unfinished": "restricted", "barred": "disabled"}),
        ("ready", {"able": "ready", "wanting": "restricted", "unfinished": "restricted", "barred": "disabled"}),
        ("disabled", {"able": "ready", "wanting": "restricted", "unfinished": "restricted", "barred": "disabled"}),
    ],
)
def test_what_an_account_becomes_by_each_word_of_stripe_and_that_it_is_told(status: str, after: dict[str, str]) -> None:
    before = an_account(status, requirements=["something it wanted before"], reason="of before")
    for word, fact in _words_about_accounts():
        found = accounts.updated(before, fact, [], NOW)
        edge = states.ACCOUNT.edge(status, fact.type_name, word)
        assert found.account.status == after[word]
        assert edge is not None
        assert [message.type_name for message in found.said] == [edge.emits]


def test_what_opening_and_refusing_an_account_tell() -> None:
    gone = an_account("disabled", account_id=None)
    for account, when in ((None, ""), (gone, "unfinished")):
        opened = accounts.start(account, a_start(), COUNTRIES, NOW)
        assert isinstance(opened, AccountDecided)
        edge = states.ACCOUNT.edge("none" if account is None else "disabled", a_start().type_name, when)
        assert edge is not None
        assert (opened.account.status, opened.said[0].type_name) == ("started", edge.emits)
    refusal = a_refusal("stripe.create_account.v1", "trn_1", "trn_1")
    refused = accounts.refused(an_account("started", account_id=None), refusal, NOW)
    edge = states.ACCOUNT.edge("started", refusal.type_name)
    assert refused is not None
    assert edge is not None
    assert (refused.account.status, refused.said[0].type_name) == ("disabled", edge.emits)


OVERDUE = a_payout("held", held_since=NOW - PATIENCE.overdue_after)
MOVES = [
    ("none", "able", "transferring",
     lambda: domain.release(an_account(), a_release(), "pay_1", PATIENCE, NOW), a_release()),
    ("none", "not_able", "held", lambda: domain.release(None, a_release(), "pay_1", PATIENCE, NOW), a_release()),
    ("held", "", "transferring",
     lambda: domain.resume(a_payout("held"), an_account(), a_resumption(), PATIENCE, NOW), a_resumption()),
    ("held", "overdue", "held", lambda: domain.resume(OVERDUE, None, a_resumption(), PATIENCE, NOW), a_resumption()),
    ("transferring", "again", "transferring",
     lambda: domain.not_transferred(a_payout(), an_account(), not_transferred("balance_insufficient"), PATIENCE, NOW),
     not_transferred()),
    ("transferring", "wait", "held",
     lambda: domain.not_transferred(a_payout(), an_account(), not_transferred(), PATIENCE, NOW), not_transferred()),
    ("transferring", "", "held", lambda: domain.transfer_refused(a_payout(), a_refusal(), PATIENCE, NOW), a_refusal()),
    ("transferring", "", "initiated", lambda: domain.transferred(a_payout(), transferred(), NOW), transferred()),
    ("held", "", "initiated", lambda: domain.transferred(a_payout("held"), transferred(), NOW), transferred()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "when", "becomes", "step", "message"), MOVES, ids=lambda of: getattr(of, "type_name", None)
)
def test_each_step_to_the_trainers_account_leads_where_it_should_and_says_so(
    state: str, when: str, becomes: str, step: Any, message: Any
) -> None:
    found = step()
    edge = states.PAYOUT.edge(state, message.type_name, when)
    assert edge is not None
    assert (found.payout.state, found.said[0].type_name) == (becomes, edge.emits)


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        ("initiated", {"in_transit", "paid", "failed"}),
        ("in_transit", {"in_transit", "paid", "failed"}),
        ("paid", {"failed"}),
        ("failed", {"in_transit", "paid"}),
        ("held", set()),
        ("transferring", set()),
        ("reversed", set()),
    ],
)
def test_what_a_bank_can_do_in_each_state_and_that_it_is_told(state: str, follows: set[str]) -> None:
    for status in ("in_transit", "paid", "failed"):
        # After a failure another bank payout carries it; before that it is the same.
        other = {"stripe_payout_id": "po_2"} if state in ("failed", "in_transit") and status != "failed" else {}
        found = domain.bank_payout(a_payout(state), bank_word(status, **other), NOW)
        edge = states.PAYOUT.edge(state, bank_word(status).type_name, status)
        if status in follows:
            assert found is not None
            assert edge is not None
            assert (found.payout.state, found.said[0].type_name) == (status, edge.emits)
        else:
            assert (found, edge) == (None, None)


WITH_THE_TRAINER = ("initiated", "in_transit", "paid", "failed")


def taking_back(state: str, what: str) -> tuple[Payout, list[str]]:
    """The payout once it is asked for, or came back in part or whole, and what was told."""
    if what == "":
        found = reversals.reverse(a_payout(state), a_take_back(), "rvs_1", NOW)
    else:
        minor = 100_000 if what == "whole" else 40_000
        found = reversals.reversed_(
            a_payout(state, reversing_minor=minor), a_reversal(minor), taken_back(minor, minor), NOW
        )
    assert isinstance(found, Reversed)
    return found.payout, [message.type_name for message in found.said]


@pytest.mark.parametrize(("what", "becomes"), [("", None), ("part", None), ("whole", "reversed")])
@pytest.mark.parametrize("state", WITH_THE_TRAINER)
def test_what_is_with_the_trainer_is_taken_back_from_wherever_it_is_and_that_is_told(
    state: str, what: str, becomes: str | None
) -> None:
    after, told = taking_back(state, what)
    trigger = taken_back(1, 1).type_name if what else a_take_back().type_name
    edge = states.PAYOUT.edge(state, trigger, what)
    assert edge is not None
    assert (after.state, told) == (becomes or state, [edge.emits])


def test_nothing_else_is_taken_back() -> None:
    triggers = (taken_back(1, 1).type_name, a_take_back().type_name)
    assert {edge.source for edge in states.PAYOUT.edges if edge.trigger in triggers} == set(WITH_THE_TRAINER)


def test_what_waits_for_another_reason_now_is_held_and_that_is_told() -> None:
    stopped = domain.resume(a_payout("held"), an_account(), a_resumption(), PATIENCE, NOW, stopped=True)
    assert stopped is not None
    restricted = an_account("restricted")
    going_on = domain.resume(stopped.payout, restricted, a_resumption(), PATIENCE, NOW, stopped=False)
    suspended = domain.resume(stopped.payout, an_account(), a_resumption(), PATIENCE, NOW, suspended=True)
    for found, when in ((stopped, "stopped"), (going_on, "not_able"), (suspended, "not_covered")):
        edge = states.PAYOUT.edge("held", a_resumption().type_name, when)
        assert found is not None
        assert edge is not None
        assert (found.payout.state, found.said[0].type_name) == ("held", edge.emits)


def test_what_is_given_up_is_told() -> None:
    found = giving_up.give_up(a_payout("held", overdue=True), to_give_up(), (), NOW)
    assert isinstance(found, domain.Decided)
    edge = states.PAYOUT.edge("held", to_give_up().type_name)
    assert edge is not None
    assert (found.payout.state, [event.type_name for event in found.said]) == ("given_up", [edge.emits])
