"""What Stripe answered, made again from what was told of it: for a database that was restored from an older backup.

The answers themselves are on no topic. What they meant is: each fact names its cause, the call or the webhook. From the
facts of one cause the answer is made again that led to them; the same decisions then tell the very same, which whoever
uses this compares (`tranche recover`). Two things are told nowhere and are read from Stripe: which charge was declined,
and Stripe's name of a reversal.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from schemas.base import Message
from services.stripe_gateway.local_commands import (
    EnsureCustomer,
    RecordAccount,
    RecordAlarm,
    RecordAnswer,
    RecordBalance,
    RecordBankPayout,
    RecordIntent,
    RecordMethod,
    RecordRefund,
    RecordReversals,
    RecordRisk,
    RecordTransfer,
)
from services.stripe_gateway.readings import (
    AccountReading,
    Answer,
    Answered,
    BalanceReading,
    BankPayoutReading,
    CardTrouble,
    ChargeReading,
    ConvertedReading,
    CustomerReading,
    Declined,
    DisputeReading,
    EvidenceReading,
    IntentReading,
    MethodReading,
    Reading,
    RefundReading,
    Refused,
    ReversalReading,
    ReviewReading,
    RiskReading,
    TransferReading,
    WarningReading,
)

Body = Mapping[str, Any]
Bodies = Mapping[str, Body]
"""What was said to one cause, by type without topic and version; the first of each."""

_WITHOUT_CHARGE = ("payment_intent_authentication_failure", "payment_intent_canceled", "payment_method_detached")
"""Declines before a charge was made: nobody authenticated, the intent was cancelled, the card is gone."""


class AtStripe(Protocol):
    """What is told nowhere and can be read. Raises what the library raises."""

    def failed_charge(self, payment_intent_id: str, until: datetime) -> str:
        """The last charge of an intent that failed until then; empty: none did."""
        ...

    def payment_intent_of(self, stripe_refund_id: str) -> str:
        """Whose refund it is."""
        ...

    def reversals_of(self, transfer_id: str) -> Sequence[ReversalReading]:
        """All of a transfer, oldest first."""
        ...


class Line(Protocol):
    """A fact as it lies on its topic."""

    @property
    def key(self) -> str: ...

    @property
    def body(self) -> Body: ...

    @property
    def envelope(self) -> Any: ...


class UntellableError(LookupError):
    """What is on the topics does not say what Stripe answered. The text says which."""


class Answers:
    """Gives the commands that record again what Stripe said. `calls`: the ids of the calls that the database has."""

    def __init__(self, calls: Collection[str], at_stripe: AtStripe) -> None:
        self._calls = frozenset(calls)
        self._at_stripe = at_stripe

    def of(self, cause_id: str, lines: Sequence[Line], *, asked: bool) -> tuple[Message, ...]:
        """What led to these lines, in the order in which it is decided, all under the id of their cause. None: the
        command itself did, without a call.

        `asked`: the cause is a command that is decided again before. Raises UntellableError.
        """
        said: dict[str, Body] = {}
        for line in lines:
            said.setdefault(line.envelope.type.split(".")[1], line.body)
        key, at = lines[0].key, lines[0].envelope.time
        if asked or cause_id in self._calls:
            answer = self._answer(said, at)
            return () if answer is None else (RecordAnswer(about_key=key, attempt_id=cause_id, answer=answer),)
        if "customer_created" in said:
            answer = Answered(reading=CustomerReading(customer_id=said["customer_created"]["customer_id"]))
            return (EnsureCustomer(employer_id=key), RecordAnswer(about_key=key, attempt_id=cause_id, answer=answer))
        return (self._word(said, lines, at),)

    # -- to a call -----------------------------------------------------------------------------------------

    def _answer(self, said: Bodies, at: datetime) -> Answer | None:
        if (refused := said.get("call_refused")) is not None:
            # Status 0: it was not made at all.
            names = ("code", "message", "http_status", "request_id")
            return Refused(**{name: refused[name] for name in names}) if refused["http_status"] else None
        for name in ("refund_refused", "transfer_failed", "reversal_refused"):
            if name in said:
                return _declined(CardTrouble(code=said[name]["code"], message=said[name]["message"]))
        settled = {"payment_intent_succeeded", "charge_converted", "payment_intent_canceled"} & said.keys()
        if not settled and (trouble := self._trouble(said, at)) is not None:
            return _declined(trouble)
        return Answered(reading=self._reading(said, at))

    def _reading(self, said: Bodies, at: datetime) -> Reading:
        if any(name in said for name in _OF_INTENTS):
            return self._intent(said, at)
        for name, build in _READINGS.items():
            if name in said:
                return build(said[name])
        if "refund_changed" in said:
            return self._refund(said["refund_changed"])
        if "transfer_reversed" in said:
            return self._reversal(said["transfer_reversed"])
        raise UntellableError(f"no answer is known that tells {', '.join(sorted(said))}")

    # -- by a webhook, a look or the poller ----------------------------------------------------------------

    def _word(self, said: Bodies, lines: Sequence[Line], at: datetime) -> Message:
        first = next(iter(said.values()))
        of_contract = {name: first[name] for name in ("contract_id",) if name in first}
        if any(name in said for name in _OF_INTENTS):
            return RecordIntent(**of_contract, funding_id=first["funding_id"], reading=self._intent(said, at))
        if "refund_changed" in said or "converted_refund_changed" in said:
            reading = self._refund(first)
            refund_id = reading.refund_id or reading.stripe_refund_id
            return RecordRefund(**of_contract, funding_id=first["funding_id"], refund_id=refund_id, reading=reading)
        if "transfer_reversed" in said:
            told = [line.body for line in lines if line.envelope.type == "stripe.transfer_reversed.v1"]
            return RecordReversals(
                **of_contract,
                payout_id=first["payout_id"],
                reading=_transfer(said.get("transfer_created", {**first, "account_id": ""})),
                reversals=tuple(self._reversal(body) for body in told),
            )
        if "transfer_created" in said:
            return RecordTransfer(**of_contract, payout_id=first["payout_id"], reading=_transfer(first))
        for name, risk in _RISKS.items():
            if name in said:
                return RecordRisk(**of_contract, funding_id=first["funding_id"], reading=risk(first))
        for name, build in _OF_PARTIES.items():
            if name in said:
                return build(said[name], lines)
        raise UntellableError(f"no word of Stripe is known that tells {', '.join(sorted(said))}")

    # -- with what Stripe alone has ------------------------------------------------------------------------

    def _intent(self, said: Bodies, at: datetime) -> IntentReading:
        payment_intent_id = next(iter(said.values()))["payment_intent_id"]
        if (body := said.get("payment_intent_succeeded")) is not None:
            return IntentReading(payment_intent_id=payment_intent_id, status="succeeded", charge=_charge(body))
        if (body := said.get("charge_converted")) is not None:
            return IntentReading(payment_intent_id=payment_intent_id, status="succeeded", converted=_converted(body))
        trouble = self._trouble(said, at)
        if (body := said.get("payment_intent_canceled")) is not None:
            return IntentReading(
                payment_intent_id=payment_intent_id, status="canceled", trouble=trouble,
                cancellation_reason=body["reason"],
            )  # fmt: skip
        return IntentReading(payment_intent_id=payment_intent_id, status="requires_payment_method", trouble=trouble)

    def _trouble(self, said: Bodies, at: datetime) -> CardTrouble | None:
        failed, action = said.get("payment_intent_failed"), said.get("payment_intent_action_required")
        if failed is not None:
            names = ("code", "decline_code", "advice_code", "message")
            trouble = CardTrouble(**{name: failed[name] for name in names})
        elif action is not None:
            trouble = CardTrouble(code="authentication_required")
        else:
            return None
        if trouble.code in _WITHOUT_CHARGE:
            return trouble
        about = failed or action or {}
        charge_id = self._at_stripe.failed_charge(about["payment_intent_id"], at)
        return trouble.model_copy(update={"charge_id": charge_id})

    def _refund(self, body: Body) -> RefundReading:
        names = ("stripe_refund_id", "status", "amount_minor", "debited_minor", "returned_minor", "currency")
        beside = ("refund_id", "pending_reason", "failure_reason", "settled_currency")
        return RefundReading(
            **_some(body, *names),
            **{name: body.get(name) or "" for name in beside},
            payment_intent_id=self._at_stripe.payment_intent_of(body["stripe_refund_id"]),
        )

    def _reversal(self, body: Body) -> ReversalReading:
        """By our own id; of those made by hand, by the sum of all until then."""
        sum_minor = 0
        for made in self._at_stripe.reversals_of(body["transfer_id"]):
            sum_minor += made.amount_minor
            by_hand = not made.reversal_id and body["reversal_id"] is None and sum_minor == body["reversed_minor"]
            if by_hand or (made.reversal_id and made.reversal_id == body["reversal_id"]):
                return made
        raise UntellableError(f"the reversal of {body['transfer_id']} that was told is not at Stripe")


def _declined(trouble: CardTrouble) -> Declined:
    return Declined(trouble=trouble, http_status=402)


_OF_INTENTS = (
    "payment_intent_created", "payment_intent_succeeded", "charge_converted", "payment_intent_failed",
    "payment_intent_action_required", "payment_intent_canceled",
)  # fmt: skip


def _some(body: Body, *names: str) -> dict[str, Any]:
    return {name: body[name] for name in names}


def _charge(body: Body) -> ChargeReading:
    names = ("charge_id", "balance_transaction_id", "charge_minor", "currency", "available_at")
    return ChargeReading(**_some(body, *names), fee_minor=body["stripe_fee_minor"])


def _converted(body: Body) -> ConvertedReading:
    names = (
        "charge_id", "balance_transaction_id", "charge_minor", "currency", "settled_minor", "settled_currency",
        "available_at",
    )  # fmt: skip
    return ConvertedReading(**_some(body, *names), fee_minor=body["stripe_fee_minor"])


def _transfer(body: Body) -> TransferReading:
    names = ("transfer_id", "account_id", "amount_minor", "currency")
    return TransferReading(**_some(body, *names), available_at=body.get("available_at"))


def _account(body: Body) -> AccountReading:
    return AccountReading(**_some(body, "account_id", "transfers", "requirements", "details_submitted"))


def _method(body: Body) -> MethodReading:
    return MethodReading(**_some(body, "payment_method_id", "brand", "last4", "exp_month", "exp_year"), attached=True)


def _detached(body: Body) -> MethodReading:
    return MethodReading(payment_method_id=body["payment_method_id"], attached=False)


def _bank_payout(body: Body) -> BankPayoutReading:
    names = ("stripe_payout_id", "account_id", "status", "amount_minor", "currency", "arrival_at", "failure_code")
    return BankPayoutReading(**_some(body, *names), transfer_ids=tuple(body["transfer_ids"]))


_READINGS: Mapping[str, Callable[[Body], Reading]] = {
    "transfer_created": _transfer,
    "account_updated": _account,
    "customer_created": lambda body: CustomerReading(customer_id=body["customer_id"]),
    "payment_method_attached": _method,
    "payment_method_updated": _method,
    "payment_method_detached": _detached,
    "dispute_evidence_submitted": lambda body: EvidenceReading(dispute_id=body["dispute_id"], submitted=True),
}
"""By the fact that says it all."""

_RISKS: Mapping[str, Callable[[Body], RiskReading]] = {
    "charge_dispute_changed": lambda body: DisputeReading(
        **_some(
            body, "dispute_id", "charge_id", "status", "reason", "amount_minor", "withdrawn_minor", "reinstated_minor",
            "fee_minor", "currency", "evidence_due_at", "is_charge_refundable",
        )
    ),
    "early_fraud_warning_raised": lambda body: WarningReading(
        **_some(body, "warning_id", "charge_id", "fraud_type", "actionable")
    ),
    "review_changed": lambda body: ReviewReading(**_some(body, "review_id", "open", "reason")),
}  # fmt: skip

_OF_PARTIES: Mapping[str, Callable[[Body, Sequence[Line]], Message]] = {
    "account_updated": lambda body, _: RecordAccount(trainer_id=body["trainer_id"], reading=_account(body)),
    "payment_method_attached": lambda body, _: RecordMethod(employer_id=body["employer_id"], reading=_method(body)),
    "payment_method_updated": lambda body, _: RecordMethod(employer_id=body["employer_id"], reading=_method(body)),
    "payment_method_detached": lambda body, _: RecordMethod(employer_id=body["employer_id"], reading=_detached(body)),
    "bank_payout_changed": lambda body, _: RecordBankPayout(trainer_id=body["trainer_id"], reading=_bank_payout(body)),
    "platform_balance_changed": lambda body, lines: RecordBalance(
        platform=body["platform"],
        readings=tuple(
            BalanceReading(**_some(line.body, "currency", "available_minor", "pending_minor", "reserved_minor"))
            for line in lines
        ),
    ),
    "platform_alarm": lambda body, _: RecordAlarm(
        platform=body["platform"], code=body["code"], about=body["about"], detail=body["detail"]
    ),
}
"""What concerns a party, or the platform, and no contract."""
