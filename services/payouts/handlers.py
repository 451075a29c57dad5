"""Which message goes to which decision of payouts."""

from schemas import payouts as said
from schemas import stripe
from schemas.funding import ChargebackReversed, FundsFrozen, FundsReleased, FundsUnfrozen, MilestoneChargedBack
from services.payouts import accounts, domain, giving_up, reversals, stops, suspensions, tables
from services.payouts.accounts import AccountDecided
from services.payouts.domain import Decided
from services.payouts.records import Account, BankPayout, Payout, Reversal, Stop, Suspension, Transfer
from services.payouts.reversals import Reversed
from services.payouts.settings import PayoutsSettings
from services.payouts.suspensions import SuspensionDecided
from services.payouts.views import PayoutView, account_view, payout_view, suspension_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load, Workspace

HANDLERS = Handlers()

ACCOUNTS = Entity(tables.accounts, Account)
PAYOUTS = Entity(tables.payouts, Payout)
TRANSFERS = Entity(tables.transfers, Transfer)
BANK_PAYOUTS = Entity(tables.bank_payouts, BankPayout)
REVERSALS = Entity(tables.reversals, Reversal)
STOPS = Entity(tables.stops, Stop)
SUSPENSIONS = Entity(tables.suspensions, Suspension)

COUNTRIES = PayoutsSettings().country_data()
_PATIENCE = PayoutsSettings().patience
_WAIVER = PayoutsSettings().waiver


# -- the trainer's account, in the trainer's lane ------------------------------------------------------------


@HANDLERS.on(said.StartPayoutAccount, Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id))
def start_account(ctx: Context, command: said.StartPayoutAccount) -> Outcome:
    """Open a payout account."""
    account = ctx.get(ACCOUNTS, command.trainer_id)
    decided = accounts.start(account, command, COUNTRIES.countries, ctx.now)
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: account_view(account, COUNTRIES), decided.detail)
    if isinstance(decided, Refused):
        return decided
    _apply_account(ctx, decided)
    return Accepted(lambda: account_view(decided.account, COUNTRIES))


@HANDLERS.on(stripe.AccountCreated, Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id))
def account_created(ctx: Context, fact: stripe.AccountCreated) -> Outcome:
    """Remember Stripe's id of it."""
    account = accounts.created(_account(ctx, fact.trainer_id), fact, ctx.now)
    if account is not None:
        ctx.put(ACCOUNTS, account)
    return None


@HANDLERS.on(
    stripe.AccountUpdated,
    Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id),
    Load(PAYOUTS, "waits_for", lambda m, _: m.trainer_id),
)
def account_updated(ctx: Context, fact: stripe.AccountUpdated) -> Outcome:
    """What it can do now; what was held goes on once it is ready."""
    held = ctx.find(PAYOUTS, "waits_for", fact.trainer_id)
    _apply_account(ctx, accounts.updated(_account(ctx, fact.trainer_id), fact, held, ctx.now))
    return None


@HANDLERS.on(stripe.BankPayoutChanged)
def bank_payout_changed(ctx: Context, fact: stripe.BankPayoutChanged) -> Outcome:
    """Keep what Stripe tells of each transfer, and hand it to the payouts that are known; the others ask for it."""
    for bank in domain.bank_payouts_of(fact):
        if ctx.get(BANK_PAYOUTS, bank.transfer_id) == bank:
            continue
        ctx.put(BANK_PAYOUTS, bank)
        if (transfer := ctx.get(TRANSFERS, bank.transfer_id)) is not None:
            ctx.emit(domain.record(transfer, bank))
    return None


@HANDLERS.on(
    said.CheckPayout,
    Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id),
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
)
def check_payout(ctx: Context, command: said.CheckPayout) -> Outcome:
    """Look at a payout that has just moved beside its trainer's facts."""
    payout = _payout(ctx, command.payout_id)
    transfer = ctx.get(TRANSFERS, payout.transfer_id) if payout.transfer_id else None
    bank = ctx.get(BANK_PAYOUTS, payout.transfer_id) if payout.transfer_id else None
    ctx.emit(*domain.check(payout, ctx.get(ACCOUNTS, command.trainer_id), transfer, bank))
    return None


