"""Rows and messages to test with: each has a plain default, a test says only what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.base import Actor
from schemas.fixtures import example
from schemas.funding import FundsReleased
from schemas.payouts import GiveUpPayout, RecordBankPayout, ResumePayout, ReversePayout, StartPayoutAccount
from schemas.stripe import (
    AccountCreated,
    AccountUpdated,
    BankPayoutChanged,
    CallRefused,
    PlatformBalanceChanged,
    ReversalRefused,
    TransferCreated,
    TransferFailed,
    TransferReversed,
)
from services.payouts.domain import Patience
from services.payouts.records import Account, BankPayout, Payout, Reversal, Transfer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
PATIENCE = Patience(overdue_after=timedelta(days=30), short_again_after=timedelta(hours=1))
TRAINER = Actor(role="trainer", party_id="trn_1")
STRANGER = Actor(role="trainer", party_id="trn_2")
EMPLOYER = Actor(role="employer", party_id="emp_1")
SERVICE = Actor(role="service", party_id="svc_1")
OPERATOR = Actor(role="operator", party_id="opr_1")
COUNTRIES = ("US", "DE")


def an_account(status: str = "ready", **changed: Any) -> Account:
    """The account of trn_1, opened in the US."""
    fields: dict[str, Any] = {
        "trainer_id": "trn_1",
        "country": "US",
        "status": status,
        "account_id": "acct_1",
        "requirements": [],
        "reason": None,
        "times_ready": 1 if status == "ready" else 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Account(**{**fields, **changed})


def a_payout(state: str = "transferring", **changed: Any) -> Payout:
    """A payout of 1,000.00 USD to trn_1."""
    fields: dict[str, Any] = {
        "payout_id": "pay_1",
        "release_id": "rel_1",
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "trainer_id": "trn_1",
        "amount_minor": 100_000,
        "currency": "usd",
        "charge_id": "ch_1",
        "state": state,
        "reason": "account_not_ready" if state == "held" else None,
        "waits_for": "trn_1" if state == "held" else None,
        "times_ready": 0 if state == "held" else 1,
        "attempt": 0 if state == "held" else 1,
        "transfer_id": None if state in ("held", "transferring") else "tr_1",
        "stripe_payout_id": "po_1" if state in ("in_transit", "paid", "failed") else None,
        "arrival_at": None,
        "failure_code": "account_closed" if state == "failed" else None,
        "created_at": NOW,
        "updated_at": NOW,
        "reversed_minor": 0,
        "reversing_minor": 0,
        "held_since": NOW if state == "held" else None,
        "overdue": False,
        "available_at": None,
        "given_up_by": None,
    }
    return Payout(**{**fields, **changed})


def a_transfer(**changed: Any) -> Transfer:
    return Transfer(
        **{"transfer_id": "tr_1", "payout_id": "pay_1", "contract_id": "ctr_1", "trainer_id": "trn_1", **changed}
    )


def a_bank_payout(status: str = "in_transit", **changed: Any) -> BankPayout:
    fields: dict[str, Any] = {
        "transfer_id": "tr_1",
        "trainer_id": "trn_1",
        "stripe_payout_id": "po_1",
        "status": status,
        "arrival_at": None,
        "failure_code": "account_closed" if status == "failed" else None,
    }
    return BankPayout(**{**fields, **changed})


def a_start(**changed: Any) -> StartPayoutAccount:
    return StartPayoutAccount(**{"actor": TRAINER, "trainer_id": "trn_1", "country": "US", **changed})


def the_account(**changed: Any) -> AccountUpdated:
    """Stripe's word: it can receive money."""
    fields: dict[str, Any] = {
        "trainer_id": "trn_1",
        "account_id": "acct_1",
        "transfers": "active",
        "requirements": (),
        "details_submitted": True,
    }
    return AccountUpdated(**{**fields, **changed})


def a_new_account(**changed: Any) -> AccountCreated:
    return AccountCreated(**{"trainer_id": "trn_1", "account_id": "acct_1", **changed})


