"""Decisions about a release's way to the trainer's bank. Pure: rows, a message and the time in; rows and messages out.

States move only along the edges of `states.PAYOUT`. Two lanes meet here, the contract's (the payout) and the
trainer's (the account, the bank payouts): each step in the contract's lane that leaves something to the trainer's says
`check_payout`, which looks at both once the step is committed. So no fact is missed, in whatever order they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from schemas import payouts as said
from schemas import stripe
from schemas.base import Message, PlatformKey
from schemas.funding import FundsReleased
from services.payouts import states
from services.payouts.records import Account, BankPayout, Payout, Transfer
from services.runtime.clock import CLOCKS_APART

MOST_TRIES_AT_ONCE = 3
"""Of a transfer that the balance was short for. With `source_transaction` that is a passing state of Stripe's books;
what a third call does not change, a hundredth does not either."""

NO_ACCOUNT = "no_payout_account"
NOT_READY = "account_not_ready"
ACCOUNT_DISABLED = "account_disabled"
CANNOT_RECEIVE = "account_cannot_receive"
BALANCE = "balance_insufficient"
REFUSED = "transfer_refused"
IN_QUESTION = "payment_in_question"
SUSPENDED = "releases_suspended"

PLATFORM: PlatformKey = "platform"
"""What a payout waits for that the platform's own balance at Stripe is short for."""


def cover_of(currency: str) -> str:
    """What a payout waits for while releases in its currency are suspended."""
    return f"cover {currency}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a payout is held before something is done about it."""

    overdue_after: timedelta
    """Then an operator is asked (DOMAIN.md 9; STRIPE.md 6, 48)."""
    short_again_after: timedelta
    """Then a transfer that the balance was short for is tried again, whether Stripe told of a change or not."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision about a payout changes and says."""

    payout: Payout
    said: tuple[Message, ...]
    transfer: Transfer | None = None
    later: tuple[tuple[datetime, Message, str], ...] = ()
    """Commands to ourselves: when, which, and under which name."""


# -- to the trainer's account at Stripe ----------------------------------------------------------------------


def release(
    account: Account | None,
    released: FundsReleased,
    payout_id: str,
    patience: Patience,
    now: datetime,
    *,
    stopped: bool = False,
    suspended: bool = False,
) -> Decided:
    """Transfer released money from the very charge it came with, or hold it until the trainer's account is ready.

    `stopped`: the payment is in question (`stops`); `suspended`: nothing in this currency leaves (`suspensions`). The
    money does not leave meanwhile.
    """
    new = Payout(
        payout_id, released.release_id, released.contract_id, released.milestone_id, released.trainer_id,
        released.amount_minor, released.currency, released.charge_id, states.NONE, None, None, 0, 0, None, None, None,
        None, now, now, 0, 0, None, False, None, None,
    )  # fmt: skip
    found = _account_or_wait(new, account, stopped=stopped, suspended=suspended)
    if isinstance(found, Account):
        return _transfer(new, found, released.type_name, states.ABLE, now)
    held = new._replace(state=_target(new, released.type_name, states.NOT_ABLE), waits_for=found.waits_for)
    return _hold(held, found.reason, account, patience, now)


def resumption(payout: Payout) -> said.ResumePayout:
    """The command that tries a held payout again, in the order of its contract."""
    return said.ResumePayout(contract_id=payout.contract_id, payout_id=payout.payout_id)


def resume(
    payout: Payout,
    account: Account | None,
    command: said.ResumePayout,
    patience: Patience,
    now: datetime,
    *,
    stopped: bool = False,
    suspended: bool = False,
) -> Decided | None:
    """Try a held payout again. None: it is not held any more, or what it waits for has not come: that asks again. One
    that is held for too long is told to an operator, once."""
    if payout.move(command.type_name) is None:
        return None
    found = _account_or_wait(payout, account, stopped=stopped, suspended=suspended)
    if isinstance(found, Account):
        return _transfer(payout, found, command.type_name, "", now)
    if payout.waits_for != found.waits_for:
        held = payout._replace(state=_target(payout, command.type_name, found.when), waits_for=found.waits_for)
        return _hold(held, found.reason, account, patience, now)
    if payout.overdue or not _is_overdue(payout, patience, now):
        return None
    after = payout._replace(state=_target(payout, command.type_name, states.OVERDUE), overdue=True, updated_at=now)
    return Decided(after, (said.PayoutHeld(**_about(after), reason=after.reason or NOT_READY, overdue=True),))


