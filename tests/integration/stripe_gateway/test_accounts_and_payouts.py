"""Trainers' accounts, transfers to them, and payouts to their banks."""

import pytest

from schemas.stripe import CreateAccount
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import Employer, Payout, Trainer


def test_an_account_is_opened_once_and_told_with_what_is_due(bench: Bench) -> None:
    trainer = Trainer(bench).open_account()

    updated = bench.hears(trainer.id, "account_updated")

    assert (updated.transfers, updated.details_submitted) == ("restricted", False)
    assert "external_account" in updated.requirements
    bench.quiet()
    assert bench.told(trainer.id) == ["account_created", "account_updated"]
    assert len([a for a in bench.at_stripe("v2.core.account") if a["metadata"].get("trainer_id") == trainer.id]) == 1


def test_an_onboarded_account_can_receive(bench: Bench, trainer: Trainer) -> None:
    updated = bench.hears(trainer.id, "account_updated")

    assert (updated.transfers, updated.requirements, updated.details_submitted) == ("active", (), True)


def test_each_click_makes_a_fresh_onboarding_page(bench: Bench) -> None:
    trainer = Trainer(bench).open_account()

    first, second = trainer.click(), trainer.click()

    assert first.status_code == second.status_code == 303
    assert first.headers["location"] != second.headers["location"]


def test_an_account_that_is_restricted_later_is_told(bench: Bench, trainer: Trainer) -> None:
    bench.quiet()

    bench.sandbox.control("POST", f"accounts/{trainer.account}", {"stripe_transfers": "restricted"})

    def restricted() -> bool | None:
        return True if bench.hears(trainer.id, "account_updated").transfers == "restricted" else None

    eventually(restricted, "restricted")


def test_a_country_that_stripe_does_not_have_is_an_open_item_and_another_may_follow(bench: Bench) -> None:
    trainer = Trainer(bench)
    bench.hear(CreateAccount(trainer_id=trainer.id, country="KP"))
    refused = bench.hears(trainer.id, "call_refused")
    assert (refused.code, refused.about, refused.http_status) == ("country_unsupported", trainer.id, 400)

    trainer.open_account("US")

    assert [a["idempotency_key"] for a in bench.attempts(trainer.id)] == [
        f"account:{trainer.id}",
        f"account:{trainer.id}:2",
    ]


# -- transfers -----------------------------------------------------------------------------------------------


def test_released_money_is_transferred_once_from_its_charge(bench: Bench, employer: Employer, trainer: Trainer) -> None:
    funding = employer.funding(120_000)
    payout = Payout(trainer, funding, funding.pay().charge_id, 100_000)

    bench.hear(payout.command(), payout.command())

    made = bench.hears(funding.contract, "transfer_created")
    assert (made.payout_id, made.account_id, made.amount_minor) == (payout.id, trainer.account, 100_000)
    bench.quiet()
    assert [transfer["id"] for transfer in payout.transfers()] == [made.transfer_id]
    assert payout.transfers()[0]["source_transaction"] == payout.charge_id
    assert bench.told(funding.contract).count("transfer_created") == 1


