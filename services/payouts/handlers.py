"""Which message goes to which decision of payouts."""

from schemas import payouts as said
from schemas import stripe
from schemas.funding import FundsReleased
from services.payouts import accounts, domain, tables
from services.payouts.accounts import AccountDecided
from services.payouts.domain import Decided
from services.payouts.records import Account, BankPayout, Payout, Transfer
from services.payouts.settings import PayoutsSettings
from services.payouts.views import account_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load, Workspace

HANDLERS = Handlers()

ACCOUNTS = Entity(tables.accounts, Account)
PAYOUTS = Entity(tables.payouts, Payout)
TRANSFERS = Entity(tables.transfers, Transfer)
BANK_PAYOUTS = Entity(tables.bank_payouts, BankPayout)

COUNTRIES = PayoutsSettings().country_data()


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
)
def funds_released(ctx: Context, released: FundsReleased) -> Outcome:
    """Transfer it, or hold it until the account is ready. One payout a release."""
    if not ctx.find(PAYOUTS, "release_id", released.release_id):
        account = ctx.get(ACCOUNTS, released.trainer_id)
        _apply(ctx, domain.release(account, released, ctx.new_id("pay"), ctx.now))
    return None


@HANDLERS.on(
    said.ResumePayout,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(ACCOUNTS, "trainer_id", lambda m, ws: _trainer_of(ws, m.payout_id)),
)
def resume_payout(ctx: Context, command: said.ResumePayout) -> Outcome:
    """The account is ready: try the transfer again."""
    payout = _payout(ctx, command.payout_id)
    _apply(ctx, domain.resume(payout, ctx.get(ACCOUNTS, payout.trainer_id), command, ctx.now))
    return None


@HANDLERS.on(stripe.TransferCreated, Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id))
def transfer_created(ctx: Context, fact: stripe.TransferCreated) -> Outcome:
    """The money is on the trainer's account."""
    _apply(ctx, domain.transferred(_payout(ctx, fact.payout_id), fact, ctx.now))
    return None


@HANDLERS.on(
    stripe.TransferFailed,
    Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id),
    Load(ACCOUNTS, "trainer_id", lambda m, ws: _trainer_of(ws, m.payout_id)),
)
def transfer_failed(ctx: Context, fact: stripe.TransferFailed) -> Outcome:
    """Try again, or wait for the account."""
    payout = _payout(ctx, fact.payout_id)
    _apply(ctx, domain.not_transferred(payout, ctx.get(ACCOUNTS, payout.trainer_id), fact, ctx.now))
    return None


@HANDLERS.on(said.RecordBankPayout, Load(PAYOUTS, "payout_id", lambda m, _: m.payout_id))
def record_bank_payout(ctx: Context, command: said.RecordBankPayout) -> Outcome:
    """How far the bank payout is that carries it."""
    _apply(ctx, domain.bank_payout(_payout(ctx, command.payout_id), command, ctx.now))
    return None


# -- either ---------------------------------------------------------------------------------------------------


@HANDLERS.on(stripe.CallRefused)
def call_refused(ctx: Context, fact: stripe.CallRefused) -> Outcome:
    """Stripe did not take one of our calls."""
    if fact.command_type == stripe.CreateTransfer.type_name:
        _apply(ctx, domain.transfer_refused(_payout(ctx, fact.about), fact, ctx.now))
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


def _trainer_of(rows: Workspace, payout_id: str) -> str | None:
    payout = rows.get(PAYOUTS, payout_id)
    return payout.trainer_id if payout else None