def transferred(payout: Payout, fact: stripe.TransferCreated, now: datetime) -> Decided | None:
    """The money is on the trainer's account. None: that is known.

    Raises ValueError when Stripe moved another sum than was asked, moved it twice, or moved what was given up: the
    employer may have that by now.
    """
    if payout.transfer_id == fact.transfer_id:
        return None
    if payout.transfer_id is not None:
        raise ValueError(f"{payout.payout_id} was transferred twice: {payout.transfer_id} and {fact.transfer_id}")
    if payout.state == states.GIVEN_UP:
        raise ValueError(f"{payout.payout_id} was given up and yet transferred: reverse {fact.transfer_id} at Stripe")
    if (fact.amount_minor, fact.currency) != (payout.amount_minor, payout.currency):
        raise ValueError(
            f"{payout.payout_id}: Stripe transferred {fact.amount_minor} {fact.currency}, asked were "
            f"{payout.amount_minor} {payout.currency}"
        )
    target = payout.move(fact.type_name)
    if target is None:
        return None
    after = payout._replace(
        state=target, transfer_id=fact.transfer_id, reason=None, waits_for=None, updated_at=now,
        held_since=None, overdue=False, available_at=fact.available_at,
    )  # fmt: skip
    event = said.PayoutInitiated(**_about(after), transfer_id=fact.transfer_id, available_at=fact.available_at)
    transfer = Transfer(fact.transfer_id, after.payout_id, after.contract_id, after.trainer_id)
    return Decided(after, (event, _check(after)), transfer)


def not_transferred(
    payout: Payout,
    account: Account | None,
    fact: stripe.TransferFailed,
    patience: Patience,
    now: datetime,
    *,
    stopped: bool = False,
    suspended: bool = False,
) -> Decided | None:
    """Nothing moved: again at once when the balance was short, then wait for it; else wait for the account. None: an
    old attempt."""
    if fact.attempt != payout.attempt or payout.move(fact.type_name, states.WAIT) is None:
        return None
    if stopped:
        held = payout._replace(state=_target(payout, fact.type_name, states.WAIT), waits_for=payout.milestone_id)
        return _hold(held, IN_QUESTION, None, patience, now)
    short = fact.code == BALANCE
    if short and suspended:
        held = payout._replace(state=_target(payout, fact.type_name, states.WAIT), waits_for=cover_of(payout.currency))
        return _hold(held, SUSPENDED, None, patience, now)
    if short and account is not None and payout.attempt < MOST_TRIES_AT_ONCE:
        return _transfer(payout, account, fact.type_name, states.AGAIN, now)
    held = payout._replace(
        state=_target(payout, fact.type_name, states.WAIT),
        waits_for=PLATFORM if short else payout.trainer_id,
    )
    return _hold(held, BALANCE if short else CANNOT_RECEIVE, None, patience, now)


def balance_changed(waiting: Sequence[Payout], fact: stripe.PlatformBalanceChanged) -> tuple[Message, ...]:
    """The payouts that the balance covers now go on, the oldest first; each whole or not at all."""
    left_minor, told = fact.available_minor, list[Message]()
    for payout in sorted(waiting, key=lambda of: of.payout_id):
        if payout.currency == fact.currency and payout.amount_minor <= left_minor:
            left_minor -= payout.amount_minor
            told.append(resumption(payout))
    return tuple(told)


def transfer_refused(payout: Payout, fact: stripe.CallRefused, patience: Patience, now: datetime) -> Decided | None:
    """Stripe refused in a way that no rule foresees: it waits, an operator sees the open item. None: stale."""
    if payout.move(fact.type_name) is None:
        return None
    held = payout._replace(state=_target(payout, fact.type_name, ""), waits_for=payout.trainer_id)
    return _hold(held, REFUSED, None, patience, now)


class _Wait(NamedTuple):
    """What keeps a release from leaving."""

    when: str
    """What the state table calls it."""
    waits_for: str
    reason: str


def _account_or_wait(payout: Payout, account: Account | None, *, stopped: bool, suspended: bool) -> Account | _Wait:
    """The account that it may leave for now, or what it waits for."""
    if stopped:
        return _Wait(states.STOPPED, payout.milestone_id, IN_QUESTION)
    if account is None or not _is_ready(account):
        return _Wait(states.NOT_ABLE, payout.trainer_id, _why_not(account))
    if suspended:
        return _Wait(states.NOT_COVERED, cover_of(payout.currency), SUSPENDED)
    return account


def _transfer(payout: Payout, account: Account, trigger: str, when: str, now: datetime) -> Decided:
    after = payout._replace(
        state=_target(payout, trigger, when),
        reason=None,
        waits_for=None,
        times_ready=account.times_ready,
        attempt=payout.attempt + 1,
        updated_at=now,
    )
    call = stripe.CreateTransfer(
        contract_id=after.contract_id,
        milestone_id=after.milestone_id,
        payout_id=after.payout_id,
        account_id=account.account_id or "",
        charge_id=after.charge_id,
        amount_minor=after.amount_minor,
        currency=after.currency,
        attempt=after.attempt,
    )
    return Decided(after, (call,))


