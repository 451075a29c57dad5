"""What funding shows over HTTP."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from services.funding import states
from services.funding.domain import Attempt, Funding, PaymentMethod


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


class FundingView(BaseModel):
    """A funding; all `_minor` are minor units of `currency`."""

    funding_id: str
    milestone_id: str
    contract_id: str
    state: str
    """none, processing, action_required, failed, funded, released."""
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


def funding_view(funding: Funding, attempts: Sequence[Attempt]) -> FundingView:
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
    )


def next_action(funding: Funding, url: str) -> NextAction | None:
    """The authentication page, while it can still be used."""
    if funding.state != states.ACTION_REQUIRED or funding.expires_at is None:
        return None
    return NextAction(type="authenticate", url=url, expires_at=funding.expires_at)


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
