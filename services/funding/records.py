"""What funding's decisions read and write: rows, and what a decision changes and says."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.base import Actor, Message
from schemas.funding import FreezeCause, RefundCause
from services.funding import states
from services.funding.ledger import Entry


class Milestone(NamedTuple):
    """The terms of a milestone, as contracts published them."""

    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    number: int
    description: str
    amount_minor: int
    currency: str
    cancelled: bool


class Funding(NamedTuple):
    """One charge for one milestone."""

    funding_id: str
    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    state: str
    attempt: int
    payment_method_id: str
    amount_minor: int
    marketplace_fee_minor: int
    initiation_fee_minor: int
    currency: str
    fee_rule: str
    payment_intent_id: str | None
    charge_id: str | None
    expires_at: datetime | None
    requested_at: datetime

    @property
    def fees_minor(self) -> int:
        return self.marketplace_fee_minor + self.initiation_fee_minor

    @property
    def charge_minor(self) -> int:
        return self.amount_minor + self.fees_minor

    def move(self, trigger: str, when: str = "") -> str | None:
        """The state that a trigger leads to; None: it is stale or not allowed here."""
        edge = states.FUNDING.edge(self.state, trigger, when)
        return edge.target if edge else None


class Attempt(NamedTuple):
    """An attempt that has an answer."""

    funding_id: str
    attempt: int
    milestone_id: str
    payment_method_id: str
    outcome: str
    code: str | None
    reason: str | None
    advice: str | None
    ended_at: datetime


class PaymentMethod(NamedTuple):
    """A card that may be charged off-session."""

    payment_method_id: str
    employer_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool
    removed: bool
    added_at: datetime


class Refund(NamedTuple):
    """Money on its way back to the employer."""

    refund_id: str
    funding_id: str
    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    state: str
    cause: RefundCause
    amount_minor: int
    """Of the work."""
    fees_minor: int
    currency: str
    requested_by: str
    reason: str
    stripe_refund_id: str | None
    debited_minor: int
    """What left the balance at Stripe so far, as Stripe tells it; `returned_minor` came back."""
    returned_minor: int
    by_hand_minor: int
    """What an operator paid from elsewhere."""
    reference: str | None
    code: str | None
    """Why it is pending, refused or owed."""
    requested_at: datetime
    changed_at: datetime
    lost_minor: int
    """From the platform's own money, for work that the trainer was paid for; none of `amount_minor`."""

    @property
    def refund_minor(self) -> int:
        """What the employer gets."""
        return self.amount_minor + self.lost_minor + self.fees_minor

    @property
    def owed_minor(self) -> int:
        """What of it the employer does not have yet."""
        at_stripe = min(self.debited_minor - self.returned_minor, self.refund_minor - self.by_hand_minor)
        return self.refund_minor - self.by_hand_minor - at_stripe

    def move(self, trigger: str, when: str = "") -> str | None:
        """The state that a trigger leads to; None: it is stale or not allowed here."""
        edge = states.REFUND.edge(self.state, trigger, when)
        return edge.target if edge else None


class Freeze(NamedTuple):
    """A reason why what a milestone holds may not be released. Several may hold at once."""

    milestone_id: str
    cause: FreezeCause
    about: str
    """The dispute, the warning, the review, the transfer; for an operator's freeze, the operator."""
    contract_id: str
    currency: str
    reason: str
    frozen_at: datetime
    lifted_at: datetime | None
    """None: it holds."""


