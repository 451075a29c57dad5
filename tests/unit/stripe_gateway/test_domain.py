"""What commands ask of Stripe, and what answers close."""

import pytest

from services.stripe_gateway import domain, states
from services.stripe_gateway.local_commands import AuthenticateIntent, EnsureCustomer
from services.stripe_gateway.opening import NOTHING, Decided
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
from services.stripe_gateway.records import Account, Attempt, Customer, Intent, PaymentMethod
from tests.unit.stripe_gateway.builders import (
    ACCOUNT,
    ASKED_AT,
    CONFIRM,
    CREATE,
    CUSTOMER,
    DETACH,
    NOW,
    PAID,
    TRANSFER,
    attempt,
    declined,
    intent,
    opening,
    transfer,
)


def call_of(decided: Decided | None) -> Attempt:
    assert decided is not None
    [found] = [record for record in decided.records if isinstance(record, Attempt)]
    return found


def codes(decided: Decided) -> list[str]:
    return [message.code for message in decided.said]  # type: ignore[attr-defined]


# -- asking --------------------------------------------------------------------------------------------------------


def test_a_decline_that_was_told_does_not_close_a_call_of_which_nobody_knows() -> None:
    unknown = attempt(state=states.UNKNOWN)
    assert domain.heard(intent(states.FAILED), declined("ch_first"), [unknown], NOW) == NOTHING


def test_a_command_opens_a_call_in_its_own_name() -> None:
    decided = domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening("cmd_7"))

    call = call_of(decided)
    assert (call.attempt_id, call.key, call.about, call.state) == ("cmd_7", "ctr_1", "fnd_1", states.OPEN)
    assert (call.correlation_id, call.opened_at, call.lane) == ("story_1", ASKED_AT, 3)
    assert [record.state for record in decided.records if isinstance(record, Intent)] == [states.CREATING]
    assert decided.said == ()


def test_the_same_again_under_another_id_opens_nothing() -> None:
    first = domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening("cmd_1"))

    again = domain.create_payment_intent(intent(states.CREATING), CUSTOMER, CREATE, [call_of(first)], opening("cmd_2"))

    assert again == NOTHING


def test_another_amount_under_the_same_name_is_an_open_item() -> None:
    first = domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening())
    other = CREATE.model_copy(update={"charge_minor": 1})

    decided = domain.create_payment_intent(intent(states.CREATING), CUSTOMER, other, [call_of(first)], opening("cmd_2"))

    assert (decided.records, codes(decided)) == ((), ["asked_otherwise_before"])


def test_without_a_customer_nothing_is_asked() -> None:
    decided = domain.create_payment_intent(None, None, CREATE, [], opening())

    assert codes(decided) == ["no_customer"]
    assert [record.state for record in decided.records] == [states.REFUSED]


def test_a_confirmation_remembers_card_and_attempt() -> None:
    decided = domain.confirm_payment_intent(intent(states.FAILED, attempt=1), CONFIRM, [], opening())

    [after] = [record for record in decided.records if isinstance(record, Intent)]
    assert (after.state, after.attempt, after.payment_method_id) == (states.CONFIRMING, 2, "pm_1")
    assert call_of(decided).target == "pi_1"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (None, "unknown_payment_intent"),
        (intent(states.CREATED, payment_intent_id="pi_9"), "unknown_payment_intent"),
        (intent(states.CONFIRMING), "wrong_state"),
    ],
)
def test_a_confirmation_that_does_not_fit_is_an_open_item(row: Intent | None, code: str) -> None:
    decided = domain.confirm_payment_intent(row, CONFIRM, [], opening())

    assert (decided.records, codes(decided)) == ((), [code])


def test_a_confirmation_of_what_is_paid_is_nothing() -> None:
    assert domain.confirm_payment_intent(intent(states.SUCCEEDED), CONFIRM, [], opening()) == NOTHING


AUTHENTICATE = AuthenticateIntent(contract_id="ctr_1", funding_id="fnd_1", return_url="https://x.test/done")


def test_authentication_is_asked_for_with_the_same_card() -> None:
    call = call_of(domain.authenticate(intent(states.ACTION_REQUIRED), AUTHENTICATE, [], opening()))

    assert call.idempotency_key == "fund:fnd_1:authenticate:2:1"
    assert '"payment_method":"pm_1"' in call.parameters