# -- a release on its way, in the contract's lane ------------------------------------------------------------


@HANDLERS.on(
    FundsReleased,
    Load(PAYOUTS, "release_id", lambda m, _: m.release_id),
    Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id),
    Load(STOPS, "milestone_id", lambda m, _: m.milestone_id),
    Load(SUSPENSIONS, "currency", lambda m, _: m.currency),
)
def funds_released(ctx: Context, released: FundsReleased) -> Outcome:
    """Transfer it, or hold it while something keeps it from leaving. One payout a release."""
    if not ctx.find(PAYOUTS, "release_id", released.release_id):
        account = ctx.get(ACCOUNTS, released.trainer_id)
        stopped, suspended = _is_stopped(ctx, released.milestone_id), _is_suspended(ctx, released.currency)
        payout_id = ctx.new_id("pay")
        _apply(
            ctx,
            domain.release(account, released, payout_id, _PATIENCE, ctx.now, stopped=stopped, suspended=suspended),
        )
    return None


def _stop_heard(ctx: Context, fact: stops.Fact) -> Outcome:
    stop = stops.heard(ctx.get(STOPS, fact.milestone_id), fact)
    if stop is None:
        return None
    ctx.put(STOPS, stop)
    if not stop.causes:
        ctx.emit(*map(domain.resumption, ctx.find(PAYOUTS, "waits_for", fact.milestone_id)))
    return None


_STOPS: tuple[type[stops.Fact], ...] = (FundsFrozen, FundsUnfrozen, MilestoneChargedBack, ChargebackReversed)
for _stop in _STOPS:
    HANDLERS.on(
        _stop,
        Load(STOPS, "milestone_id", lambda m, _: m.milestone_id),
        Load(PAYOUTS, "waits_for", lambda m, _: m.milestone_id),
    )(_stop_heard)


@HANDLERS.on(
    said.ResumePayout,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(ACCOUNTS, "trainer_id", lambda m, ws: _trainer_of(ws, m.payout_id)),
    Load(STOPS, "milestone_id", lambda m, ws: _milestone_of(ws, m.payout_id)),
    Load(SUSPENSIONS, "currency", lambda m, ws: _currency_of(ws, m.payout_id)),
)
def resume_payout(ctx: Context, command: said.ResumePayout) -> Outcome:
    """What it waited for may have come, or it waits for long: try the transfer again, or ask an operator."""
    payout = _payout(ctx, command.payout_id)
    account = ctx.get(ACCOUNTS, payout.trainer_id)
    stopped, suspended = _is_stopped(ctx, payout.milestone_id), _is_suspended(ctx, payout.currency)
    _apply(ctx, domain.resume(payout, account, command, _PATIENCE, ctx.now, stopped=stopped, suspended=suspended))
    return None


@HANDLERS.on(
    said.GiveUpPayout,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(STOPS, "milestone_id", lambda m, ws: _milestone_of(ws, m.payout_id)),
)
def give_up_payout(ctx: Context, command: said.GiveUpPayout) -> Outcome:
    """An operator ends the wait."""
    payout = ctx.get(PAYOUTS, command.payout_id)
    stop = ctx.get(STOPS, payout.milestone_id) if payout else None
    decided = giving_up.give_up(payout, command, stop.causes if stop else (), ctx.now)
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _payout_view(ctx, command.payout_id), decided.detail)
    _apply(ctx, decided)
    return Accepted(lambda: _payout_view(ctx, command.payout_id))


@HANDLERS.on(stripe.TransferCreated, Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id))
def transfer_created(ctx: Context, fact: stripe.TransferCreated) -> Outcome:
    """The money is on the trainer's account."""
    _apply(ctx, domain.transferred(_payout(ctx, fact.payout_id), fact, ctx.now))
    return None


