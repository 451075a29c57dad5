"""The state tables: what each thing at Stripe can become, and what never happens."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import messages_of
from services.stripe_gateway import domain, facts, states
from services.stripe_gateway.readings import IntentReading
from services.stripe_gateway.records import Intent
from tests.unit.stripe_gateway.builders import CONFIRM, PAID, declined, intent, opening


def test_every_fact_of_stripe_is_on_an_edge() -> None:
    emitted = {edge.emits for table in states.TABLES for edge in table.edges if edge.emits}

    assert emitted == {message.type_name for message in messages_of("stripe.events")}


def test_every_call_is_on_an_edge() -> None:
    triggers = {edge.trigger for table in states.TABLES for edge in table.edges}
    detaching = "stripe.detach_payment_method.v1"  # a card stays what it is until Stripe has answered

    assert triggers >= {message.type_name for message in messages_of("stripe.commands")} - {detaching}


def test_paid_is_left_by_nothing() -> None:
    assert [edge for edge in states.INTENT.edges if edge.source == states.SUCCEEDED] == []


def test_from_everywhere_money_that_came_in_leads_to_paid() -> None:
    others = set(states.INTENT.states) - {states.NONE, states.SUCCEEDED}

    assert {state for state in others if states.INTENT.edge(state, states.CHARGED)} == others


def test_a_call_that_is_closed_stays_closed() -> None:
    for state in (states.SUCCEEDED, states.DECLINED, states.REFUSED):
        assert [edge for edge in states.ATTEMPT.edges if edge.source == state] == []


WORDS = st.sampled_from(
    [
        IntentReading(payment_intent_id="pi_1", status="requires_payment_method"),
        IntentReading(payment_intent_id="pi_1", status="requires_action"),
        IntentReading(payment_intent_id="pi_1", status="succeeded"),
        declined("ch_1"),
        declined("ch_2"),
        declined("ch_3", decline_code="authentication_required"),
        declined("", code="payment_intent_authentication_failure"),
        PAID,
        "confirm",
    ]
)


@given(st.lists(WORDS, max_size=25))
def test_in_any_order_of_words_the_intent_is_told_once_and_paid_at_most_once(words: list[IntentReading | str]) -> None:
    row: Intent = intent(states.CREATING, attempt=0, last_failed_charge_id=None)
    told: list[str] = []
    for word in words:
        if isinstance(word, str):
            command = CONFIRM.model_copy(update={"attempt": row.attempt + 1})
            decided = domain.confirm_payment_intent(row, command, [], opening())
            row = next((record for record in decided.records if isinstance(record, Intent)), row)
            continue
        found = facts.intent_read(row, word)
        assert isinstance(found.record, Intent)
        row = found.record
        told += [message.type_name.split(".")[1] for message in found.said]

    assert told.count("payment_intent_created") <= 1
    assert told.count("payment_intent_succeeded") <= 1
    if "payment_intent_succeeded" in told:
        assert told[-1] == "payment_intent_succeeded"
        assert row.state == states.SUCCEEDED
    assert told.count("payment_intent_failed") + told.count("payment_intent_action_required") <= 2 * row.attempt