def test_two_clicks_at_once_ask_once() -> None:
    first = call_of(domain.authenticate(intent(states.ACTION_REQUIRED), AUTHENTICATE, [], opening()))

    assert domain.authenticate(intent(states.ACTION_REQUIRED), AUTHENTICATE, [first], opening("cmd_2")) is None


def test_a_click_after_an_answered_one_has_a_key_of_its_own() -> None:
    first = call_of(domain.authenticate(intent(states.ACTION_REQUIRED), AUTHENTICATE, [], opening()))
    done = first._replace(state=states.SUCCEEDED)

    call = call_of(domain.authenticate(intent(states.ACTION_REQUIRED), AUTHENTICATE, [done], opening("cmd_2")))

    assert call.idempotency_key == "fund:fnd_1:authenticate:2:2"


@pytest.mark.parametrize("state", [states.CREATED, states.CONFIRMING, states.FAILED, states.SUCCEEDED])
def test_what_waits_for_no_authentication_is_not_confirmed(state: str) -> None:
    assert domain.authenticate(intent(state), AUTHENTICATE, [], opening()) is None


def test_a_payout_has_one_transfer() -> None:
    assert domain.create_transfer(transfer(states.CREATED), TRANSFER, [], opening()) == NOTHING


def test_a_transfer_that_failed_is_asked_for_again_under_its_own_number() -> None:
    again = TRANSFER.model_copy(update={"attempt": 2})

    decided = domain.create_transfer(transfer(states.FAILED), again, [], opening())

    assert call_of(decided).idempotency_key == "transfer:pay_1:2"


def test_a_second_transfer_while_one_is_asked_for_is_an_open_item() -> None:
    decided = domain.create_transfer(transfer(), TRANSFER.model_copy(update={"attempt": 2}), [], opening())

    assert (decided.records, codes(decided)) == ((), ["wrong_state"])


def test_an_account_that_was_refused_is_asked_for_under_a_new_name() -> None:
    refused = attempt("create_account", states.REFUSED, idempotency_key="account:trn_1", about="trn_1")
    row = Account("trn_1", "KP", states.REFUSED, None, None, [], False)

    decided = domain.create_account(row, ACCOUNT, [refused], opening())

    assert call_of(decided).idempotency_key == "account:trn_1:2"


def test_a_customer_is_asked_for_once() -> None:
    command = EnsureCustomer(employer_id="emp_1")

    assert call_of(domain.ensure_customer(None, command, [], opening())).idempotency_key == "customer:emp_1"
    assert domain.ensure_customer(Customer("emp_1", states.REQUESTED, None), command, [], opening()) is None
    assert domain.ensure_customer(CUSTOMER, command, [], opening()) is None


def test_a_card_of_another_employer_is_not_forgotten() -> None:
    theirs = PaymentMethod("pm_1", "emp_2", states.ATTACHED)

    assert codes(domain.detach_payment_method(theirs, DETACH, [], opening())) == ["wrong_state"]


def test_a_card_that_is_gone_is_not_asked_for_again() -> None:
    assert (
        domain.detach_payment_method(PaymentMethod("pm_1", "emp_1", states.DETACHED), DETACH, [], opening()) == NOTHING
    )


# -- closing -------------------------------------------------------------------------------------------------------

REFUSED = Refused(code="parameter_unknown", message="no", http_status=400, request_id="req_1")
DECLINED = Declined(
    trouble=CardTrouble(code="card_declined", decline_code="insufficient_funds"), http_status=402, request_id="req_1"
)


def test_an_answer_closes_the_call_and_tells_the_fact() -> None:
    decided = domain.answer(attempt(), intent(), Answered(reading=PAID), NOW)

    assert (call_of(decided).state, call_of(decided).object_id) == (states.SUCCEEDED, "pi_1")
    assert decided is not None
    assert [message.type_name for message in decided.said] == ["stripe.payment_intent_succeeded.v1"]