@HANDLERS.on(
    stripe.TransferFailed,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(ACCOUNTS, "trainer_id", lambda m, ws: _trainer_of(ws, m.payout_id)),
    Load(STOPS, "milestone_id", lambda m, _: m.milestone_id),
)
def transfer_failed(ctx: Context, fact: stripe.TransferFailed) -> Outcome:
    """Try again, or wait."""
    payout = _payout(ctx, fact.payout_id)
    account = ctx.get(ACCOUNTS, payout.trainer_id)
    stopped, suspended = _is_stopped(ctx, payout.milestone_id), _is_suspended(ctx, payout.currency)
    _apply(ctx, domain.not_transferred(payout, account, fact, _PATIENCE, ctx.now, stopped=stopped, suspended=suspended))
    return None


@HANDLERS.on(said.RecordBankPayout, Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id))
def record_bank_payout(ctx: Context, command: said.RecordBankPayout) -> Outcome:
    """How far the bank payout is that carries it."""
    _apply(ctx, domain.bank_payout(_payout(ctx, command.payout_id), command, ctx.now))
    return None


@HANDLERS.on(
    said.ReversePayout,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(REVERSALS, "payout_id", lambda m, _: m.payout_id),
)
def reverse_payout(ctx: Context, command: said.ReversePayout) -> Outcome:
    """An operator takes it back."""
    payout = ctx.get(PAYOUTS, command.payout_id)
    decided = reversals.reverse(payout, command, ctx.new_id("rvs"), ctx.now)
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _payout_view(ctx, command.payout_id), decided.detail)
    _apply_reversal(ctx, decided)
    return Accepted(lambda: _payout_view(ctx, command.payout_id))


@HANDLERS.on(
    stripe.TransferReversed,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(REVERSALS, "payout_id", lambda m, _: m.payout_id),
)
def transfer_reversed(ctx: Context, fact: stripe.TransferReversed) -> Outcome:
    """It is back from the trainer's account."""
    asked = _reversal(ctx, fact.reversal_id) if fact.reversal_id else None
    _apply_reversal(ctx, reversals.reversed_(_payout(ctx, fact.payout_id), asked, fact, ctx.now))
    return None


@HANDLERS.on(
    stripe.ReversalRefused,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(REVERSALS, "payout_id", lambda m, _: m.payout_id),
)
def reversal_refused(ctx: Context, fact: stripe.ReversalRefused) -> Outcome:
    """Stripe did not take it back."""
    payout, asked = _payout(ctx, fact.payout_id), _reversal(ctx, fact.reversal_id)
    _apply_reversal(ctx, reversals.not_reversed(payout, asked, fact.code, fact.message, ctx.now))
    return None


# -- the platform's own balance, in the lane of the platform -------------------------------------------------


@HANDLERS.on(stripe.PlatformBalanceChanged, Load(PAYOUTS, "waits_for", lambda m, _: m.platform))
def platform_balance_changed(ctx: Context, fact: stripe.PlatformBalanceChanged) -> Outcome:
    """What waited for it goes on, as far as it reaches."""
    ctx.emit(*domain.balance_changed(ctx.find(PAYOUTS, "waits_for", fact.platform), fact))
    return None


@HANDLERS.on(said.SuspendReleases, Load(SUSPENSIONS, "currency", lambda m, _: m.currency))
def suspend_releases(ctx: Context, command: said.SuspendReleases) -> Outcome:
    """What is owed is not covered: nothing in this currency leaves."""
    decided = suspensions.suspend(ctx.get(SUSPENSIONS, command.currency), command, ctx.now)
    return _apply_suspension(ctx, decided)


@HANDLERS.on(
    said.AllowReleases,
    Load(SUSPENSIONS, "currency", lambda m, _: m.currency),
    Load(PAYOUTS, "waits_for", lambda m, _: domain.cover_of(m.currency)),
)
def allow_releases(ctx: Context, command: said.AllowReleases) -> Outcome:
    """It is covered again, or an operator lets it go: what waited goes on."""
    waiting = ctx.find(PAYOUTS, "waits_for", domain.cover_of(command.currency))
    decided = suspensions.allow(ctx.get(SUSPENSIONS, command.currency), waiting, command, _WAIVER, ctx.now)
    return _apply_suspension(ctx, decided)


@HANDLERS.on(said.CheckCover, Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id))
def check_cover(ctx: Context, command: said.CheckCover) -> Outcome:
    """Releases may have been let go while this one was being held."""
    payout = _payout(ctx, command.payout_id)
    waits = payout.waits_for == domain.cover_of(payout.currency)
    if not waits or _is_suspended(ctx, payout.currency):
        return Unchanged()
    ctx.emit(domain.resumption(payout))
    return None


