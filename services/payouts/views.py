"""What payouts shows over HTTP."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from schemas.payouts import PayoutAccountStatus
from services.payouts import domain
from services.payouts.countries import Country, CountryData
from services.payouts.records import Account, Payout

_HELD = {
    domain.NO_ACCOUNT: "Set up payouts: the money goes on by itself once that is done",
    domain.NOT_READY: "Complete the payout set-up: the money goes on by itself once Stripe has checked it",
    domain.ACCOUNT_DISABLED: "Stripe does not pay this account: ask support what can be done",
    domain.CANNOT_RECEIVE: "Stripe cannot pay this account at the moment: see what it still wants in the payout set-up",
    domain.BALANCE: "Stripe's books did not have the money ready: it is tried again, nothing is to be done",
    domain.REFUSED: "Stripe refused the transfer: our operators were told and look into it",
}
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


class PayoutView(BaseModel):
    """One release on its way to the trainer's bank."""

    payout_id: str
    contract_id: str
    milestone_id: str
    release_id: str
    trainer_id: str
    amount: Sum
    state: str
    """held, transferring, initiated, in_transit, paid, failed."""
    reason: str | None
    """Why it is held, or the bank's code for not taking it."""
    detail: str | None
    """What to do about that."""
    transfer_id: str | None
    stripe_payout_id: str | None
    arrival_at: datetime | None
    created_at: datetime
    updated_at: datetime


class PayoutList(BaseModel):
    """A page of payouts, the newest first. `next_cursor` leads to the next page."""

    data: list[PayoutView]
    next_cursor: str | None
    has_more: bool


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


def payout_view(payout: Payout) -> PayoutView:
    """A payout as its trainer sees it."""
    return PayoutView(
        payout_id=payout.payout_id,
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        release_id=payout.release_id,
        trainer_id=payout.trainer_id,
        amount=Sum(amount_minor=payout.amount_minor, currency=payout.currency),
        state=payout.state,
        reason=payout.reason or payout.failure_code,
        detail=_detail(payout),
        transfer_id=payout.transfer_id,
        stripe_payout_id=payout.stripe_payout_id,
        arrival_at=payout.arrival_at,
        created_at=payout.created_at,
        updated_at=payout.updated_at,
    )


def _detail(payout: Payout) -> str | None:
    if payout.failure_code is not None:
        return _FAILED
    return _HELD.get(payout.reason) if payout.reason else None
