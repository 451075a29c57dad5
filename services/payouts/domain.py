"""Decisions about a release's way to the trainer's bank. Pure: rows, a message and the time in; rows and messages out.

States move only along the edges of `states.PAYOUT`. Two lanes meet here, the contract's (the payout) and the
trainer's (the account, the bank payouts): each step in the contract's lane that leaves something to the trainer's says
`check_payout`, which looks at both once the step is committed. So no fact is missed, in whatever order they come.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas import payouts as said
from schemas import stripe
from schemas.base import Message
from schemas.funding import FundsReleased
from services.payouts import states
from services.payouts.records import Account, BankPayout, Payout, Transfer

MOST_TRIES_AT_ONCE = 3
"""Of a transfer that the balance was short for. With `source_transaction` that is a passing state of Stripe's books;
what a third call does not change, a hundredth does not either."""

NO_ACCOUNT = "no_payout_account"
NOT_READY = "account_not_ready"
ACCOUNT_DISABLED = "account_disabled"
CANNOT_RECEIVE = "account_cannot_receive"
BALANCE = "balance_insufficient"
REFUSED = "transfer_refused"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision about a payout changes and says."""

    payout: Payout
    said: tuple[Message, ...]
    transfer: Transfer | None = None


# -- to the trainer's account at Stripe ----------------------------------------------------------------------


def release(account: Account | None, released: FundsReleased, payout_id: str, now: datetime) -> Decided:
    """Transfer released money from the very charge it came with, or hold it until the trainer's account is ready."""
    new = Payout(
        payout_id, released.release_id, released.contract_id, released.milestone_id, released.trainer_id,
        released.amount_minor, released.currency, released.charge_id, states.NONE, None, None, 0, 0, None, None, None,
        None, now, now,
    )  # fmt: skip
    if account is None or not _is_ready(account):
        return _hold(new, released.type_name, states.NOT_ABLE, _why_not(account), account, now)
    return _transfer(new, account, released.type_name, states.ABLE, now)


def resume(payout: Payout, account: Account | None, command: said.ResumePayout, now: datetime) -> Decided | None:
    """Try a held payout again. None: it is not held any more, or the account is not ready (again): the next time it
    becomes ready asks again."""
    if account is None or not _is_ready(account) or payout.move(command.type_name) is None:
        return None
    return _transfer(payout, account, command.type_name, "", now)


def transferred(payout: Payout, fact: stripe.TransferCreated, now: datetime) -> Decided | None:
    """The money is on the trainer's account. None: that is known.

    Raises ValueError when Stripe moved another sum than was asked, or moved it twice.
    """
    if payout.transfer_id == fact.transfer_id:
        return None
    if payout.transfer_id is not None:
        raise ValueError(f"{payout.payout_id} was transferred twice: {payout.transfer_id} and {fact.transfer_id}")
    if (fact.amount_minor, fact.currency) != (payout.amount_minor, payout.currency):
        raise ValueError(
            f"{payout.payout_id}: Stripe transferred {fact.amount_minor} {fact.currency}, asked were "
            f"{payout.amount_minor} {payout.currency}"
        )
    target = payout.move(fact.type_name)
    if target is None:
        return None
    after = replace(payout, state=target, transfer_id=fact.transfer_id, reason=None, waits_for=None, updated_at=now)
    event = said.PayoutInitiated(**_about(after), transfer_id=fact.transfer_id)
    transfer = Transfer(fact.transfer_id, after.payout_id, after.contract_id, after.trainer_id)
    return Decided(after, (event, _check(after)), transfer)


def not_transferred(
    payout: Payout, account: Account | None, fact: stripe.TransferFailed, now: datetime
) -> Decided | None:
    """Nothing moved: again at once when the balance was short, else wait for the account. None: an old attempt."""
    if fact.attempt != payout.attempt or payout.move(fact.type_name, states.WAIT) is None:
        return None
    short = fact.code == BALANCE
    if short and account is not None and payout.attempt < MOST_TRIES_AT_ONCE:
        return _transfer(payout, account, fact.type_name, states.AGAIN, now)
    return _hold(payout, fact.type_name, states.WAIT, BALANCE if short else CANNOT_RECEIVE, None, now)


def transfer_refused(payout: Payout, fact: stripe.CallRefused, now: datetime) -> Decided | None:
    """Stripe refused in a way that no rule foresees: it waits, an operator sees the open item. None: stale."""
    if payout.move(fact.type_name) is None:
        return None
    return _hold(payout, fact.type_name, "", REFUSED, None, now)


def _transfer(payout: Payout, account: Account, trigger: str, when: str, now: datetime) -> Decided:
    after = replace(
        payout,
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


def _hold(payout: Payout, trigger: str, when: str, reason: str, account: Account | None, now: datetime) -> Decided:
    """`account`: as it was when this was decided; None leaves what the payout knows of it."""
    after = replace(
        payout,
        state=_target(payout, trigger, when),
        reason=reason,
        waits_for=payout.trainer_id,
        times_ready=account.times_ready if account else payout.times_ready,
        updated_at=now,
    )
    return Decided(after, (said.PayoutHeld(**_about(after), reason=reason), _check(after)))


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
    after = replace(
        payout,
        state=target,
        stripe_payout_id=command.stripe_payout_id,
        arrival_at=command.arrival_at,
        failure_code=failure_code,
        updated_at=now,
    )
    about = {**_about(after), "stripe_payout_id": command.stripe_payout_id}
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
        command = said.ResumePayout(contract_id=payout.contract_id, payout_id=payout.payout_id)
        return (command,) if became_ready_since else ()
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
