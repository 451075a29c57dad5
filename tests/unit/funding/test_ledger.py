"""The ledger keeps its promise, whatever happens in whatever order."""

from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas import funding as said
from schemas import stripe
from services.funding import domain, ledger, states
from services.funding.fees import fees_for
from services.funding.ledger import Entry, Kind, Posting
from services.funding.settings import FundingSettings
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    INSUFFICIENT,
    NOW,
    a_fact,
    a_method,
    a_milestone,
    a_posting,
    approved,
    decided,
)

RULES = FundingSettings(auth_secret="a-secret-for-tests-of-at-least-32-bytes").fee_rules()


def test_a_posting_that_does_not_sum_to_zero_is_never_made() -> None:
    with pytest.raises(ValueError, match="must sum to zero"):
        a_posting().entries(("held", -100), ("released", 99))


def test_movements_of_zero_are_left_out() -> None:
    entries = ledger.charge_succeeded(a_posting("charge_succeeded"), 100, 0, 0)
    assert [entry.account for entry in entries] == ["stripe_balance", "held"]


def test_balances_keep_currencies_apart() -> None:
    entries = [
        *ledger.funds_released(a_posting("funds_released"), 100),
        *ledger.funds_released(a_posting("funds_released", currency="eur"), 7),
    ]
    assert ledger.balances(entries) == {
        ("held", "usd"): 100, ("released", "usd"): -100, ("held", "eur"): 7, ("released", "eur"): -7,
    }  # fmt: skip


def test_stripes_fee_never_touches_held_money() -> None:
    entries = ledger.charge_succeeded(a_posting("charge_succeeded"), 100_000, 10_000, 3_249)
    assert ledger.owed_minor(entries, "held") == 100_000
    assert ledger.balances(entries)["stripe_balance", "usd"] == 110_000 - 3_249


class OneMilestone(RuleBasedStateMachine):
    """Asked, declined, authenticated, charged (late too), amended, approved and transferred in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.milestone = a_milestone()
        self.fundings: dict[str, domain.Funding] = {}
        self.entries: list[Entry] = []
        self.charged_minor = 0
        self.released_minor = 0
        self.transferred_minor = 0
        self.numbers = count(1)

    def posting(self, kind: Kind) -> Posting:
        return a_posting(kind, id=f"pst_{next(self.numbers)}")

    def apply(self, made: domain.Decided | None) -> None:
        if made is not None:
            self.fundings[made.funding.funding_id] = made.funding
            self.entries.extend(made.entries)

    @property
    def standing(self) -> domain.Funding | None:
        return domain.standing(list(self.fundings.values()))

    @rule(first=st.booleans())
    def fund(self, first: bool) -> None:
        fees = fees_for(RULES, NOW, self.milestone.amount_minor, "usd", first=first)
        before = self.standing
        found = domain.begin(
            self.milestone, before, a_method(), fees, said.FundMilestone.type_name, f"fnd_{next(self.numbers)}",
            self.posting("charge_requested"),
        )  # fmt: skip
        if before is None or before.state == states.FAILED:
            self.apply(decided(found))
        else:
            assert isinstance(found, Refused | Unchanged)

    @rule(amount_minor=st.integers(50, 5_000_000))
    def amend(self, amount_minor: int) -> None:
        self.milestone = replace(self.milestone, amount_minor=amount_minor)

    @precondition(lambda self: self.fundings)
    @rule(attempt=st.integers(1, 3), cancelled=st.booleans(), data=st.data())
    def decline(self, attempt: int, cancelled: bool, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        self.apply(
            domain.declined(
                funding, stripe.PaymentIntentFailed.type_name, attempt, INSUFFICIENT,
                self.posting("charge_answered"), cancelled=cancelled,
            )
        )  # fmt: skip

    @precondition(lambda self: self.fundings)
    @rule(data=st.data())
    def ask_for_authentication(self, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        fact = a_fact("stripe.payment_intent_action_required", attempt=funding.attempt)
        self.apply(domain.action_required(funding, fact, NOW))

    @precondition(lambda self: self.fundings)
    @rule(stripe_fee_minor=st.integers(0, 50), data=st.data())
    def succeed(self, stripe_fee_minor: int, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        fact = a_fact(
            "stripe.payment_intent_succeeded", charge_minor=funding.charge_minor, stripe_fee_minor=stripe_fee_minor
        )
        made = domain.charged(funding, fact, self.posting("charge_answered"), self.posting("charge_succeeded"))
        if made is not None:
            self.charged_minor += funding.amount_minor
        self.apply(made)

    @rule(amount_minor=st.integers(1, 5_000_000), everything=st.booleans())
    def approve(self, amount_minor: int, everything: bool) -> None:
        held_minor = ledger.owed_minor(self.entries, "held")
        if everything and held_minor:
            amount_minor = held_minor
        made = domain.release(self.standing, self.entries, approved(amount_minor), self.posting("funds_released"))
        if isinstance(made, domain.Decided):
            self.released_minor += amount_minor
            self.apply(made)

    @precondition(lambda self: self.released_minor > self.transferred_minor)
    @rule()
    def transfer(self) -> None:
        amount_minor = self.released_minor - self.transferred_minor
        self.entries.extend(ledger.transfer_made(self.posting("transfer_made"), amount_minor))
        self.transferred_minor += amount_minor

    @invariant()
    def charged_is_held_released_refunded_or_charged_back(self) -> None:
        parts = [ledger.owed_minor(self.entries, a) for a in ("held", "released", "refunded", "charged_back")]
        assert all(part >= 0 for part in parts)
        assert sum(parts) == self.charged_minor
        assert parts[1] == self.released_minor
        assert parts[1] + ledger.owed_minor(self.entries, "transferred") >= 0

    @invariant()
    def every_posting_sums_to_zero(self) -> None:
        sums: dict[str, int] = defaultdict(int)
        for entry in self.entries:
            sums[entry.posting_id] += entry.amount_minor
        assert not any(sums.values())

    @invariant()
    def in_flight_is_what_is_under_way(self) -> None:
        asked_minor = sum(f.charge_minor for f in self.fundings.values() if f.state in states.UNDER_WAY)
        assert -ledger.owed_minor(self.entries, "charges_in_flight") == asked_minor


OneMilestone.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestOneMilestone = OneMilestone.TestCase
