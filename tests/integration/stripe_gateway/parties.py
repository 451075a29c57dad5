"""An employer, a funding and a trainer, as funding and payouts would have the gateway act for them."""

from typing import Any

import httpx

from schemas.stripe import (
    CancelPaymentIntent,
    ConfirmPaymentIntent,
    CreateAccount,
    CreatePaymentIntent,
    CreateRefund,
    CreateTransfer,
    DetachPaymentMethod,
    ReverseTransfer,
)
from tests.integration.stripe_gateway.bench import Bench, eventually

CONFIRM = "/v1/payment_intents/*/confirm"
"""Where a funding is charged."""
PAID = ["payment_intent_created", "payment_intent_succeeded"]
"""What is told of a funding that is charged once."""


class Employer:
    """Saves cards on Stripe's page."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.id = bench.name("emp")
        self.card = ""

    def save_card(self, number: str) -> "Employer":
        """On the hosted page, by the link; returns once the gateway told of it."""
        before = self.bench.told(self.id).count("payment_method_attached")
        answer = self.click()
        assert answer.status_code == 303, answer.text
        assert self.bench.visitor.save_card(answer.headers["location"], number).left
        self.card = self.bench.hears(self.id, "payment_method_attached", before + 1).payment_method_id
        return self

    def click(self) -> httpx.Response:
        return self.bench.click("setup", self.id, self.id)

    def detach(self, card: str) -> None:
        self.bench.hear(DetachPaymentMethod(employer_id=self.id, payment_method_id=card))

    def funding(self, charge_minor: int = 120_000, currency: str = "usd") -> "Funding":
        return Funding(self, charge_minor, currency)


class Funding:
    """One charge for one milestone."""

    def __init__(self, employer: Employer, charge_minor: int, currency: str) -> None:
        self.bench = employer.bench
        self.employer = employer
        self.charge_minor = charge_minor
        self.currency = currency
        self.id, self.contract, self.milestone = (self.bench.name(prefix) for prefix in ("fnd", "ctr", "mls"))
        self.intent_id = ""

    @property
    def create_command(self) -> CreatePaymentIntent:
        return CreatePaymentIntent(
            contract_id=self.contract,
            milestone_id=self.milestone,
            funding_id=self.id,
            employer_id=self.employer.id,
            charge_minor=self.charge_minor,
            currency=self.currency,
            description="Contract, milestone 1",
        )

    def confirm_command(self, attempt: int = 1, card: str | None = None) -> ConfirmPaymentIntent:
        return ConfirmPaymentIntent(
            contract_id=self.contract,
            milestone_id=self.milestone,
            funding_id=self.id,
            payment_intent_id=self.intent_id,
            payment_method_id=card or self.employer.card,
            attempt=attempt,
        )

    def create(self) -> "Funding":
        """Returns once the payment intent was told of."""
        self.bench.hear(self.create_command)
        self.intent_id = self.bench.hears(self.contract, "payment_intent_created").payment_intent_id
        return self

    def confirm(self, attempt: int = 1, card: str | None = None) -> "Funding":
        self.bench.hear(self.confirm_command(attempt, card))
        return self

    def pay(self) -> Any:
        """Create, confirm; gives the fact that it is charged."""
        self.create().confirm()
        return self.bench.hears(self.contract, "payment_intent_succeeded")

    def cancel_command(self) -> CancelPaymentIntent:
        return CancelPaymentIntent(
            contract_id=self.contract,
            milestone_id=self.milestone,
            funding_id=self.id,
            payment_intent_id=self.intent_id,
            reason="abandoned",
        )

    def refund(self, amount_minor: int | None = None) -> "Refund":
        return Refund(self, amount_minor or self.charge_minor)

    def click(self, party: str | None = None) -> httpx.Response:
        return self.bench.click("authenticate", party or self.employer.id, self.id)

    def charges(self) -> list[dict[str, Any]]:
        """The charges at Stripe that succeeded."""
        found = [charge for charge in self.bench.at_stripe("charge") if charge["payment_intent"] == self.intent_id]
        return [charge for charge in found if charge["status"] == "succeeded"]

    def intents(self) -> list[dict[str, Any]]:
        return [i for i in self.bench.at_stripe("payment_intent") if i["metadata"].get("funding_id") == self.id]


class Refund:
    """Money of a funding on its way back."""

    def __init__(self, funding: Funding, amount_minor: int) -> None:
        self.bench = funding.bench
        self.funding = funding
        self.amount_minor = amount_minor
        self.id = self.bench.name("rfd")

    def command(self, attempt: int = 1) -> CreateRefund:
        return CreateRefund(
            contract_id=self.funding.contract,
            milestone_id=self.funding.milestone,
            funding_id=self.funding.id,
            refund_id=self.id,
            payment_intent_id=self.funding.intent_id,
            amount_minor=self.amount_minor,
            currency=self.funding.currency,
            reason="requested_by_customer",
            attempt=attempt,
        )

    def ask(self, attempt: int = 1) -> "Refund":
        self.bench.hear(self.command(attempt))
        return self

    def changes(self) -> list[Any]:
        """What was told of it."""
        said = self.bench.said(self.funding.contract)
        return [fact for fact in said if getattr(fact, "refund_id", "") == self.id]

    def at_stripe(self) -> list[dict[str, Any]]:
        return [refund for refund in self.bench.at_stripe("refund") if refund["metadata"].get("refund_id") == self.id]


class Trainer:
    """Opens a payout account on Stripe's page."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.id = bench.name("trn")
        self.account = ""

    def open_account(self, country: str = "US") -> "Trainer":
        self.bench.hear(CreateAccount(trainer_id=self.id, country=country))
        self.account = self.bench.hears(self.id, "account_created").account_id
        return self

    def complete_onboarding(self) -> "Trainer":
        answer = self.click()
        assert answer.status_code == 303, answer.text
        assert self.bench.visitor.onboard(answer.headers["location"]).left

        def able() -> bool | None:
            last = self.bench.hears(self.id, "account_updated")
            return True if last.transfers == "active" else None

        eventually(able, "the account can receive")
        return self

    def click(self) -> httpx.Response:
        return self.bench.click("onboarding", self.id, self.id)


