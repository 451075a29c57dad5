"""Decisions about trainers' payout accounts. Pure: rows, a message and the time in; rows and messages out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import payouts as said
from schemas import stripe
from schemas.base import Message
from services.payouts import states
from services.payouts.domain import resumption
from services.payouts.records import Account, Payout
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found

TRY_AGAIN_AFTER = timedelta(minutes=15)
"""An account that was ready all along and yet could not receive a transfer: Stripe needs a while to agree with
itself, and each further word about the account must not cost a call."""


@dataclass(frozen=True, slots=True)
class AccountDecided:
    """What a decision about an account changes and says."""

    account: Account
    said: tuple[Message, ...]


def start(
    account: Account | None, command: said.StartPayoutAccount, countries: Collection[str], now: datetime
) -> AccountDecided | Refused | Unchanged:
    """Open an account in a country. The country stands for good once Stripe has the account (STRIPE.md 1.6)."""
    actor = command.actor
    if actor.role == "employer":
        return forbidden("a payout account is the trainer's: ask with a trainer's token")
    if actor.role == "trainer" and actor.party_id != command.trainer_id:
        return not_found("trainer", command.trainer_id)
    if command.country not in countries:
        return invalid(
            "country_not_supported",
            f"payouts to {command.country} are not supported; GET /v1/payout-countries lists the countries that are",
        )
    new = Account(command.trainer_id, command.country, states.NONE, None, (), None, 0, now, now)
    base = account or new
    target = base.move(command.type_name, states.UNFINISHED if account and account.account_id is None else "")
    if target is None:
        if base.country != command.country:
            return conflict(
                "country_fixed",
                f"this payout account was opened in {base.country}, which cannot be changed: go on with that one",
                country=base.country,
            )
        return Unchanged(detail=f"the payout account of {base.trainer_id} is open; it is completed on its set-up page")
    opened = base._replace(country=command.country, status=target, requirements=(), reason=None, updated_at=now)
    return AccountDecided(
        opened,
        (
            said.PayoutAccountCreated(trainer_id=opened.trainer_id, country=opened.country),
            stripe.CreateAccount(trainer_id=opened.trainer_id, country=opened.country),
        ),
    )


def created(account: Account, fact: stripe.AccountCreated, now: datetime) -> Account | None:
    """Stripe has made it. Raises ValueError when Stripe had made another one before: money could go astray."""
    if account.account_id == fact.account_id:
        return None
    _check_id(account, fact.account_id)
    return account._replace(account_id=fact.account_id, updated_at=now)


def updated(account: Account, fact: stripe.AccountUpdated, held: Sequence[Payout], now: datetime) -> AccountDecided:
    """What the account can do now. `held`: the trainer's payouts that wait; once it is ready they go on.

    Raises ValueError when the word is about another account than the trainer's.
    """
    _check_id(account, fact.account_id)
    word = word_of(fact)
    status = account.move(fact.type_name, word) or account.status
    became_ready = status == states.READY and account.status != states.READY
    after = account._replace(
        status=status,
        account_id=fact.account_id,
        requirements=list(fact.requirements),
        reason=_reason(status, fact),
        times_ready=account.times_ready + became_ready,
        updated_at=now,
    )
    messages: list[Message] = []
    if _shown(after) != _shown(account):
        messages.append(_told(after))
    if status == states.READY:
        messages += [
            resumption(payout) for payout in held if became_ready or now - payout.updated_at >= TRY_AGAIN_AFTER
        ]
    return AccountDecided(after, tuple(messages))


def refused(account: Account, fact: stripe.CallRefused, now: datetime) -> AccountDecided | None:
    """Stripe did not open the account: it can be asked for again. None: that is old, the account is there."""
    target = account.move(fact.type_name) if account.account_id is None else None
    if target is None:
        return None
    after = account._replace(status=target, reason=fact.code or "refused_by_stripe", updated_at=now)
    return AccountDecided(after, (_told(after),))


def word_of(fact: stripe.AccountUpdated) -> str:
    """What Stripe says of an account, in the words of the state table."""
    match fact.transfers:
        case "active":
            return states.ABLE
        case "rejected" | "unsupported":
            return states.BARRED
        case _:
            return states.WANTING if fact.details_submitted else states.UNFINISHED


def _reason(status: str, fact: stripe.AccountUpdated) -> str | None:
    match status:
        case states.DISABLED:
            return fact.transfers
        case states.RESTRICTED if fact.requirements:
            return "information_required"
        case states.RESTRICTED:
            return "under_review" if fact.transfers == "pending" else "restricted_by_stripe"
        case _:
            return None


def _check_id(account: Account, account_id: str) -> None:
    if account.account_id not in (None, account_id):
        raise ValueError(f"{account.trainer_id} is paid to {account.account_id}, Stripe speaks of {account_id}")


def _shown(account: Account) -> tuple[str, list[str], str | None]:
    return account.status, list(account.requirements), account.reason


def _told(account: Account) -> said.PayoutAccountUpdated:
    return said.PayoutAccountUpdated.model_validate(
        {
            "trainer_id": account.trainer_id,
            "status": account.status,
            "requirements": tuple(account.requirements),
            "reason": account.reason,
        }
    )