def a_release(**changed: Any) -> FundsReleased:
    body = {
        **example("funding.funds_released.v1").body,
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "release_id": "rel_1",
        "trainer_id": "trn_1",
        "amount_minor": 100_000,
        "charge_id": "ch_1",
        **changed,
    }
    return FundsReleased.model_validate(body)


def a_resumption() -> ResumePayout:
    return ResumePayout(contract_id="ctr_1", payout_id="pay_1")


def transferred(**changed: Any) -> TransferCreated:
    fields: dict[str, Any] = {
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "payout_id": "pay_1",
        "transfer_id": "tr_1",
        "account_id": "acct_1",
        "amount_minor": 100_000,
        "currency": "usd",
    }
    return TransferCreated(**{**fields, **changed})


def not_transferred(code: str = "insufficient_capabilities_for_transfer", attempt: int = 1) -> TransferFailed:
    return TransferFailed(
        contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", account_id="acct_1", attempt=attempt, code=code
    )


def a_refusal(command_type: str = "stripe.create_transfer.v1", about: str = "pay_1", key: str = "ctr_1") -> CallRefused:
    return CallRefused(
        asked_of=key,
        command_id="cmd_1",
        command_type=command_type,
        about=about,
        http_status=403,
        code="platform_account_required",
        message="no",
    )


def bank_word(status: str, **changed: Any) -> RecordBankPayout:
    fields: dict[str, Any] = {
        "contract_id": "ctr_1",
        "payout_id": "pay_1",
        "stripe_payout_id": "po_1",
        "status": status,
        "failure_code": "account_closed" if status == "failed" else None,
    }
    return RecordBankPayout(**{**fields, **changed})


def the_bank_payout(status: str = "in_transit", **changed: Any) -> BankPayoutChanged:
    body = {
        **example("stripe.bank_payout_changed.v1").body,
        "trainer_id": "trn_1",
        "stripe_payout_id": "po_1",
        "status": status,
        "transfer_ids": ["tr_1"],
        **changed,
    }
    return BankPayoutChanged.model_validate(body)


def a_reversal(amount_minor: int = 100_000, state: str = "asked", **changed: Any) -> Reversal:
    fields: dict[str, Any] = {
        "reversal_id": "rvs_1",
        "payout_id": "pay_1",
        "contract_id": "ctr_1",
        "amount_minor": amount_minor,
        "reason": "Paid to the wrong one.",
        "asked_by": "opr_1",
        "state": state,
        "code": None,
        "detail": None,
        "asked_at": NOW,
        "ended_at": None if state == "asked" else NOW,
    }
    return Reversal(**{**fields, **changed})


def a_take_back(amount_minor: int | None = None, **changed: Any) -> ReversePayout:
    fields: dict[str, Any] = {
        "actor": OPERATOR,
        "contract_id": "ctr_1",
        "payout_id": "pay_1",
        "amount_minor": amount_minor,
        "reason": "Paid to the wrong one.",
    }
    return ReversePayout(**{**fields, **changed})


def to_give_up(**changed: Any) -> GiveUpPayout:
    """An operator ends the wait."""
    fields: dict[str, Any] = {
        "actor": OPERATOR,
        "contract_id": "ctr_1",
        "payout_id": "pay_1",
        "reason": "The account was closed.",
    }
    return GiveUpPayout(**{**fields, **changed})


def taken_back(amount_minor: int, reversed_minor: int, reversal_id: str | None = "rvs_1") -> TransferReversed:
    return TransferReversed(
        contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", reversal_id=reversal_id,
        amount_minor=amount_minor, reversed_minor=reversed_minor, currency="usd",
    )  # fmt: skip


def not_taken_back(amount_minor: int = 100_000, code: str = "balance_insufficient") -> ReversalRefused:
    return ReversalRefused(
        contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", reversal_id="rvs_1",
        amount_minor=amount_minor, currency="usd", code=code, message="Insufficient funds in the account",
    )  # fmt: skip


def the_balance(available_minor: int, currency: str = "usd") -> PlatformBalanceChanged:
    return PlatformBalanceChanged(
        platform="platform", available_minor=available_minor, pending_minor=0, reserved_minor=0, currency=currency
    )
