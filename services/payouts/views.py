"""What payouts shows over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, Field

from schemas.payouts import PayoutAccountStatus
from services.payouts import domain, reversals, states
from services.payouts.countries import Country, CountryData
from services.payouts.records import Account, Payout, Reversal, Suspension

_HELD = {
    domain.NO_ACCOUNT: "Set up payouts: the money goes on by itself once that is done",
    domain.NOT_READY: "Complete the payout set-up: the money goes on by itself once Stripe has checked it",
    domain.ACCOUNT_DISABLED: "Stripe does not pay this account: ask support what can be done",
    domain.CANNOT_RECEIVE: "Stripe cannot pay this account at the moment: see what it still wants in the payout set-up",
    domain.BALANCE: "Stripe's books did not have the money ready: it is tried again, nothing is to be done",
    domain.IN_QUESTION: "The employer's payment is disputed or looked into: it goes on by itself once that is settled",
    domain.SUSPENDED: "The platform looks into its balance at Stripe: it goes on by itself, nothing is to be done",
    domain.REFUSED: "Stripe refused the transfer: our operators were told and look into it",
}
_PENDING = "On the balance at Stripe, pending until {until:%-d %B %Y}: then it can go to the bank, by itself"
_GIVEN_UP = "This will not be paid out: the money is held again, the milestone says what becomes of it"
_FAILED = "The bank did not take it: correct the bank details in the payout set-up, then Stripe sends it again"


class Restriction(BaseModel):
    """What a trainer in a country should know."""

    code: str
    text: str


class CountryView(BaseModel):
    """A country whose trainers can be paid."""

    country: str = Field(examples=["US"])
    name: str
    currency: str
    restrictions: list[Restriction]


class CountryList(BaseModel):
    """Where trainers can be paid, by name, and where that is from."""

    data: list[CountryView]
    minimum: str
    source: str
    as_of: date


class SetupSession(BaseModel):
    """The page that Stripe hosts. The address expires; asking again renews it."""

    url: str


class PayoutAccountView(BaseModel):
    """A trainer's payout account."""

    status: PayoutAccountStatus
    country: str | None
    currency: str | None
    """What Stripe pays out in there."""
    requirements: list[str]
    """What Stripe still wants, in its own names."""
    reason: str | None
    updated_at: datetime | None


class Sum(BaseModel):
    """A sum of money in minor units."""

    amount_minor: int
    currency: str


class ReversalView(BaseModel):
    """A reversal. `state`: asked (Stripe has not answered yet), made, refused."""

    reversal_id: str
    amount: Sum
    reason: str
    asked_by: str
    state: str
    code: str | None
    detail: str | None
    asked_at: datetime
    ended_at: datetime | None


class PayoutView(BaseModel):
    """One release on its way to the trainer's bank."""

    payout_id: str
    contract_id: str
    milestone_id: str
    release_id: str
    trainer_id: str
    amount: Sum
    state: str
    """held, transferring, initiated, in_transit, paid, failed, reversed (all of it was taken back), given_up (it was
    never transferred)."""
    reason: str | None
    """Why it is held, or was given up; or the bank's code for not taking it."""
    detail: str | None
    """What to do about that, or what it waits for."""
    transfer_id: str | None
    available_at: datetime | None
    """From when the balance at Stripe has it; null until it was transferred, or where Stripe did not say."""
    pending: bool
    """It is on the balance at Stripe and cannot leave for the bank yet."""
    stripe_payout_id: str | None
    arrival_at: datetime | None
    held_since: datetime | None
    overdue: bool
    """It is held for so long that an operator was asked."""
    given_up_by: str | None
    """The operator who gave it up."""
    reversed: Sum
    """Taken back from the trainer's account."""
    reversals: list[ReversalView]
    """Of one payout alone; a list leaves them out."""
    created_at: datetime
    updated_at: datetime


