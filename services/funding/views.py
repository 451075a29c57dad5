"""What funding shows over HTTP."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from services.funding import states
from services.funding.freezes import holding
from services.funding.holding import HoldLimit
from services.funding.records import Attempt, CardDispute, Evidence, Freeze, Funding, PaymentMethod, Refund


class AttemptView(BaseModel):
    """An attempt that has an answer."""

    attempt: int
    payment_method_id: str
    outcome: str
    code: str | None
    reason: str | None
    advice: str | None
    ended_at: datetime


class NextAction(BaseModel):
    """What the employer must do for the charge to go on."""

    type: str
    url: str
    """The bank's authentication page, by way of ours."""
    expires_at: datetime


class RefundView(BaseModel):
    """Money on its way back to the employer; all `_minor` are minor units of `currency`."""

    refund_id: str
    milestone_id: str
    state: str
    """asked, pending, made, refused (held again), owed (an operator pays it by another way), by_hand (and did)."""
    cause: str
    amount_minor: int
    """Of the work."""
    lost_minor: int
    """Of the platform's own money, for work that the trainer was paid for."""
    fees_minor: int
    refund_minor: int
    """What the employer gets: all of these together."""
    owed_minor: int
    """What of it the employer does not have yet; of a refused one, nothing is owed."""
    currency: str
    requested_by: str
    reason: str
    code: str | None
    """Why it is pending, refused or owed."""
    requested_at: datetime
    changed_at: datetime


class RefundList(BaseModel):
    """A milestone's refunds, the oldest first."""

    data: list[RefundView]


class FreezeView(BaseModel):
    """Why what is held may not be released."""

    cause: str
    """party_dispute, card_dispute, card_inquiry, fraud_warning, review, operator, reconciliation, transfer_reversed."""
    about: str
    reason: str
    frozen_at: datetime


class FreezeList(BaseModel):
    """The freezes that hold on a milestone; none: it may be released."""

    data: list[FreezeView]


class EvidenceView(BaseModel):
    """An operator's answer to a dispute at the bank."""

    evidence_id: str
    state: str
    """given (Stripe has not answered yet), submitted, refused."""
    asked_in: str
    """The dispute's status when it was given."""
    given_by: str
    code: str | None
    """Why Stripe refused it."""
    given_at: datetime
    changed_at: datetime


class DisputeView(BaseModel):
    """A dispute at the bank; all `_minor` are minor units of `currency`."""

    dispute_id: str
    state: str
    """inquiry, open, won, lost, closed."""
    status: str
    reason: str
    amount_minor: int
    with_bank_minor: int
    """What the bank has of it now, without fees."""
    currency: str
    evidence_due_at: datetime | None
    """Until when the bank takes an answer."""
    evidence: list[EvidenceView]
    is_charge_refundable: bool
    opened_at: datetime
    changed_at: datetime


class HoldView(BaseModel):
    """How long what is held may stay held."""

    until: datetime
    days_left: int
    """Begun days counted whole."""
    operator_decides: bool
    """It is so near that an operator must decide; else it is refunded at `until`."""


class FundingView(BaseModel):
    """A funding; all `_minor` are minor units of `currency`."""

    funding_id: str
    milestone_id: str
    contract_id: str
    state: str
    """none, processing, action_required, failed, funded, released, refunded, charged_back, voided (went back
    whole), set_aside (Stripe converted it; an operator gives it back)."""
    attempt: int
    payment_method_id: str
    amount_minor: int
    marketplace_fee_minor: int
    initiation_fee_minor: int
    charge_minor: int
    currency: str
    fee_rule: str
    requested_at: datetime
    attempts: list[AttemptView]
    next_action: NextAction | None = None
    refunds: list[RefundView] = []
    freezes: list[FreezeView] = []
    """Those that hold."""
    disputes: list[DisputeView] = []
    hold: HoldView | None = None
    """While something is held."""


class MethodView(BaseModel):
    """A saved payment method."""

    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class MethodList(BaseModel):
    """An employer's payment methods, the oldest first."""

    data: list[MethodView]


class SetupSession(BaseModel):
    """The page that Stripe hosts."""

    url: str


class Balance(BaseModel):
    """The sum of an account's entries in one currency: debits positive, minor units."""

    account: str
    meaning: str
    currency: str
    amount_minor: int


class BalanceList(BaseModel):
    """The ledger's balances."""

    data: list[Balance]


