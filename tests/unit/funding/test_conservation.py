"""Money is conserved, whatever happens to a milestone, in whatever order and however often it is told."""

from collections import defaultdict
from itertools import count
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas import funding as said
from schemas import stripe
from services.funding import (
    card_disputes,
    charge_answers,
    charging,
    freezes,
    given_up_releases,
    ledger,
    platform_refunds,
    refunds,
    releasing,
    returned_transfers,
    settlements,
    standing,
    states,
    voiding,
)
from services.funding.fees import fees_for
from services.funding.ledger import Entry, Kind, Posting
from services.funding.records import CardDispute, Decided, Freeze, Funding, Moved, Refund, ReturnedTransfer
from services.funding.standing import Money
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    INSUFFICIENT,
    NOW,
    OPERATOR,
    RULES,
    TRAINER,
    a_fact,
    a_method,
    a_milestone,
    a_posting,
    approved,
    decided,
)


class OneMilestone(RuleBasedStateMachine):
    """Charged (late, twice, wrongly), approved, transferred, given back, frozen, disputed, reversed: in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.milestone = a_milestone()
        self.fundings: dict[str, Funding] = {}
        self.refunds: dict[str, Refund] = {}
        self.freezes: dict[tuple[str, str], Freeze] = {}
        self.disputes: dict[str, CardDispute] = {}
        self.returned: dict[str, ReturnedTransfer] = {}
        self.transfers: dict[str, int] = {}
        self.entries: list[Entry] = []
        self.charged_minor = 0
        self.at_stripe_minor = 0
        self.numbers = count(1)

    def posting(self, kind: Kind) -> Posting:
        return a_posting(kind, id=f"pst_{next(self.numbers)}")

    def apply(self, made: Decided | None) -> None:
        if made is None:
            return
        self.fundings[made.funding.funding_id] = made.funding
        self.entries.extend(made.entries)
        if made.refund is not None:
            self.refunds[made.refund.refund_id] = made.refund

    def move(self, made: Moved | None) -> None:
        if made is None:
            return
        for funding in made.fundings:
            self.fundings[funding.funding_id] = funding
        for refund in made.refunds:
            self.refunds[refund.refund_id] = refund
        for freeze in made.freezes:
            self.freezes[freeze.cause, freeze.about] = freeze
        for dispute in made.disputes:
            self.disputes[dispute.dispute_id] = dispute
        for transfer in made.returned:
            self.returned[transfer.transfer_id] = transfer
        self.entries.extend(made.entries)

    @property
    def holding(self) -> list[Freeze]:
        return freezes.holding(list(self.freezes.values()))

    @property
    def last(self) -> Funding | None:
        return standing.standing(list(self.fundings.values()))

    @property
    def money(self) -> Money | None:
        last = self.last
        if last is None or last.state not in states.WITH_MONEY:
            return None
        return Money(last, list(self.entries), list(self.refunds.values()))

    # -- charging --------------------------------------------------------------------------------------------

    @rule(first=st.booleans())
    def fund(self, first: bool) -> None:
        fees = fees_for(RULES, NOW, self.milestone.amount_minor, "usd", first=first)
        before = self.last
        found = charging.begin(
            self.milestone, before, a_method(), fees, said.FundMilestone.type_name, f"fnd_{next(self.numbers)}",
            self.posting("charge_requested"),
        )  # fmt: skip
        if before is None or before.state in states.OVER:
            self.apply(decided(found))
        else:
            assert isinstance(found, Refused | Unchanged)

    @rule(amount_minor=st.integers(50, 5_000_000))
    def amend(self, amount_minor: int) -> None:
        self.milestone = self.milestone._replace(amount_minor=amount_minor)

    @precondition(lambda self: self.fundings)
    @rule(
        attempt=st.integers(1, 3),
        fact=st.sampled_from([stripe.PaymentIntentFailed, stripe.PaymentIntentCanceled]),
        data=st.data(),
    )
    def decline(self, attempt: int, fact: Any, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        self.apply(
            charge_answers.declined(
                funding, fact.type_name, attempt, INSUFFICIENT, self.posting("charge_answered"),
                cancelled=fact is stripe.PaymentIntentCanceled,
            )
        )  # fmt: skip

    @precondition(lambda self: self.fundings)
    @rule(data=st.data())
    def ask_for_authentication(self, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        fact = a_fact("stripe.payment_intent_action_required", attempt=funding.attempt)
        self.apply(charge_answers.action_required(funding, fact, NOW))

    @precondition(lambda self: self.fundings)
    @rule(stripe_fee_minor=st.integers(0, 50), other=st.sampled_from([0, 0, 0, 7]), data=st.data())
    def succeed(self, stripe_fee_minor: int, other: int, data: Any) -> None:
        funding = data.draw(st.sampled_from(list(self.fundings.values())))
        fact = a_fact(
            "stripe.payment_intent_succeeded", charge_minor=funding.charge_minor + other,
            stripe_fee_minor=stripe_fee_minor,
        )  # fmt: skip
        answered, posting = self.posting("charge_answered"), self.posting("charge_succeeded")
        cause = voiding.must_not_stand(funding, fact, self.milestone, self.last)
        held_minor = ledger.owed_minor(self.entries, "held")
        made = (
            charge_answers.charged(funding, fact, answered, posting)
            if cause is None
            else voiding.void(funding, fact, cause, f"rfd_{next(self.numbers)}", held_minor, answered, posting)
        )
        if made is not None:
            self.charged_minor += fact.charge_minor if cause == "amount_mismatch" else funding.amount_minor
            self.at_stripe_minor += fact.charge_minor - stripe_fee_minor
        self.apply(made)

    # -- to the trainer --------------------------------------------------------------------------------------

    @rule(amount_minor=st.integers(1, 5_000_000), everything=st.booleans())
    def approve(self, amount_minor: int, everything: bool) -> None:
        held_minor = ledger.owed_minor(self.entries, "held")
        if everything and held_minor:
            amount_minor = held_minor
        frozen = list(self.freezes.values())
        made = releasing.release(
            self.last, self.entries, frozen, approved(amount_minor), self.posting("funds_released")
        )
        if isinstance(made, Decided):
            assert not self.holding
            self.apply(made)

    @rule()
    def transfer(self) -> None:
        amount_minor = ledger.owed_minor(self.entries, "released") - self.transferred_minor
        if amount_minor > 0:
            self.entries.extend(ledger.transfer_made(self.posting("transfer_made"), amount_minor))
            self.transfers[f"tr_{next(self.numbers)}"] = amount_minor
            self.at_stripe_minor -= amount_minor

    @rule(share=st.sampled_from([1, 2, 3]))
    def give_up(self, share: int) -> None:
        money, here_minor = self.money, ledger.owed_minor(self.entries, "released") - self.transferred_minor
        if money is None or here_minor <= 0:
            return
        fact = a_fact("payouts.payout_given_up", amount_minor=max(1, here_minor // share))
        disputes = list(self.disputes.values())
        self.move(given_up_releases.hold_again(money, disputes, fact, self.posting("release_given_up")))

    @property
    def transferred_minor(self) -> int:
        return ledger.balance_minor(self.entries, "transferred")

    @precondition(lambda self: self.transfers)
    @rule(share=st.sampled_from([1, 2, 3]), data=st.data())
    def reverse_transfer(self, share: int, data: Any) -> None:
        transfer_id = data.draw(st.sampled_from(list(self.transfers)))
        known = self.returned.get(transfer_id)
        total = max(1, self.transfers[transfer_id] // share)
        fact = a_fact(
            "stripe.transfer_reversed", transfer_id=transfer_id, reversed_minor=total,
            amount_minor=self.transfers[transfer_id],
        )  # fmt: skip
        money = self.money
        assert money is not None
        made = returned_transfers.returned(
            known, money, list(self.disputes.values()), list(self.freezes.values()), fact,
            self.posting("transfer_reversed"),
        )  # fmt: skip
        before = known.reversed_minor if known else 0
        assert (made is None) == (total <= before)
        self.at_stripe_minor += max(0, total - before)
        self.move(made)

    # -- the bank, the parties, operators ----------------------------------------------------------------------

    @precondition(lambda self: [f for f in self.fundings.values() if f.charge_id])
    @rule(
        status=st.sampled_from(get_args(stripe.DisputeStatus)),
        which=st.sampled_from(["du_1", "du_2"]),
        out=st.integers(0, 200_000),
        everything=st.booleans(),
        back=st.booleans(),
        fee=st.sampled_from([0, 1_500]),
        data=st.data(),
    )
    def dispute(self, status: str, which: str, out: int, everything: bool, back: bool, fee: int, data: Any) -> None:
        known = self.disputes.get(which)
        charged = [f for f in self.fundings.values() if f.charge_id]
        funding = self.fundings[known.funding_id] if known else data.draw(st.sampled_from(charged))
        withdrawn = max(funding.charge_minor if everything else out, known.withdrawn_minor if known else 0)
        withdrawn = (known.withdrawn_minor if known else 0) if status.startswith("warning") else withdrawn
        reinstated = withdrawn if back else (known.reinstated_minor if known else 0)
        fact = a_fact(
            "stripe.charge_dispute_changed", status=status, dispute_id=which, funding_id=funding.funding_id,
            charge_id=funding.charge_id, withdrawn_minor=withdrawn, reinstated_minor=reinstated, fee_minor=fee,
        )  # fmt: skip
        made = card_disputes.changed(
            known, self.money, list(self.freezes.values()), fact, f"rel_{next(self.numbers)}",
            self.posting("funds_withdrawn"),
        )  # fmt: skip
        if made is None:
            return
        (after,) = made.disputes
        self.at_stripe_minor -= after.with_bank_minor - (known.with_bank_minor if known else 0)
        self.at_stripe_minor -= after.fee_minor - (known.fee_minor if known else 0)
        self.move(made)

    @rule()
    def disagree(self) -> None:
        held_minor = ledger.owed_minor(self.entries, "held")
        if held_minor:
            self.move(
                freezes.freeze(
                    list(self.freezes.values()), "mls_1", "ctr_1", "party_dispute", "dsp_1", "", held_minor, "usd", NOW
                )
            )

    @precondition(lambda self: ("party_dispute", "dsp_1") in {(f.cause, f.about) for f in self.holding})
    @rule(to_trainer=st.integers(0, 200_000), exact=st.booleans())
    def settle(self, to_trainer: int, exact: bool) -> None:
        held_minor = ledger.owed_minor(self.entries, "held")
        to_trainer = min(to_trainer, held_minor) if exact else to_trainer
        fact = a_fact(
            "approvals.dispute_resolved", dispute_id="dsp_1", to_trainer_minor=to_trainer,
            to_employer_minor=held_minor - to_trainer if exact else 7,
            release_id=f"rel_{next(self.numbers)}" if to_trainer else None,
        )  # fmt: skip
        made = settlements.settle(
            self.money, list(self.freezes.values()), fact, f"rfd_{next(self.numbers)}", RULES,
            self.posting("funds_released"),
        )  # fmt: skip
        self.move(made)
        assert ("party_dispute", "dsp_1") not in {(f.cause, f.about) for f in self.holding}

    @rule(unfreeze=st.booleans())
    def operate(self, unfreeze: bool) -> None:
        about = {"actor": OPERATOR, "contract_id": "ctr_1", "milestone_id": "mls_1", "reason": "why"}
        frozen = list(self.freezes.values())
        found = (
            freezes.unfreeze_by_operator(frozen, said.UnfreezeFunds(**about), 0, NOW)  # type: ignore[arg-type]
            if unfreeze
            else freezes.freeze_by_operator(frozen, self.milestone, said.FreezeFunds(**about), 0, NOW)  # type: ignore[arg-type]
        )
        self.move(found if isinstance(found, Moved) else None)

    # -- to the employer -------------------------------------------------------------------------------------

    @rule(amount_minor=st.none() | st.integers(1, 200_000), actor=st.sampled_from([TRAINER, OPERATOR]))
    def give_back(self, amount_minor: int | None, actor: Any) -> None:
        command = said.RefundMilestone(
            actor=actor, contract_id="ctr_1", milestone_id="mls_1", amount_minor=amount_minor
        )
        found = refunds.request(
            self.money, self.holding, command, f"rfd_{next(self.numbers)}", RULES, self.posting("refund_requested")
        )
        self.move(found if isinstance(found, Moved) else None)

    @rule(amount_minor=st.none() | st.integers(1, 200_000))
    def give_from_platform(self, amount_minor: int | None) -> None:
        command = said.RefundFromPlatform(
            actor=OPERATOR, contract_id="ctr_1", milestone_id="mls_1", amount_minor=amount_minor, reason="promised"
        )
        found = platform_refunds.request(
            self.money, self.holding, command, f"rfd_{next(self.numbers)}", RULES, self.posting("refund_requested")
        )
        self.move(found if isinstance(found, Moved) else None)

    @precondition(lambda self: self.refunds)
    @rule(
        status=st.sampled_from(["pending", "succeeded", "failed", "canceled"]),
        out=st.booleans(),
        back=st.booleans(),
        data=st.data(),
    )
    def hear_of_refund(self, status: str, out: bool, back: bool, data: Any) -> None:
        refund = data.draw(st.sampled_from(list(self.refunds.values())))
        debited = refund.refund_minor if out else 0
        returned = debited if back else 0
        fact = a_fact(
            "stripe.refund_changed", status=status, debited_minor=debited, returned_minor=returned,
            refund_id=refund.refund_id, stripe_refund_id=f"re_{refund.refund_id}", funding_id=refund.funding_id,
            amount_minor=refund.refund_minor,
        )  # fmt: skip
        posting = self.posting("refund_requested")
        if refund.state == states.REFUSED:
            row = refund._replace(amount_minor=0, fees_minor=0, lost_minor=0)
            made = refunds.made_at_stripe(refund, self.money, fact, row, posting)
        else:
            made = refunds.changed(refund, 0, fact, posting)
        if made is not None:
            for after in made.refunds:
                self.at_stripe_minor -= after.debited_minor - refund.debited_minor
                self.at_stripe_minor += after.returned_minor - refund.returned_minor
        self.move(made)

    @precondition(lambda self: self.refunds)
    @rule(data=st.data())
    def refuse_refund(self, data: Any) -> None:
        refund = data.draw(st.sampled_from(list(self.refunds.values())))
        self.move(refunds.refused(refund, self.money, "charge_disputed", "", self.posting("refund_refused")))

    @precondition(lambda self: self.refunds)
    @rule(data=st.data())
    def pay_by_hand(self, data: Any) -> None:
        refund = data.draw(st.sampled_from(list(self.refunds.values())))
        command = said.RecordManualRefund(
            actor=OPERATOR, contract_id="ctr_1", milestone_id="mls_1", refund_id=refund.refund_id, reference="wire"
        )
        found = refunds.paid_by_hand(refund, 0, command, self.posting("refund_paid_by_hand"))
        self.move(found if isinstance(found, Moved) else None)

    @rule(amount_minor=st.integers(1, 200_000))
    def refund_at_stripe(self, amount_minor: int) -> None:
        money = self.money
        if money is None:
            return
        number = next(self.numbers)
        fact = a_fact(
            "stripe.refund_changed", refund_id=None, stripe_refund_id=f"re_{number}", status="succeeded",
            amount_minor=amount_minor, debited_minor=amount_minor, returned_minor=0,
            funding_id=money.funding.funding_id,
        )  # fmt: skip
        row = refunds.begun(money.funding, f"rfd_{number}", 0, 0, "made_at_stripe", "stripe", "", NOW)
        made = refunds.made_at_stripe(None, money, fact, row, self.posting("refund_requested"))
        assert made is not None
        self.at_stripe_minor -= amount_minor
        self.move(made)

    # -- what holds at every instant -------------------------------------------------------------------------

    @invariant()
    def charged_is_held_released_refunded_or_charged_back(self) -> None:
        parts = [ledger.owed_minor(self.entries, a) for a in ("held", "released", "refunded", "charged_back")]
        assert all(part >= 0 for part in parts)
        assert sum(parts) == self.charged_minor
        assert 0 <= self.transferred_minor <= parts[1]

    @invariant()
    def the_balance_at_stripe_is_what_stripe_moved(self) -> None:
        assert ledger.balance_minor(self.entries, "stripe_balance") == self.at_stripe_minor

    @invariant()
    def what_is_owed_to_the_employer_is_what_its_refunds_owe(self) -> None:
        at_loss = ledger.owed_minor(self.entries, "platform_refunds")
        assert at_loss == sum(r.lost_minor for r in self.refunds.values() if r.state != states.REFUSED)
        owed = at_loss + sum(ledger.owed_minor(self.entries, a) for a in ("refunded", "fees_returned", "refund_paid"))
        assert owed == sum(r.owed_minor for r in self.refunds.values() if r.state != states.REFUSED)
        assert owed >= 0

    @invariant()
    def each_dispute_knows_where_its_money_is(self) -> None:
        with_bank, charged_back, debts = 0, 0, 0
        for d in self.disputes.values():
            parts = (d.from_held_minor, d.recovered_minor, d.debt_minor, d.from_fees_minor)
            assert min(parts) >= 0
            assert sum(parts) + d.lost_minor == d.with_bank_minor
            with_bank += d.with_bank_minor
            charged_back += d.from_held_minor + d.recovered_minor
            debts += d.debt_minor
        assert ledger.owed_minor(self.entries, "charged_back") == charged_back
        assert ledger.balance_minor(self.entries, "chargeback_paid") == charged_back
        assert ledger.balance_minor(self.entries, "trainer_debts") == debts
        # Never is more given back than was charged: what the trainer has to make good was released.
        made_good_later = debts + ledger.owed_minor(self.entries, "platform_refunds")
        assert made_good_later <= ledger.owed_minor(self.entries, "released")

    @invariant()
    def while_a_bank_decides_it_is_frozen(self) -> None:
        frozen = {f.about for f in self.holding if f.cause in ("card_dispute", "card_inquiry")}
        last = self.last
        open_ones = {
            d.dispute_id
            for d in self.disputes.values()
            if d.state in (states.OPEN, states.INQUIRY)
            and last is not None
            and last.state in states.WITH_MONEY
            and d.funding_id == last.funding_id
        }
        assert open_ones == frozen

    @invariant()
    def fees_are_given_back_once(self) -> None:
        for funding in self.fundings.values():
            back = [r for r in self.refunds.values() if r.funding_id == funding.funding_id and r.state != "refused"]
            assert sum(refund.fees_minor for refund in back) <= funding.fees_minor

    @invariant()
    def every_posting_sums_to_zero(self) -> None:
        sums: dict[str, int] = defaultdict(int)
        for entry in self.entries:
            sums[entry.posting_id] += entry.amount_minor
        assert not any(sums.values())

    @invariant()
    def no_posting_id_is_used_twice(self) -> None:
        lines = [(entry.posting_id, entry.line) for entry in self.entries]
        assert len(lines) == len(set(lines))

    @invariant()
    def in_flight_is_what_is_under_way(self) -> None:
        asked_minor = sum(f.charge_minor for f in self.fundings.values() if f.state in states.UNDER_WAY)
        assert -ledger.owed_minor(self.entries, "charges_in_flight") == asked_minor

    @invariant()
    def one_charge_stands_and_says_where_its_money_is(self) -> None:
        stand = [f for f in self.fundings.values() if f.state in states.WITH_MONEY]
        assert len(stand) <= 1
        assert all(f.state == standing.where_money_is(self.entries) for f in stand)


OneMilestone.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOneMilestone = OneMilestone.TestCase