def _apply_suspension(ctx: Context, decided: SuspensionDecided | Refused | Unchanged) -> Outcome:
    if not isinstance(decided, SuspensionDecided):
        return decided
    ctx.put(SUSPENSIONS, decided.suspension)
    ctx.emit(*decided.said)
    return Accepted(lambda: suspension_view(decided.suspension))


# -- either ---------------------------------------------------------------------------------------------------


@HANDLERS.on(stripe.CallRefused)
def call_refused(ctx: Context, fact: stripe.CallRefused) -> Outcome:
    """Stripe did not take one of our calls."""
    if fact.command_type == stripe.CreateTransfer.type_name:
        _apply(ctx, domain.transfer_refused(_payout(ctx, fact.about), fact, _PATIENCE, ctx.now))
    elif fact.command_type == stripe.ReverseTransfer.type_name:
        asked = _reversal(ctx, fact.about)
        payout = _payout(ctx, asked.payout_id)
        _apply_reversal(ctx, reversals.not_reversed(payout, asked, fact.code, fact.message, ctx.now))
    elif fact.command_type == stripe.CreateAccount.type_name:
        decided = accounts.refused(_account(ctx, fact.asked_of), fact, ctx.now)
        if decided is not None:
            _apply_account(ctx, decided)
    return None


def _apply(ctx: Context, decided: Decided | None) -> None:
    if decided is None:
        return
    ctx.put(PAYOUTS, decided.payout)
    if decided.transfer is not None:
        ctx.put(TRANSFERS, decided.transfer)
    ctx.emit(*decided.said)
    for due_at, command, name in decided.later:
        ctx.at(due_at, command, name)


def _apply_reversal(ctx: Context, decided: Reversed | None) -> None:
    if decided is None:
        return
    ctx.put(PAYOUTS, decided.payout)
    if decided.reversal is not None:
        ctx.put(REVERSALS, decided.reversal)
    ctx.emit(*decided.said)


def _payout_view(ctx: Context, payout_id: str) -> PayoutView:
    return payout_view(_payout(ctx, payout_id), ctx.now, ctx.find(REVERSALS, "payout_id", payout_id))


def _reversal(ctx: Context, reversal_id: str) -> Reversal:
    reversal = ctx.get(REVERSALS, reversal_id)
    if reversal is None:
        raise LookupError(f"the reversal {reversal_id} is not in the database, and only payouts asks for them")
    return reversal


def _apply_account(ctx: Context, decided: AccountDecided) -> None:
    ctx.put(ACCOUNTS, decided.account)
    ctx.emit(*decided.said)


def _account(ctx: Context, trainer_id: str) -> Account:
    account = ctx.get(ACCOUNTS, trainer_id)
    if account is None:
        # The account was opened by a command of ours: a word about one that is not here is not dropped but parked.
        raise LookupError(f"Stripe speaks of the account of {trainer_id}, which is not in the database")
    return account


def _payout(ctx: Context, payout_id: str) -> Payout:
    payout = ctx.get(PAYOUTS, payout_id)
    if payout is None:
        raise LookupError(f"the payout {payout_id} is not in the database, and only payouts makes them")
    return payout


def _is_stopped(ctx: Context, milestone_id: str) -> bool:
    stop = ctx.get(STOPS, milestone_id)
    return stop is not None and bool(stop.causes)


def _is_suspended(ctx: Context, currency: str) -> bool:
    return suspensions.is_suspended(ctx.get(SUSPENSIONS, currency))


def _currency_of(rows: Workspace, payout_id: str) -> str | None:
    payout = rows.get(PAYOUTS, payout_id)
    return payout.currency if payout else None


def _milestone_of(rows: Workspace, payout_id: str) -> str | None:
    payout = rows.get(PAYOUTS, payout_id)
    return payout.milestone_id if payout else None


def _trainer_of(rows: Workspace, payout_id: str) -> str | None:
    payout = rows.get(PAYOUTS, payout_id)
    return payout.trainer_id if payout else None