def funding_view(
    funding: Funding,
    attempts: Sequence[Attempt],
    refunds: Sequence[Refund] = (),
    freezes: Sequence[Freeze] = (),
    disputes: Sequence[CardDispute] = (),
    evidence: Sequence[Evidence] = (),
) -> FundingView:
    """A funding with its attempts; the way to the bank's page is added by the route that knows who asks."""
    return FundingView(
        funding_id=funding.funding_id,
        milestone_id=funding.milestone_id,
        contract_id=funding.contract_id,
        state=funding.state,
        attempt=funding.attempt,
        payment_method_id=funding.payment_method_id,
        amount_minor=funding.amount_minor,
        marketplace_fee_minor=funding.marketplace_fee_minor,
        initiation_fee_minor=funding.initiation_fee_minor,
        charge_minor=funding.charge_minor,
        currency=funding.currency,
        fee_rule=funding.fee_rule,
        requested_at=funding.requested_at,
        attempts=[
            AttemptView(
                attempt=a.attempt,
                payment_method_id=a.payment_method_id,
                outcome=a.outcome,
                code=a.code,
                reason=a.reason,
                advice=a.advice,
                ended_at=a.ended_at,
            )
            for a in sorted(attempts, key=lambda attempt: (attempt.ended_at, attempt.attempt))
        ],
        refunds=[refund_view(r) for r in sorted(refunds, key=lambda refund: (refund.requested_at, refund.refund_id))],
        freezes=freeze_list(freezes).data,
        disputes=[
            dispute_view(d, [of for of in evidence if of.dispute_id == d.dispute_id])
            for d in sorted(disputes, key=lambda d: (d.opened_at, d.dispute_id))
        ],
    )


def freeze_list(freezes: Sequence[Freeze]) -> FreezeList:
    """The freezes that hold, the oldest first."""
    return FreezeList(
        data=[
            FreezeView(cause=f.cause, about=f.about, reason=f.reason, frozen_at=f.frozen_at)
            for f in sorted(holding(freezes), key=lambda f: (f.frozen_at, f.cause, f.about))
        ]
    )


def dispute_view(dispute: CardDispute, evidence: Sequence[Evidence] = ()) -> DisputeView:
    """A dispute at the bank, without from where its money was taken: that is the ledger's."""
    return DisputeView(
        dispute_id=dispute.dispute_id,
        state=dispute.state,
        status=dispute.status,
        reason=dispute.reason,
        amount_minor=dispute.amount_minor,
        with_bank_minor=dispute.with_bank_minor,
        currency=dispute.currency,
        evidence_due_at=dispute.evidence_due_at,
        evidence=[
            EvidenceView(
                evidence_id=of.evidence_id,
                state=of.state,
                asked_in=of.asked_in,
                given_by=of.given_by,
                code=of.code,
                given_at=of.given_at,
                changed_at=of.changed_at,
            )
            for of in sorted(evidence, key=lambda of: (of.given_at, of.evidence_id))
        ],
        is_charge_refundable=dispute.is_charge_refundable,
        opened_at=dispute.opened_at,
        changed_at=dispute.changed_at,
    )


def refund_view(refund: Refund) -> RefundView:
    """A refund as parties and operators see it."""
    return RefundView(
        refund_id=refund.refund_id,
        milestone_id=refund.milestone_id,
        state=refund.state,
        cause=refund.cause,
        amount_minor=refund.amount_minor,
        lost_minor=refund.lost_minor,
        fees_minor=refund.fees_minor,
        refund_minor=refund.refund_minor,
        owed_minor=refund.owed_minor if refund.state != states.REFUSED else 0,
        currency=refund.currency,
        requested_by=refund.requested_by,
        reason=refund.reason,
        code=refund.code,
        requested_at=refund.requested_at,
        changed_at=refund.changed_at,
    )


def next_action(funding: Funding, url: str) -> NextAction | None:
    """The authentication page, while it can still be used."""
    if funding.state != states.ACTION_REQUIRED or funding.expires_at is None:
        return None
    return NextAction(type="authenticate", url=url, expires_at=funding.expires_at)


def hold_view(limit: HoldLimit, now: datetime) -> HoldView:
    """The limit as the employer sees it."""
    return HoldView(
        until=limit.hold_until, days_left=limit.days_left(now), operator_decides=limit.decide_since is not None
    )


def method_view(method: PaymentMethod) -> MethodView:
    """A payment method as its owner sees it."""
    return MethodView(
        payment_method_id=method.payment_method_id,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        is_default=method.is_default,
    )