class PayoutList(BaseModel):
    """A page of payouts, the newest first. `next_cursor` leads to the next page."""

    data: list[PayoutView]
    next_cursor: str | None
    has_more: bool


class SuspensionView(BaseModel):
    """Whether released money in one currency may leave for trainers."""

    currency: str
    state: str
    """suspended, waived (an operator lets it go for a while, though it is not covered), allowed."""
    cause: str | None
    """Of the last suspension: not_covered, payouts_not_manual."""
    short: Sum
    """What was missing when it was suspended."""
    reason: str
    changed_by: str
    changed_at: datetime
    waived_until: datetime | None


class SuspensionList(BaseModel):
    """Every currency whose releases were ever suspended."""

    data: list[SuspensionView]


def suspension_view(suspension: Suspension) -> SuspensionView:
    """A suspension as an operator sees it."""
    return SuspensionView(
        currency=suspension.currency,
        state=suspension.state,
        cause=suspension.cause,
        short=Sum(amount_minor=suspension.short_minor, currency=suspension.currency),
        reason=suspension.reason,
        changed_by=suspension.changed_by,
        changed_at=suspension.changed_at,
        waived_until=suspension.waived_until,
    )


def country_list(data: CountryData) -> CountryList:
    """All countries, by name."""
    return CountryList(
        data=[_country(country) for country in data.countries.values()],
        minimum=data.minimum,
        source=data.source,
        as_of=data.as_of,
    )


def _country(country: Country) -> CountryView:
    restrictions = [Restriction(code=code, text=text) for code, text in country.restrictions.items()]
    return CountryView(country=country.code, name=country.name, currency=country.currency, restrictions=restrictions)


def account_view(account: Account | None, data: CountryData) -> PayoutAccountView:
    """An account as its trainer sees it; without one, the status is `none`."""
    if account is None:
        return PayoutAccountView(
            status="none", country=None, currency=None, requirements=[], reason=None, updated_at=None
        )
    country = data.countries.get(account.country)
    return PayoutAccountView.model_validate(
        {
            "status": account.status,
            "country": account.country,
            "currency": country.currency if country else None,
            "requirements": list(account.requirements),
            "reason": account.reason,
            "updated_at": account.updated_at,
        }
    )


def payout_view(payout: Payout, now: datetime, of_it: Sequence[Reversal] = ()) -> PayoutView:
    """A payout as its trainer sees it, with its reversals where they are given."""
    pending = payout.state == states.INITIATED and payout.available_at is not None and payout.available_at > now

    def money(amount_minor: int) -> Sum:
        return Sum(amount_minor=amount_minor, currency=payout.currency)

    return PayoutView(
        payout_id=payout.payout_id,
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        release_id=payout.release_id,
        trainer_id=payout.trainer_id,
        amount=money(payout.amount_minor),
        state=payout.state,
        reason=payout.reason or payout.failure_code,
        detail=_PENDING.format(until=payout.available_at) if pending else _detail(payout),
        transfer_id=payout.transfer_id,
        available_at=payout.available_at,
        pending=pending,
        stripe_payout_id=payout.stripe_payout_id,
        arrival_at=payout.arrival_at,
        held_since=payout.held_since,
        overdue=payout.overdue,
        given_up_by=payout.given_up_by,
        reversed=money(payout.reversed_minor),
        reversals=[
            ReversalView(
                reversal_id=of.reversal_id,
                amount=money(of.amount_minor),
                reason=of.reason,
                asked_by=of.asked_by,
                state=of.state,
                code=of.code,
                detail=of.detail,
                asked_at=of.asked_at,
                ended_at=of.ended_at,
            )
            for of in reversals.of_payout(of_it)
        ],
        created_at=payout.created_at,
        updated_at=payout.updated_at,
    )


def _detail(payout: Payout) -> str | None:
    if payout.failure_code is not None:
        return _FAILED
    if payout.state == states.GIVEN_UP:
        return _GIVEN_UP
    return _HELD.get(payout.reason) if payout.reason else None