class CardDispute(NamedTuple):
    """A cardholder's dispute of a charge at the bank, and from where its money was taken."""

    dispute_id: str
    funding_id: str
    milestone_id: str
    contract_id: str
    charge_id: str
    state: str
    status: str
    """As Stripe names it."""
    reason: str
    amount_minor: int
    """What is disputed."""
    currency: str
    withdrawn_minor: int
    """What left the balance at Stripe so far, without fees; `reinstated_minor` came back."""
    reinstated_minor: int
    fee_minor: int
    from_held_minor: int
    """Of what is still with the bank: taken from held money,"""
    from_fees_minor: int
    """from the platform's fees,"""
    debt_minor: int
    """from the trainer's side, which has it: to be recovered,"""
    recovered_minor: int
    """that which was recovered by a reversed transfer,"""
    lost_minor: int
    """and what nobody else bears."""
    evidence_due_at: datetime | None
    is_charge_refundable: bool
    opened_at: datetime
    changed_at: datetime

    @property
    def with_bank_minor(self) -> int:
        """What the bank has of it now."""
        return self.withdrawn_minor - self.reinstated_minor

    def move(self, trigger: str, when: str) -> str | None:
        """The state that a trigger leads to; None: it is stale."""
        edge = states.CARD_DISPUTE.edge(self.state, trigger, when)
        return edge.target if edge else None


class Evidence(NamedTuple):
    """An operator's answer to a dispute at the bank."""

    evidence_id: str
    dispute_id: str
    milestone_id: str
    contract_id: str
    asked_in: str
    """The dispute's status, as Stripe names it, when it was given: the bank takes one answer each time it asks."""
    state: str
    given_by: str
    code: str | None
    """Why Stripe refused it."""
    given_at: datetime
    changed_at: datetime

    def move(self, trigger: str) -> str | None:
        """The state that a trigger leads to; None: it is stale."""
        edge = states.EVIDENCE.edge(self.state, trigger)
        return edge.target if edge else None


class Approval(NamedTuple):
    """Who approved a release of the work's money, and when: the bank asks for that when the charge is disputed."""

    release_id: str
    milestone_id: str
    contract_id: str
    amount_minor: int
    currency: str
    approved_by: str
    approved_at: datetime


class ReturnedTransfer(NamedTuple):
    """A transfer of which something came back from the trainer's account."""

    transfer_id: str
    payout_id: str
    milestone_id: str
    contract_id: str
    reversed_minor: int
    """All that came back so far."""
    currency: str
    changed_at: datetime


class ConvertedRefund(NamedTuple):
    """A refund of a charge that was set aside, made at Stripe by hand."""

    stripe_refund_id: str
    funding_id: str
    milestone_id: str
    contract_id: str
    status: str
    amount_minor: int
    """What the card gets of the charge; the others are on the balance, in the settled currency."""
    debited_minor: int
    returned_minor: int
    paid_minor: int
    """What of it pays what is owed; the rest of what left is the rate's."""
    settled_currency: str
    changed_at: datetime


class Moved(NamedTuple):
    """What a decision about money that came in changes and says."""

    said: tuple[Message, ...] = ()
    entries: Sequence[Entry] = ()
    fundings: tuple[Funding, ...] = ()
    refunds: tuple[Refund, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    disputes: tuple[CardDispute, ...] = ()
    returned: tuple[ReturnedTransfer, ...] = ()

    def then(self, other: "Moved") -> "Moved":
        """Both, in this order: of a row that both changed the later one counts."""
        return Moved(
            (*self.said, *other.said),
            [*self.entries, *other.entries],
            (*self.fundings, *other.fundings),
            (*self.refunds, *other.refunds),
            (*self.freezes, *other.freezes),
            (*self.disputes, *other.disputes),
            (*self.returned, *other.returned),
        )


class Decided(NamedTuple):
    """What a decision about a funding changes and says."""

    funding: Funding
    said: tuple[Message, ...]
    entries: Sequence[Entry] = ()
    attempt: Attempt | None = None
    refund: Refund | None = None


def concerns(actor: Actor, milestone: Milestone) -> bool:
    """Operators and services may act on any milestone, parties on their own."""
    return actor.role in ("operator", "service") or actor.party_id in (milestone.employer_id, milestone.trainer_id)


def has_expired(method: PaymentMethod, now: datetime) -> bool:
    """A card is good until the end of its month (UTC)."""
    return (now.year, now.month) > (method.exp_year, method.exp_month)
