"""Money that goes back: the sums at the edges, who is told what, and what a refusal names."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import funding as said
from services.funding import (
    charge_answers,
    freezes,
    ledger,
    payment_methods,
    refunds,
    returned_transfers,
    settlements,
    standing,
    states,
)
from services.funding.declines import explain
from services.funding.records import Freeze
from services.funding.standing import Money
from services.runtime.decisions import Refused
from tests.unit.funding.builders import (
    NOW,
    OPERATOR,
    RULES,
    SERVICE,
    STRANGER,
    a_fact,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    held,
    movements,
)
from tests.unit.funding.test_card_disputes import Case, released
from tests.unit.funding.test_freezes import a_freeze

ABOUT = {"contract_id": "ctr_1", "milestone_id": "mls_1"}


def detail(found: object) -> str:
    assert isinstance(found, Refused), found
    return found.detail


# -- why a charge was given up -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ("action_required", "abandoned", "authentication_expired"),
        ("action_required", "automatic", "authentication_expired"),
        ("action_required", "", "authentication_expired"),
        ("action_required", "fraudulent", "payment_intent_canceled"),
        ("processing", "abandoned", "payment_intent_canceled"),
    ],
)
def test_a_charge_that_nobody_authenticated_is_told_so_and_any_other_as_cancelled(
    state: str, reason: str, code: str
) -> None:
    fact = a_fact("stripe.payment_intent_canceled", reason=reason)
    assert charge_answers.why_canceled(a_funding(state), fact) == explain(code)
    assert explain("authentication_expired").reason != explain("payment_intent_canceled").reason


# -- cards -------------------------------------------------------------------------------------------------


def test_a_renewed_card_is_taken_over_and_an_unknown_one_is_not() -> None:
    fact = a_fact(
        "stripe.payment_method_updated",
        payment_method_id="pm_1",
        brand="amex",
        last4="0005",
        exp_month=7,
        exp_year=2031,
    )
    other = a_method(payment_method_id="pm_2")
    expected = a_method(brand="amex", last4="0005", exp_month=7, exp_year=2031)
    assert payment_methods.updated([other, a_method()], fact) == expected
    assert payment_methods.updated([other], fact) is None


# -- who may give back, freeze and settle ------------------------------------------------------------------


def to_refund(amount_minor: int | None = None, **changed: Any) -> said.RefundMilestone:
    return said.RefundMilestone(**{"actor": OPERATOR, **ABOUT, "amount_minor": amount_minor, "reason": "no", **changed})


def by_hand(**changed: Any) -> said.RecordManualRefund:
    return said.RecordManualRefund(
        **{"actor": OPERATOR, **ABOUT, "refund_id": "rfd_1", "reference": "wire 77", **changed}
    )


def a_refund(**changed: Any) -> Any:
    row = refunds.begun(a_funding("funded"), "rfd_1", 100_000, 10_000, "operator", "opr_1", "", NOW)
    return row._replace(**changed)


@pytest.mark.parametrize(("currency", "amount_minor", "may"), [("usd", 33_333, True), ("kwd", 33_330, True),
                                                               ("kwd", 33_335, False), ("jpy", 1, True)])  # fmt: skip
def test_only_three_decimal_refunds_must_end_in_0(currency: str, amount_minor: int, may: bool) -> None:
    found = refunds.may_refund(a_milestone(currency=currency), to_refund(amount_minor))
    assert (found is None) == may


def test_services_settle_by_hand_as_operators_do_but_not_in_another_contract() -> None:
    assert refunds.may_settle(a_milestone(), a_refund(), by_hand(actor=SERVICE)) is None
    found = refunds.may_settle(a_milestone(contract_id="ctr_9"), a_refund(), by_hand())
    assert "milestone mls_1" in detail(found)


@pytest.mark.parametrize(
    ("decide", "what"),
    [
        (lambda: refunds.may_refund(None, to_refund()), "milestone mls_1"),
        (lambda: refunds.may_refund(a_milestone(), to_refund(actor=STRANGER)), "milestone mls_1"),
        (lambda: refunds.may_settle(None, a_refund(), by_hand()), "milestone mls_1"),
        (lambda: refunds.may_settle(a_milestone(), None, by_hand()), "refund rfd_1"),
        (
            lambda: freezes.may_freeze(
                None, said.FreezeFunds(actor=OPERATOR, **ABOUT, cause="operator", reason="to look into it")
            ),
            "milestone mls_1",
        ),
    ],
    ids=["refund", "a stranger's refund", "settle", "another refund", "freeze"],
)
def test_what_is_not_found_is_named(decide: Any, what: str) -> None:
    assert what in detail(decide())


def test_a_refund_is_told_and_asked_of_stripe_whole() -> None:
    money = Money(a_funding("funded"), held(), [])
    made = refunds.ask(money, 40_000, "operator", "opr_1", "half done", "rfd_7", RULES, "funding.refund_milestone.v1",
                       a_posting(posted_at=NOW))  # fmt: skip
    requested, call = made.said
    about = {**ABOUT, "refund_id": "rfd_7", "funding_id": "fnd_1", "employer_id": "emp_1", "trainer_id": "trn_1"}
    assert requested == said.RefundRequested(
        **about, amount_minor=40_000, fees_minor=4_000, refund_minor=44_000, still_held_minor=60_000, currency="usd",
        cause="operator", requested_by="opr_1", reason="half done",
    )  # fmt: skip
    assert call.model_dump() == {
        **ABOUT, "funding_id": "fnd_1", "refund_id": "rfd_7", "payment_intent_id": "pi_1", "amount_minor": 44_000,
        "currency": "usd", "reason": "requested_by_customer", "attempt": 1,
    }  # fmt: skip
    assert movements(made.entries) == [
        ("held", 40_000), ("refunded", -40_000), ("marketplace_fees", 4_000), ("fees_returned", -4_000),
    ]  # fmt: skip


# -- transfers that come back ------------------------------------------------------------------------------


def test_a_single_minor_unit_that_comes_back_is_held_again() -> None:
    case = Case("released", released())
    (returned, frozen) = case.reverse(1)
    assert (returned.amount_minor, returned.recovered_minor, returned.held_minor) == (1, 0, 1)
    assert isinstance(frozen, said.FundsFrozen)


def test_what_comes_back_beyond_what_was_released_lessens_the_platforms_losses() -> None:
    case = Case("released", released())
    case.reverse(100_000)
    case.entries = [*case.entries, *ledger.funds_released(a_posting("funds_released", id="again"), 100_000)]
    case.reverse(250_000)
    assert case.balance("held") == -100_000
    assert case.balance("platform_losses") == -50_000
    assert sum(case.balance(account) for account in ledger.ACCOUNTS) == 0


def test_beyond_the_debt_no_more_is_held_again_than_was_released() -> None:
    case = Case("released", released())
    case.hear("needs_response", 55_000)
    debt_minor = case.balance("trainer_debts")
    (returned, _) = case.reverse(120_000)
    assert (returned.recovered_minor, returned.held_minor) == (debt_minor, 100_000 - debt_minor)
    assert (case.balance("platform_losses"), case.balance("trainer_debts")) == (-20_000, 0)


def test_a_debt_that_is_made_good_notes_its_time() -> None:
    case = Case("released", released())
    case.hear("needs_response", 110_995)
    before = case.disputes["du_1"]
    case.disputes["du_1"] = before._replace(changed_at=before.changed_at.replace(year=2020))
    case.reverse(60_000)
    after = case.disputes["du_1"]
    assert (after.recovered_minor, after.debt_minor, after.changed_at) == (60_000, before.debt_minor - 60_000, NOW)


def test_the_debt_of_the_oldest_dispute_is_made_good_first() -> None:
    case = Case("released", released())
    case.hear("needs_response", 110_995)
    older = case.disputes["du_1"]._replace(dispute_id="du_2", debt_minor=300)
    newer = older._replace(dispute_id="du_1", opened_at=older.opened_at + timedelta(days=1))
    changed, paid_minor = returned_transfers.make_good([newer, older], 400, a_posting())
    assert [(of.dispute_id, of.debt_minor) for of in changed] == [("du_2", 0), ("du_1", 200)]
    assert paid_minor == 400


# -- settlements that cannot be carried out ----------------------------------------------------------------


def settle(money: Money | None, *others: Freeze, **changed: Any) -> Any:
    fact = a_fact(
        "approvals.dispute_resolved",
        **{
            "dispute_id": "dsp_1",
            "to_trainer_minor": 60_000,
            "to_employer_minor": 50_000,
            "release_id": "rel_1",
            **changed,
        },
    )
    frozen = [a_freeze("party_dispute", "dsp_1"), *others]
    return settlements.settle(money, frozen, fact, "rfd_1", RULES, a_posting("funds_released"))


def test_a_settlement_of_another_sum_is_refused_with_both_sums() -> None:
    made = settle(Money(a_funding("funded"), held(), []))
    told = {type(event): event for event in made.said}
    refused = told[said.ReleaseRefused]
    assert (refused.reason, refused.code) == ("1,000.00 USD is held, 1,100.00 USD was settled", "not_covered")
    assert (refused.amount_minor, refused.held_minor) == (60_000, 100_000)
    failed = told[said.RefundFailed]
    assert (failed.funding_id, failed.amount_minor, failed.refund_minor) == ("fnd_1", 50_000, 50_000)


def test_a_settlement_of_frozen_money_is_refused_naming_what_froze_it() -> None:
    others = (a_freeze("review", "prv_1"), a_freeze("card_dispute", "du_1"))
    told = {type(event): event for event in settle(Money(a_funding("funded"), held(), []), *others).said}
    refused = told[said.ReleaseRefused]
    assert (refused.reason, refused.code) == ("frozen (card_dispute, review)", "frozen")


def test_a_settlement_of_what_was_never_charged_is_refused() -> None:
    told = {type(event): event for event in settle(None).said}
    assert told[said.RefundFailed].held_minor == 0
    assert told[said.ReleaseRefused].held_minor == 0


@pytest.mark.parametrize("changed", [{"to_trainer_minor": 0}, {"release_id": None}])
def test_without_a_part_for_the_trainer_no_release_is_refused(changed: dict[str, Any]) -> None:
    made = settle(Money(a_funding("funded"), held(), []), **changed)
    assert said.ReleaseRefused not in {type(event) for event in made.said}


# -- which funding -----------------------------------------------------------------------------------------


def test_the_fundings_of_a_milestone_are_its_own() -> None:
    mine, other = a_funding("failed"), a_funding("funded", funding_id="fnd_2", milestone_id="mls_2")
    assert standing.of_milestone([mine, other], "mls_1") == [mine]


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        (held, states.FUNDED),
        (lambda: [*held(), *ledger.funds_released(a_posting(), 100_000)], states.RELEASED),
        (lambda: [*held(), *ledger.refund_requested(a_posting(), 100_000, 0)], states.REFUNDED),
        (lambda: [*held(), *ledger.funds_withdrawn(a_posting(), ledger.Taken(100_000, 0, 0, 0))], states.CHARGED_BACK),
        (lambda: [*held(), *ledger.funds_released(a_posting(), 99_999)], states.FUNDED),
        # A single minor unit says it.
        (
            lambda: [*held(), *ledger.funds_released(a_posting(), 1), *ledger.refund_requested(a_posting(), 99_999, 0)],
            states.RELEASED,
        ),
        (
            lambda: [
                *held(),
                *ledger.funds_withdrawn(a_posting(), ledger.Taken(1, 0, 0, 0)),
                *ledger.refund_requested(a_posting(), 99_999, 0),
            ],
            states.CHARGED_BACK,
        ),
    ],
)
def test_where_the_money_is_says_the_state(entries: Any, state: str) -> None:
    assert standing.where_money_is(entries()) == state
