"""The state tables: whole, and as the published language says."""

from typing import get_args

import pytest

from schemas.payouts import PayoutAccountStatus
from schemas.stripe import BankPayoutChanged, CapabilityStatus
from services.payouts import accounts, states
from services.payouts.handlers import HANDLERS
from tests.unit.payouts.builders import the_account


def test_an_account_has_the_statuses_of_the_api() -> None:
    assert set(states.ACCOUNT.states) == set(get_args(PayoutAccountStatus))


@pytest.mark.parametrize("status", ["started", "restricted", "ready", "disabled"])
@pytest.mark.parametrize("submitted", [True, False])
@pytest.mark.parametrize("word", get_args(CapabilityStatus))
def test_every_word_of_stripe_moves_every_account(status: str, submitted: bool, word: str) -> None:
    fact = the_account(transfers=word, details_submitted=submitted)
    assert states.ACCOUNT.edge(status, fact.type_name, accounts.word_of(fact)) is not None


def test_every_word_of_a_bank_is_known() -> None:
    told = set(get_args(BankPayoutChanged.model_fields["status"].annotation))
    whens = {edge.when for edge in states.PAYOUT.edges if edge.trigger == "payouts.record_bank_payout.v1"}
    assert whens == told - {"pending", "canceled"}


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_trigger_has_a_handler(table: states.StateTable) -> None:
    assert {edge.trigger for edge in table.edges} <= set(HANDLERS.types)


def test_only_transferred_money_is_on_its_way_to_a_bank() -> None:
    to_the_bank = {edge.source for edge in states.PAYOUT.edges if edge.trigger == "payouts.record_bank_payout.v1"}
    assert to_the_bank == {"initiated", "in_transit", "paid", "failed"}


@pytest.mark.scenario(71, 72)
def test_no_edge_leads_back_before_the_transfer() -> None:
    moved = {"initiated", "in_transit", "paid", "failed"}
    assert [edge for edge in states.PAYOUT.edges if edge.source in moved and edge.target not in moved] == []