class Payout:
    """A release on its way to the trainer's account."""

    def __init__(self, trainer: Trainer, funding: Funding, charge_id: str, amount_minor: int = 100_000) -> None:
        self.bench = trainer.bench
        self.trainer = trainer
        self.funding = funding
        self.charge_id = charge_id
        self.amount_minor = amount_minor
        self.id = self.bench.name("pay")
        self.transfer_id = ""

    def command(self, attempt: int = 1) -> CreateTransfer:
        return CreateTransfer(
            contract_id=self.funding.contract,
            milestone_id=self.funding.milestone,
            payout_id=self.id,
            account_id=self.trainer.account,
            charge_id=self.charge_id,
            amount_minor=self.amount_minor,
            currency="usd",
            attempt=attempt,
        )

    def pay(self) -> "Payout":
        """Returns once the transfer was told of."""
        self.bench.hear(self.command())
        self.transfer_id = self.bench.hears(self.funding.contract, "transfer_created").transfer_id
        return self

    def reverse_command(self, amount_minor: int, reversal_id: str | None = None) -> ReverseTransfer:
        return ReverseTransfer(
            contract_id=self.funding.contract,
            milestone_id=self.funding.milestone,
            payout_id=self.id,
            reversal_id=reversal_id or self.bench.name("rev"),
            transfer_id=self.transfer_id,
            amount_minor=amount_minor,
            currency="usd",
        )

    def reversals(self) -> list[dict[str, Any]]:
        """At Stripe."""
        return [r for r in self.bench.at_stripe("transfer_reversal") if r["transfer"] == self.transfer_id]

    def transfers(self) -> list[dict[str, Any]]:
        """At Stripe."""
        return [t for t in self.bench.at_stripe("transfer") if t["metadata"].get("payout_id") == self.id]


def paid_once(funding: Funding) -> None:
    """Charged once at Stripe, and told once."""
    funding.bench.hears(funding.contract, "payment_intent_succeeded")
    funding.bench.quiet()
    assert len(funding.charges()) == 1
    assert funding.bench.told(funding.contract) == PAID
