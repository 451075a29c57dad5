"""The rows that asking and closing leave behind, whole: a sum or a name that is lost here is lost for good."""

import pytest

from schemas import stripe
from services.stripe_gateway import domain, money_back, states
from services.stripe_gateway.local_commands import AuthenticateIntent, EnsureCustomer
from services.stripe_gateway.opening import Decided
from services.stripe_gateway.readings import (
    Answered,
    CardTrouble,
    CustomerReading,
    Declined,
    IntentReading,
    MethodReading,
    Refused,
    TransferReading,
    Unanswered,
)
from services.stripe_gateway.records import (
    Account,
    Attempt,
    Customer,
    Intent,
    PaymentMethod,
    Record,
    Refund,
    Reversal,
    Transfer,
)
from tests.unit.stripe_gateway.builders import (
    ACCOUNT,
    ASKED_AT,
    CANCEL,
    CONFIRM,
    CREATE,
    CUSTOMER,
    DETACH,
    MADE,
    NOW,
    PAID,
    REFUND,
    REVERSE,
    TRANSFER,
    attempt,
    intent,
    opening,
    transfer,
)


def kept(decided: Decided | None) -> Record:
    """The row of the thing at Stripe."""
    assert decided is not None
    [found] = [record for record in decided.records if not isinstance(record, Attempt)]
    return found


def call_of(decided: Decided | None) -> Attempt:
    assert decided is not None
    [found] = [record for record in decided.records if isinstance(record, Attempt)]
    return found


# -- asking ------------------------------------------------------------------------------------------------


def test_a_new_payment_intent_is_kept_as_it_was_asked_for() -> None:
    assert kept(domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening())) == Intent(
        "fnd_1", "ctr_1", "mls_1", "emp_1", 123_720, "usd", states.CREATING, None, None, 0, None
    )


def test_a_payment_intent_without_a_customer_is_kept_as_refused_and_named() -> None:
    decided = domain.create_payment_intent(None, None, CREATE, [], opening("cmd_7"))
    assert kept(decided) == Intent(
        "fnd_1", "ctr_1", "mls_1", "emp_1", 123_720, "usd", states.REFUSED, None, None, 0, None
    )
    [fact] = decided.said
    assert isinstance(fact, stripe.CallRefused)
    assert (fact.asked_of, fact.command_id, fact.command_type, fact.about, fact.http_status) == (
        "ctr_1", "cmd_7", "stripe.create_payment_intent.v1", "fnd_1", 0,
    )  # fmt: skip


def test_the_customer_of_the_employer_is_charged() -> None:
    call = call_of(domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening()))
    assert '"customer":"cus_1"' in call.parameters


def test_a_confirmation_keeps_the_card_that_it_charges() -> None:
    other = CONFIRM.model_copy(update={"payment_method_id": "pm_2"})
    decided = domain.confirm_payment_intent(intent(states.FAILED, attempt=1), other, [], opening())
    assert kept(decided) == intent(states.CONFIRMING, attempt=2, payment_method_id="pm_2")


def test_authenticating_asks_about_the_funding_with_the_page_to_return_to() -> None:
    command = AuthenticateIntent(contract_id="ctr_1", funding_id="fnd_1", return_url="https://x.test/done")
    call = call_of(domain.authenticate(intent(states.ACTION_REQUIRED), command, [], opening()))
    assert (call.about, call.number) == ("fnd_1", 2)
    assert '"return_url":"https://x.test/done"' in call.parameters


def test_a_cancellation_keeps_the_intent_as_being_cancelled() -> None:
    decided = domain.cancel_payment_intent(intent(states.FAILED), CANCEL, [], opening())
    assert kept(decided) == intent(states.CANCELING)
    assert (call_of(decided).about, call_of(decided).target) == ("fnd_1", "pi_1")


def test_a_transfer_is_kept_as_it_was_asked_for() -> None:
    decided = domain.create_transfer(None, TRANSFER, [], opening())
    assert kept(decided) == Transfer("pay_1", "ctr_1", "mls_1", "acct_1", 120_000, "usd", states.REQUESTED, 1, None)
    assert call_of(decided).about == "pay_1"


def test_another_try_of_a_transfer_keeps_what_this_one_asks_for() -> None:
    again = TRANSFER.model_copy(
        update={"attempt": 2, "account_id": "acct_2", "amount_minor": 110_000, "currency": "eur"}
    )
    decided = domain.create_transfer(transfer(states.FAILED), again, [], opening())
    assert kept(decided) == transfer(attempt=2, account_id="acct_2", amount_minor=110_000, currency="eur")


def test_a_refund_is_kept_as_it_was_asked_for() -> None:
    decided = money_back.create_refund(None, intent(states.SUCCEEDED), REFUND, [], opening())
    assert kept(decided) == Refund(
        "rfd_1", "ctr_1", "mls_1", "fnd_1", "pi_1", 50_000, "usd", False, states.REQUESTED, 1, None, 0, 0, "", ""
    )
    assert call_of(decided).about == "rfd_1"