def _hold(payout: Payout, reason: str, account: Account | None, patience: Patience, now: datetime) -> Decided:
    """`payout`: in its new state, and waiting for somebody. `account`: as it was when this was decided; None leaves
    what the payout knows of it."""
    since = payout.held_since or now
    after = payout._replace(
        reason=reason,
        times_ready=account.times_ready if account else payout.times_ready,
        held_since=since,
        overdue=payout.overdue or _is_overdue(payout, patience, now),
        updated_at=now,
    )
    again = resumption(after)
    later: tuple[tuple[datetime, Message, str], ...] = ()
    if not after.overdue:
        later = ((since + patience.overdue_after, again, f"overdue {after.payout_id}"),)
    if after.waits_for == PLATFORM:
        later += ((now + patience.short_again_after, again, f"short {after.payout_id}"),)
    event = said.PayoutHeld(**_about(after), reason=reason, overdue=after.overdue)
    checks: tuple[Message, ...] = (_check(after),)
    if after.waits_for == cover_of(after.currency):
        # Releases may have been let go in this very moment, in the platform's lane.
        checks += (said.CheckCover(platform=PLATFORM, payout_id=after.payout_id),)
    return Decided(after, (event, *checks), later=later)


def _is_overdue(payout: Payout, patience: Patience, now: datetime) -> bool:
    # Looked at by a timer that is set once: a replica whose clock is behind must not find it too early.
    return payout.held_since is not None and now + CLOCKS_APART - payout.held_since >= patience.overdue_after


# -- to the trainer's bank -----------------------------------------------------------------------------------


def bank_payout(payout: Payout, command: said.RecordBankPayout, now: datetime) -> Decided | None:
    """What Stripe told of the bank payout that carries it. None: an old word.

    One bank payout carries a transfer at a time, and the next only after it failed. So a word about the one that failed
    is old, and so is the failure of one that another has followed.
    """
    same = payout.stripe_payout_id == command.stripe_payout_id
    superseded = command.status == states.FAILED and payout.stripe_payout_id is not None and not same
    known = same and payout.state in (states.FAILED, command.status)
    target = payout.move(command.type_name, command.status)
    if target is None or superseded or known:
        return None
    failure_code = (command.failure_code or "unknown") if target == states.FAILED else None
    after = payout._replace(
        state=target,
        stripe_payout_id=command.stripe_payout_id,
        arrival_at=command.arrival_at,
        failure_code=failure_code,
        updated_at=now,
    )
    # What was taken back meanwhile is not in it.
    in_it_minor = after.amount_minor - after.reversed_minor
    about = {**_about(after), "amount_minor": in_it_minor, "stripe_payout_id": command.stripe_payout_id}
    match target:
        case states.IN_TRANSIT:
            event: Message = said.PayoutInTransit(**about, arrival_at=after.arrival_at)
        case states.PAID:
            event = said.PayoutPaid(**about, arrival_at=after.arrival_at)
        case _:
            event = said.PayoutFailed(**about, failure_code=failure_code)
    return Decided(after, (event,))


def bank_payouts_of(fact: stripe.BankPayoutChanged) -> tuple[BankPayout, ...]:
    """What a fact says of each transfer that the bank payout carries.

    Nothing while it is pending, nor when it was cancelled before it left: the money is still on the trainer's account
    at Stripe, and another bank payout will carry it.
    """
    if fact.status in ("pending", "canceled"):
        return ()
    return tuple(
        BankPayout(transfer_id, fact.trainer_id, fact.stripe_payout_id, fact.status, fact.arrival_at, fact.failure_code)
        for transfer_id in fact.transfer_ids
    )


def record(transfer: Transfer, bank: BankPayout) -> said.RecordBankPayout:
    """The command that applies a word about a bank payout in the order of the contract."""
    return said.RecordBankPayout.model_validate(
        {
            "contract_id": transfer.contract_id,
            "payout_id": transfer.payout_id,
            "stripe_payout_id": bank.stripe_payout_id,
            "status": bank.status,
            "arrival_at": bank.arrival_at,
            "failure_code": bank.failure_code,
        }
    )


# -- where the two lanes meet --------------------------------------------------------------------------------


def check(
    payout: Payout, account: Account | None, transfer: Transfer | None, bank: BankPayout | None
) -> tuple[Message, ...]:
    """What the trainer's facts mean for a payout that has just moved: they may have come at the same moment."""
    if payout.state == states.HELD and account is not None and _is_ready(account):
        became_ready_since = account.times_ready > payout.times_ready
        return (resumption(payout),) if became_ready_since else ()
    return (record(transfer, bank),) if transfer is not None and bank is not None else ()


def _check(payout: Payout) -> said.CheckPayout:
    return said.CheckPayout(trainer_id=payout.trainer_id, payout_id=payout.payout_id)


def _is_ready(account: Account) -> bool:
    return account.status == states.READY and account.account_id is not None


def _why_not(account: Account | None) -> str:
    if account is None:
        return NO_ACCOUNT
    return ACCOUNT_DISABLED if account.status == states.DISABLED else NOT_READY


def _target(payout: Payout, trigger: str, when: str) -> str:
    target = payout.move(trigger, when)
    if target is None:
        raise ValueError(f"{payout.payout_id} is {payout.state}: {trigger} {when} leads nowhere; ask before moving")
    return target


def _about(payout: Payout) -> dict[str, Any]:
    return {
        "contract_id": payout.contract_id,
        "milestone_id": payout.milestone_id,
        "payout_id": payout.payout_id,
        "trainer_id": payout.trainer_id,
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
    }