@pytest.mark.scenario(46)
def test_a_transfer_from_a_charge_that_is_pending_is_pending_as_long(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    funding = employer.funding(120_000)
    charged = funding.pay()
    payout = Payout(trainer, funding, charged.charge_id, 100_000).pay()

    made = bench.hears(funding.contract, "transfer_created")
    assert made.available_at == charged.available_at
    arrived = bench.sandbox.client().v1.balance.retrieve(options={"stripe_account": trainer.account}).to_dict()
    assert [part["amount"] for part in arrived["pending"]] == [payout.amount_minor]


def test_an_account_that_cannot_receive_declines_and_is_told_of(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    funding = employer.funding()
    payout = Payout(trainer, funding, funding.pay().charge_id)
    # Nobody tells us: the refusal itself must lead to it.
    bench.policy(drop=["*"])
    bench.sandbox.control("POST", f"accounts/{trainer.account}", {"stripe_transfers": "restricted"})

    bench.hear(payout.command())

    failed = bench.hears(funding.contract, "transfer_failed")
    assert (failed.code, failed.attempt) == ("account_cannot_receive", 1)
    assert bench.said(trainer.id)[-1].transfers == "restricted"

    bench.sandbox.control("POST", f"accounts/{trainer.account}", {"stripe_transfers": "active"})
    bench.hear(payout.command(attempt=2))
    bench.hears(funding.contract, "transfer_created")
    assert len(payout.transfers()) == 1


def test_more_than_the_charge_is_refused_as_an_open_item(bench: Bench, employer: Employer, trainer: Trainer) -> None:
    funding = employer.funding(50_000)
    payout = Payout(trainer, funding, funding.pay().charge_id, 50_001)

    bench.hear(payout.command(), identifier="cmd_too_much")

    refused = bench.hears(funding.contract, "call_refused")
    assert refused.command_id == "cmd_too_much"
    assert refused.command_type == "stripe.create_transfer.v1"
    assert refused.about == payout.id
    assert refused.request_id


# -- to the bank ---------------------------------------------------------------------------------------------


def test_a_bank_payout_is_told_with_the_transfers_it_carries(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    made = []
    for amount_minor in (100_000, 40_000):
        funding = employer.funding()
        payout = Payout(trainer, funding, funding.pay().charge_id, amount_minor)
        bench.hear(payout.command())
        made.append(bench.hears(funding.contract, "transfer_created").transfer_id)

    for _ in range(7):
        bench.sandbox.advance(days=1)

    def paid() -> object:
        last = bench.hears(trainer.id, "bank_payout_changed")
        return last if last.status == "paid" else None

    told = eventually(paid, "paid")
    assert told.amount_minor == 140_000
    assert set(told.transfer_ids) == set(made)
    statuses = [m.status for m in bench.said(trainer.id) if m.type_name == "stripe.bank_payout_changed.v1"]
    order = ["pending", "in_transit", "paid"]
    assert statuses == sorted(statuses, key=order.index)


def test_a_bank_payout_that_comes_back_is_told_as_failed(bench: Bench, employer: Employer, trainer: Trainer) -> None:
    funding = employer.funding()
    bench.hear(Payout(trainer, funding, funding.pay().charge_id).command())
    bench.hears(funding.contract, "transfer_created")
    for _ in range(7):
        bench.sandbox.advance(days=1)
    bench.quiet()
    [stripe_payout] = [p for p in bench.at_stripe("payout") if p["status"] == "paid"][:1]

    bench.sandbox.control("POST", f"payouts/{stripe_payout['id']}/fail", {"failure_code": "account_closed"})

    def failed() -> object:
        last = bench.hears(trainer.id, "bank_payout_changed")
        return last if last.status == "failed" else None

    told = eventually(failed, "failed")
    assert told.failure_code == "account_closed"
    assert len(told.transfer_ids) == 1


# -- cards ---------------------------------------------------------------------------------------------------


def test_a_saved_card_is_told_once(bench: Bench, employer: Employer) -> None:
    bench.quiet()

    assert bench.told(employer.id) == ["customer_created", "payment_method_attached"]
    told = bench.hears(employer.id, "payment_method_attached")
    assert (told.brand, told.last4) == ("visa", "4242")


def test_an_employer_has_one_customer_however_often_they_click(bench: Bench) -> None:
    employer = Employer(bench)

    addresses = {employer.click().headers["location"] for _ in range(3)}

    assert len(addresses) == 3
    customers = [c for c in bench.at_stripe("customer") if c["metadata"].get("employer_id") == employer.id]
    assert len(customers) == 1


def test_a_detached_card_is_told(bench: Bench, employer: Employer) -> None:
    employer.detach(employer.card)

    assert bench.hears(employer.id, "payment_method_detached").payment_method_id == employer.card
    bench.quiet()
    assert bench.told(employer.id).count("payment_method_detached") == 1


def test_a_card_that_is_gone_already_counts_as_detached(bench: Bench, employer: Employer) -> None:
    bench.policy(drop=["*"])
    client = bench.sandbox.client()
    client.v1.payment_methods.detach(employer.card)

    employer.detach(employer.card)

    bench.hears(employer.id, "payment_method_detached")


def test_a_card_that_stripe_detached_is_told(bench: Bench, employer: Employer) -> None:
    bench.sandbox.client().v1.payment_methods.detach(employer.card)

    assert bench.hears(employer.id, "payment_method_detached").payment_method_id == employer.card


def test_an_account_that_was_made_in_spite_of_a_500_is_not_made_twice(bench: Bench) -> None:
    """v2 executes a request that it answered with an error once more, under the same key."""
    bench.fault("error_500_after", path="/v2/core/accounts")

    trainer = Trainer(bench).open_account()

    made = [a for a in bench.at_stripe("v2.core.account") if a["metadata"].get("trainer_id") == trainer.id]
    assert [account["id"] for account in made] == [trainer.account]