def test_another_try_of_a_refund_keeps_the_sum_that_this_one_asks_for() -> None:
    before = money_back.new_refund("rfd_1", intent(states.SUCCEEDED), 50_000, "usd", by_hand=False)._replace(
        state=states.REFUSED,
        attempt=1,
    )
    again = REFUND.model_copy(update={"amount_minor": 40_000, "attempt": 2})
    decided = money_back.create_refund(before, intent(states.SUCCEEDED), again, [], opening())
    assert kept(decided) == before._replace(state=states.REQUESTED, amount_minor=40_000, attempt=2)


def test_a_reversal_is_kept_as_it_was_asked_for() -> None:
    decided = money_back.reverse_transfer(None, MADE, REVERSE, [], opening())
    assert kept(decided) == Reversal(
        "rev_1", "pay_1", "ctr_1", "mls_1", "tr_1", 50_000, "usd", False, states.REQUESTED, None
    )
    assert (call_of(decided).about, call_of(decided).target) == ("rev_1", "tr_1")


@pytest.mark.parametrize("made", [None, transfer(states.CREATED, transfer_id="tr_9")], ids=["none", "another"])
def test_a_reversal_of_another_transfer_than_the_payouts_is_never_asked_for(made: Transfer | None) -> None:
    decided = money_back.reverse_transfer(None, made, REVERSE, [], opening())
    assert decided.records == ()
    [fact] = decided.said
    assert isinstance(fact, stripe.CallRefused)
    assert (fact.about, fact.code) == ("rev_1", "unknown_transfer")


def test_an_account_is_kept_with_its_country() -> None:
    assert kept(domain.create_account(None, ACCOUNT, [], opening())) == Account(
        "trn_1", "US", states.REQUESTED, None, None, [], False
    )


def test_an_account_asked_for_again_is_kept_with_the_new_country() -> None:
    refused = Account("trn_1", "KP", states.REFUSED, None, None, [], False)
    decided = domain.create_account(refused, ACCOUNT, [], opening())
    assert kept(decided) == Account("trn_1", "US", states.REQUESTED, None, None, [], False)
    assert call_of(decided).about == "trn_1"


def test_a_customer_and_a_card_are_kept_in_the_employers_name() -> None:
    ensured = domain.ensure_customer(None, EnsureCustomer(employer_id="emp_1"), [], opening())
    assert kept(ensured) == Customer("emp_1", states.REQUESTED, None)
    assert call_of(ensured).about == "emp_1"
    detached = domain.detach_payment_method(PaymentMethod("pm_1", "emp_1", states.ATTACHED), DETACH, [], opening())
    assert kept(detached) == PaymentMethod("pm_1", "emp_1", states.ATTACHED)
    assert (call_of(detached).about, call_of(detached).target) == ("pm_1", "pm_1")


def test_a_card_that_we_do_not_know_is_asked_to_be_forgotten_all_the_same() -> None:
    decided = domain.detach_payment_method(None, DETACH, [], opening())
    assert kept(decided) == PaymentMethod("pm_1", "emp_1", states.NONE)


def test_a_call_is_kept_with_everything_that_is_needed_to_make_it_again() -> None:
    call = call_of(domain.create_transfer(None, TRANSFER, [], opening("cmd_7")))
    assert call == attempt(
        "create_transfer",
        attempt_id="cmd_7",
        arrival="arr_cmd_7",
        about="pay_1",
        command_type="stripe.create_transfer.v1",
        number=1,
        idempotency_key="transfer:pay_1:1",
        target="",
        parameters=call.parameters,
        opened_at=ASKED_AT,
    )


# -- closing -----------------------------------------------------------------------------------------------


def test_a_decline_is_kept_on_the_call_with_all_that_stripe_said() -> None:
    answer = Declined(
        trouble=CardTrouble(code="card_declined", decline_code="insufficient_funds", message="no money"),
        http_status=402,
        request_id="req_1",
    )
    call = call_of(domain.answer(attempt(), intent(), answer, NOW))
    assert call == attempt(
        state=states.DECLINED, closed_at=NOW, http_status=402, code="insufficient_funds", message="no money",
        request_id="req_1",
    )  # fmt: skip


def test_a_decline_without_a_decline_code_is_kept_with_its_code() -> None:
    answer = Declined(trouble=CardTrouble(code="authentication_required"), http_status=402)
    assert call_of(domain.answer(attempt(), intent(), answer, NOW)).code == "authentication_required"


def test_a_refusal_is_kept_on_the_call_with_all_that_stripe_said() -> None:
    answer = Refused(code="parameter_unknown", message="no", http_status=400, request_id="req_1")
    call = call_of(domain.answer(attempt(), intent(), answer, NOW))
    assert call == attempt(
        state=states.REFUSED, closed_at=NOW, http_status=400, code="parameter_unknown", message="no",
        request_id="req_1",
    )  # fmt: skip