@pytest.mark.parametrize("state", [states.SUCCEEDED, states.DECLINED, states.REFUSED])
@pytest.mark.parametrize("answer", [Answered(reading=PAID), DECLINED, REFUSED, Unanswered(reason="x")])
def test_a_call_is_closed_once(state: str, answer: Answered | Declined | Refused | Unanswered) -> None:
    assert domain.answer(attempt(state=state), intent(), answer, NOW) is None


def test_a_decline_tells_why() -> None:
    decided = domain.answer(attempt(), intent(), DECLINED, NOW)

    assert (call_of(decided).state, call_of(decided).code) == (states.DECLINED, "insufficient_funds")
    assert codes(decided or NOTHING) == ["card_declined"]


def test_a_refusal_is_an_open_item_for_whoever_asked() -> None:
    decided = domain.answer(attempt(), intent(), REFUSED, NOW)

    assert decided is not None
    [fact] = decided.said
    assert fact.model_dump() == {
        "asked_of": "ctr_1",
        "command_id": "cmd_1",
        "command_type": "stripe.confirm_payment_intent.v1",
        "about": "fnd_1",
        "http_status": 400,
        "code": "parameter_unknown",
        "message": "no",
        "request_id": "req_1",
    }
    assert [record.state for record in decided.records] == [states.REFUSED, states.FAILED]


def test_a_refused_page_leaves_the_payment_waiting_for_authentication() -> None:
    decided = domain.answer(attempt("authenticate_payment_intent"), intent(states.ACTION_REQUIRED), REFUSED, NOW)

    assert decided is not None
    assert [record.state for record in decided.records] == [states.REFUSED]


def test_no_answer_tells_nothing_and_may_still_be_answered() -> None:
    decided = domain.answer(attempt(), intent(), Unanswered(reason="nobody can tell"), NOW)

    assert decided is not None
    assert (call_of(decided).state, call_of(decided).closed_at, decided.said) == (states.UNKNOWN, None, ())
    assert domain.answer(call_of(decided), intent(), Answered(reading=PAID), NOW) is not None


def test_an_answer_about_what_is_not_there_is_a_defect() -> None:
    with pytest.raises(LookupError, match=r"cmd_1 .* fnd_1"):
        domain.answer(attempt(), None, Answered(reading=PAID), NOW)


# -- hearing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [states.OPEN, states.UNKNOWN])
def test_a_webhook_that_tells_first_closes_the_call(state: str) -> None:
    decided = domain.heard(intent(), PAID, [attempt(state=state)], NOW)

    assert call_of(decided).state == states.SUCCEEDED
    assert len(decided.said) == 1


def test_a_webhook_that_tells_a_decline_closes_the_call_as_declined() -> None:
    assert call_of(domain.heard(intent(), declined(), [attempt()], NOW)).state == states.DECLINED


def test_a_webhook_that_tells_nothing_new_leaves_the_call_open() -> None:
    reading = IntentReading(payment_intent_id="pi_1", status="requires_payment_method")

    assert domain.heard(intent(), reading, [attempt()], NOW) == NOTHING


def test_a_webhook_closes_only_what_it_tells_of() -> None:
    made = TransferReading(transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd")
    calls = [attempt("create_transfer"), attempt("create_transfer", states.DECLINED, attempt_id="cmd_0")]

    assert call_of(domain.heard(transfer(), made, calls, NOW)).attempt_id == "cmd_1"


def test_a_card_that_is_still_there_leaves_its_removal_open() -> None:
    saved = PaymentMethod("pm_1", "emp_1", states.ATTACHED)
    call = attempt("detach_payment_method", about="pm_1")

    still = MethodReading(payment_method_id="pm_1", attached=True)
    gone = MethodReading(payment_method_id="pm_1", attached=False)

    assert domain.heard(saved, still, [call], NOW) == NOTHING
    assert call_of(domain.heard(saved, gone, [call], NOW)).state == states.SUCCEEDED


def test_a_customers_answer_gives_its_id() -> None:
    call = attempt("create_customer", about="emp_1", key="emp_1")

    decided = domain.answer(
        call, Customer("emp_1", states.REQUESTED, None), Answered(reading=CustomerReading(customer_id="cus_1")), NOW
    )

    assert call_of(decided).object_id == "cus_1"
