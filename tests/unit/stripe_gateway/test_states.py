"""The state tables: what each thing at Stripe can become, and what never happens."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import messages_of
from services.runtime.states import StateTable
from services.stripe_gateway import domain, facts, states
from services.stripe_gateway.readings import IntentReading
from services.stripe_gateway.records import Intent
from tests.unit.stripe_gateway.builders import CONFIRM, PAID, declined, intent, opening


def _ways(table: StateTable, trigger: str) -> set[tuple[str, str | None]]:
    """Where its edges of this trigger lead, and what they tell."""
    return {(edge.target, edge.emits) for edge in table.edges if edge.trigger == trigger}


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
    over = {states.SUCCEEDED, states.SET_ASIDE, states.CANCELED}  # Stripe takes no money for what is canceled
    others = set(states.INTENT.states) - over - {states.NONE}

    assert {state for state in others if states.INTENT.edge(state, states.CHARGED)} == others
    assert {state for state in others if states.INTENT.edge(state, states.CONVERTED)} == others


def test_money_that_came_in_is_told_from_wherever_it_comes() -> None:
    assert _ways(states.INTENT, states.CHARGED) == {(states.SUCCEEDED, "stripe.payment_intent_succeeded.v1")}
    assert _ways(states.INTENT, states.CONVERTED) == {(states.SET_ASIDE, "stripe.charge_converted.v1")}


def test_a_call_that_stripe_refuses_is_told() -> None:
    assert _ways(states.ATTEMPT, states.REFUSAL) == {(states.REFUSED, "stripe.call_refused.v1")}


def test_a_refund_of_a_converted_charge_goes_the_ways_of_any_other_and_is_told_as_what_it_is() -> None:
    """But for those before it exists: nobody asks us for it, it is made at Stripe by hand."""
    seen, converted = (
        {(edge.source, edge.when, edge.target) for edge in states.REFUND.edges if edge.trigger == trigger}
        for trigger in (states.SEEN, states.CONVERTED)
    )

    assert converted == {way for way in seen if way[0] not in (states.REQUESTED, states.REFUSED)}
    assert {emits for _, emits in _ways(states.REFUND, states.CONVERTED)} == {"stripe.converted_refund_changed.v1"}


def test_evidence_that_stripe_took_is_told_whatever_became_of_the_dispute_meanwhile_and_changes_nothing() -> None:
    answered = [edge for edge in states.DISPUTE.edges if edge.trigger == states.ANSWERED]

    assert sorted(edge.source for edge in answered) == sorted(set(states.DISPUTE.states) - {states.NONE})
    assert all(edge.target == edge.source for edge in answered)
    assert {edge.emits for edge in answered} == {"stripe.dispute_evidence_submitted.v1"}


def test_a_bank_takes_an_answer_while_it_asks_and_not_in_an_appeal() -> None:
    asks = {state for state in states.DISPUTE.states if state.endswith("needs_response")}

    assert set(states.ANSWERABLE) == {state for state in asks if not state.startswith("appeal")}


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