def test_an_unknown_outcome_keeps_why_and_the_object_that_was_known() -> None:
    call = call_of(domain.answer(attempt(object_id="pi_1"), intent(), Unanswered(reason="a timeout"), NOW))
    assert call == attempt(state=states.UNKNOWN, message="a timeout", object_id="pi_1")


def test_an_answered_call_is_kept_with_the_object_and_the_time() -> None:
    call = call_of(domain.answer(attempt(), intent(), Answered(reading=PAID), NOW))
    assert call == attempt(state=states.SUCCEEDED, closed_at=NOW, object_id="pi_1")


def test_a_call_that_a_webhook_closes_is_kept_with_the_object_and_the_time() -> None:
    assert call_of(domain.heard(intent(), PAID, [attempt()], NOW)) == attempt(
        state=states.SUCCEEDED, closed_at=NOW, object_id="pi_1"
    )


@pytest.mark.parametrize(
    ("state", "reading", "becomes"),
    [
        (states.CANCELING, IntentReading(payment_intent_id="pi_1", status="canceled"), states.SUCCEEDED),
        (states.CANCELING, PAID, states.SUCCEEDED),
        (states.CANCELING, IntentReading(payment_intent_id="pi_1", status="requires_payment_method"), None),
    ],
    ids=["cancelled", "paid meanwhile", "still there"],
)
def test_a_cancellation_is_closed_when_the_intent_is_over(
    state: str, reading: IntentReading, becomes: str | None
) -> None:
    decided = domain.heard(intent(state), reading, [attempt("cancel_payment_intent")], NOW)
    closed = [record.state for record in decided.records if isinstance(record, Attempt)]
    assert closed == ([becomes] if becomes else [])


def test_what_stripe_answers_to_a_removal_tells_that_the_card_is_gone() -> None:
    saved = PaymentMethod("pm_1", "emp_1", states.ATTACHED)
    gone = MethodReading(payment_method_id="pm_1", attached=False)
    decided = domain.answer(attempt("detach_payment_method", about="pm_1"), saved, Answered(reading=gone), NOW)
    assert kept(decided) == PaymentMethod("pm_1", "emp_1", states.DETACHED)
    assert call_of(decided).object_id == "pm_1"


def test_a_customer_that_stripe_made_is_kept_with_its_id() -> None:
    made = Answered(reading=CustomerReading(customer_id="cus_1"))
    decided = domain.answer(attempt("create_customer"), Customer("emp_1", states.REQUESTED, None), made, NOW)
    assert kept(decided) == CUSTOMER


def test_a_transfer_that_stripe_made_is_kept_with_its_id() -> None:
    reading = TransferReading(transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd")
    decided = domain.answer(attempt("create_transfer"), transfer(), Answered(reading=reading), NOW)
    assert kept(decided) == MADE
    assert call_of(decided).object_id == "tr_1"


@pytest.mark.parametrize("operation", ["create_customer", "create_account", "detach_payment_method"])
def test_a_decline_of_what_cannot_be_declined_is_a_defect(operation: str) -> None:
    answer = Declined(trouble=CardTrouble(code="card_declined"), http_status=402)
    with pytest.raises(ValueError, match=f"{operation} of fnd_1 cannot be declined: it is a Customer"):
        domain.answer(attempt(operation), CUSTOMER, answer, NOW)


def test_a_reversal_whose_transfer_is_not_there_is_a_defect() -> None:
    row = money_back.new_reversal("rev_1", MADE, 30_000, "usd", by_hand=False)
    from_stripe = Answered.model_validate(
        {
            "reading": {
                "kind": "reversal",
                "stripe_reversal_id": "trr_1",
                "reversal_id": "rev_1",
                "transfer_id": "tr_1",
                "amount_minor": 30_000,
                "currency": "usd",
            }
        }
    )
    with pytest.raises(LookupError, match="rev_1"):
        domain.answer(attempt("reverse_transfer"), row._replace(state=states.REQUESTED), from_stripe, NOW)


# -- money back, told --------------------------------------------------------------------------------------


def test_a_declined_reversal_tells_whose_money_stays() -> None:
    row = money_back.new_reversal("rev_1", MADE, 30_000, "usd", by_hand=False)._replace(state=states.REQUESTED)
    told = money_back.reversal_declined(row, CardTrouble(code="balance_insufficient", message="not there"))
    assert told.said == (
        stripe.ReversalRefused(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", reversal_id="rev_1",
            amount_minor=30_000, currency="usd", code="balance_insufficient", message="not there",
        ),
    )  # fmt: skip
    assert money_back.reversal_declined(told.record, CardTrouble(code="x")).said == ()  # type: ignore[arg-type]
