"""Money that goes back, or is frozen, on the whole platform: what the parties see, the books, and Stripe agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from deploy.local.parties import eventually
from deploy.local.replaying import SERVICES, subject_of
from deploy.local.story import CURRENCY, FIRST_MINOR, GOOD_CARD, Story
from services.auditor.audit import audit, database_urls
from services.auditor.reconcile.findings import Difference, Reconciliation
from services.auditor.reconcile.freeze import commands
from services.auditor.reconcile.look import of_milestones
from services.auditor.reconcile.telling import tell
from services.auditor.replay.replay import replay
from services.auditor.replay.telling import tell as tell_replay
from services.auditor.sending import send
from tests.platform.running import RunningPlatform

FAILING_REFUND_CARD = "4000000000005126"
AT_ONCE_CARD = "4000000000000077"
"""What it brings is available at once: a refund needs what is available."""
SUSPECTED_CARD = "4000000000005423"
AVAILABLE_AFTER = timedelta(days=3)


class Funded:
    """A story whose first milestone was funded with a card of one's choice."""

    def __init__(self, story: Story, running: RunningPlatform) -> None:
        self.story = story
        self.running = running

    def by(self, card: str) -> "Funded":
        self.story.save_card(card)
        self.story.hire()
        return self

    def with_another(self) -> "Funded":
        """A second milestone, funded too: without it Stripe's fee leaves less at Stripe than is to be given back."""
        body = {"name": "Another", "description": "More", "amount": {"amount_minor": 80_000, "currency": "usd"}}
        another = self.story.employer.post(f"/contracts/{self.story.contract_id}/milestones", body, 201)
        self.story.employer.post(f"/milestones/{another['milestone_id']}/fund")
        self.story.await_milestone(another["milestone_id"], status="ACTIVE_FUNDED")
        return self

    def shows(self, **wanted: str) -> dict[str, Any]:
        return self.story.await_milestone(self.story.first, **wanted)

    def refunds(self, **wanted: Any) -> dict[str, Any]:
        """The latest refund, once it shows these values."""

        def look() -> dict[str, Any] | None:
            found = self.story.employer.get(f"/milestones/{self.story.first}/refunds")["data"]
            return found[-1] if found and all(found[-1][name] == value for name, value in wanted.items()) else None

        return eventually(look, f"a refund shows {wanted}")

    def frozen_by(self, *causes: str) -> None:
        def look() -> bool | None:
            found = self.story.operator.get(f"/milestones/{self.story.first}/funding")["freezes"]
            return True if sorted(f["cause"] for f in found) == sorted(causes) else None

        eventually(look, f"frozen by {causes}")

    def give_back(self, amount_minor: int | None = None) -> dict[str, Any]:
        body = {} if amount_minor is None else {"amount": {"amount_minor": amount_minor, "currency": "usd"}}
        return self.story.trainer.post(f"/milestones/{self.story.first}/refund", body)

    def at_sandbox(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.story.place.sandbox}/_sim/{path}", json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    @contextmanager
    def settled_in(self, *currencies: str) -> Iterator[None]:
        """What the platform's balance is kept in meanwhile; afterwards every currency again."""
        url = f"{self.story.place.sandbox}/_sim/settlement"
        httpx.put(url, json={"currencies": currencies}, timeout=30, trust_env=False).raise_for_status()
        try:
            yield
        finally:
            httpx.put(url, json={"currencies": []}, timeout=30, trust_env=False).raise_for_status()

    def top_up(self, amount_minor: int, currency: str) -> None:
        """From the platform's own bank account."""
        self._by_hand("topups", {"amount": amount_minor, "currency": currency})

    def refund_at_stripe(self, payment_intent_id: str) -> None:
        """Whole, by an operator on Stripe's own pages."""
        self._by_hand("refunds", {"payment_intent": payment_intent_id})

    def _by_hand(self, what: str, parameters: dict[str, Any]) -> None:
        httpx.post(
            f"{self.story.place.sandbox}/v1/{what}",
            data=parameters,
            headers={"Authorization": f"Bearer {self.story.place.stripe_key}"}, timeout=30, trust_env=False,
        ).raise_for_status()  # fmt: skip

    @contextmanager
    def without_the_money_of_others(self) -> Iterator[None]:
        """What is at Stripe already is out of the way: what is charged meanwhile is all there is to refund from.

        What of it is still pending is taken off too, out of what is available (which is then below zero): so it covers
        nothing, however far the clock was moved and whenever it becomes available. Afterwards it is put back.
        """
        of_others_minor = self.story.stripe_balance_minor()
        self.at_sandbox("balance", {"currency": CURRENCY, "amount": -of_others_minor})
        try:
            yield
        finally:
            self.at_sandbox("balance", {"currency": CURRENCY, "amount": of_others_minor})

    def charge(self) -> dict[str, Any]:
        """The charge at Stripe."""
        charges = self.story.at_stripe("/v1/charges?limit=100")["data"]
        return next(c for c in charges if c["metadata"].get("milestone_id") == self.story.first)

    def charge_refund(self) -> str:
        """Stripe's id of the one refund of the charge, once it was made."""
        self.refunds(state="made")
        (refund,) = self.story.at_stripe(f"/v1/refunds?charge={self.charge()['id']}")["data"]
        found: str = refund["id"]
        return found

    def books(self) -> dict[str, int]:
        """The ledger as it is now. What another service showed, the ledger may hear of a moment later: `books_show`."""
        return {account: minor for account, minor in self.story.ledger(self.story.contract_id).items() if minor}

    def books_show(self, **wanted: int) -> None:
        """The ledger shows these balances, minor units, once all of it has been heard there."""

        def look() -> bool | None:
            found = self.books()
            return True if all(found.get(account, 0) == minor for account, minor in wanted.items()) else None

        eventually(look, f"the books show {wanted}")


@pytest.fixture
def funded(story: Story, running_platform: RunningPlatform, look: Callable[[], Reconciliation]) -> Iterator[Funded]:
    """Afterwards the books, what everybody sees, and Stripe's own account of it agree."""
    yield Funded(story, running_platform)
    reconciled = look()
    assert reconciled.agrees, "\n".join(tell(reconciled))
    report = audit(database_urls(running_platform.database_url), running_platform.clock.now())
    assert [v for v in report.violations if story.contract_id in str(v) or story.first in str(v)] == []


@pytest.mark.scenario(56)
def test_a_part_then_the_rest_is_given_back(funded: Funded) -> None:
    funded.by(AT_ONCE_CARD).with_another().give_back(20_000)
    funded.refunds(state="made", refund_minor=22_000)
    assert funded.shows(status="ACTIVE_FUNDED")
    funded.give_back()
    funded.refunds(state="made", amount_minor=FIRST_MINOR - 20_000)
    funded.shows(status="REFUNDED", funding_state="refunded")
    charge = funded.charge()
    assert charge["amount_refunded"] == FIRST_MINOR + FIRST_MINOR // 10
    funded.books_show(refund_paid=FIRST_MINOR + FIRST_MINOR // 10)
    assert len(funded.story.at_stripe(f"/v1/refunds?charge={charge['id']}")["data"]) == 2


@pytest.mark.scenario(59)
def test_a_refund_waits_while_the_balance_is_short(funded: Funded) -> None:
    with funded.without_the_money_of_others():
        funded.by(GOOD_CARD).with_another().give_back()
        funded.refunds(state="pending", owed_minor=FIRST_MINOR + FIRST_MINOR // 10)
        funded.shows(funding_state="refund_pending")
        funded.running.clock.advance(AVAILABLE_AFTER)
        funded.refunds(state="made", owed_minor=0)
    funded.shows(status="REFUNDED", funding_state="refunded")


@pytest.mark.scenario(60)
def test_a_refund_that_fails_later_is_owed_until_an_operator_pays_it(funded: Funded) -> None:
    funded.by(FAILING_REFUND_CARD).with_another()
    funded.running.clock.advance(AVAILABLE_AFTER)
    funded.give_back()
    funded.refunds(state="made")
    funded.running.clock.advance(timedelta(hours=2))
    refund = funded.refunds(state="owed", owed_minor=FIRST_MINOR + FIRST_MINOR // 10)
    assert funded.books()["held"] == -80_000
    assert "refund_paid" not in funded.books()
    path = f"/refunds/{refund['refund_id']}/paid-by-hand"
    assert funded.story.operator.post(path, {"reference": "wire 77"})["state"] == "by_hand"
    assert funded.books()["paid_by_hand"] == -(FIRST_MINOR + FIRST_MINOR // 10)


@pytest.mark.scenario(44)
def test_a_fraud_warning_freezes_until_an_operator_decides(funded: Funded) -> None:
    funded.by(SUSPECTED_CARD)
    funded.frozen_by("fraud_warning")
    funded.story.employer.post(f"/milestones/{funded.story.first}/approve", {}, 409)
    funded.story.operator.post(f"/milestones/{funded.story.first}/unfreeze", {"reason": "the employer called"})
    funded.frozen_by()

    def approved() -> bool | None:
        return True if not funded.story.employer.get(f"/milestones/{funded.story.first}/review")["frozen_by"] else None

    eventually(approved, "the review is open again")
    funded.story.employer.post(f"/milestones/{funded.story.first}/approve")
    funded.shows(status="PAID")
    funded.books_show(released=-FIRST_MINOR)


@pytest.mark.scenario(65)
@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_at_the_bank_freezes_takes_and_ends(funded: Funded, outcome: str) -> None:
    funded.by(GOOD_CARD)
    dispute = funded.at_sandbox("disputes", {"charge": funded.charge()["id"], "reason": "fraudulent"})
    funded.frozen_by("card_dispute")
    shown = funded.shows(status="DISPUTED", funding_state="charged_back")
    assert shown["status"] == "DISPUTED"
    funded.books_show(charged_back=-FIRST_MINOR)
    funded.story.operator.post(f"/milestones/{funded.story.first}/refund", {}, 409)
    funded.at_sandbox(f"disputes/{dispute['id']}/decide", {"outcome": outcome})
    funded.frozen_by()
    books = funded.books()
    assert books["dispute_fees"] > 0
    if outcome == "won":
        funded.shows(status="ACTIVE_FUNDED", funding_state="funded")
        assert books["held"] == -FIRST_MINOR
    else:
        assert books["charged_back"] == -FIRST_MINOR
        assert books["stripe_balance"] == -books["stripe_fees"] - books["dispute_fees"]


@pytest.mark.scenario(69)
def test_the_bank_is_told_what_was_refunded_of_a_disputed_charge(funded: Funded) -> None:
    funded.by(AT_ONCE_CARD).with_another().give_back(20_000)
    refund_id = funded.charge_refund()
    dispute = funded.at_sandbox("disputes", {"charge": funded.charge()["id"], "reason": "fraudulent"})
    funded.frozen_by("card_dispute")
    path = f"/card-disputes/{dispute['id']}/evidence"
    shown = funded.story.operator.post(path, {"statement": "The employer ordered it."})
    assert shown["evidence_due_at"]

    def submitted() -> dict[str, Any] | None:
        found = funded.story.at_stripe(f"/v1/disputes/{dispute['id']}")
        return found if found["status"] == "under_review" else None

    found = eventually(submitted, "the bank has the evidence")
    text = found["evidence"]["uncategorized_text"]
    assert text.startswith("The employer ordered it.")
    assert f"220.00 USD of this charge was refunded to the same card ({refund_id})" in text
    assert found["evidence_details"]["submission_count"] == 1
    funded.at_sandbox(f"disputes/{dispute['id']}/decide", {"outcome": "won"})
    funded.frozen_by()
    funded.shows(status="ACTIVE_FUNDED", funding_state="funded")


def paid_out(funded: Funded) -> str:
    """Approved and transferred; what came in is available at once on both sides. Returns the payout's id."""
    step = next(funded.story.steps())
    assert step.name == "payouts"
    step.act()
    funded.by(AT_ONCE_CARD).with_another()
    funded.story.employer.post(f"/milestones/{funded.story.first}/approve")
    funded.shows(status="PAID", payout_state="initiated")
    found: str = funded.story.trainer.get("/payouts")["data"][0]["payout_id"]
    return found


@pytest.mark.scenario(61)
def test_what_was_transferred_is_refunded_once_an_operator_has_taken_it_back(funded: Funded) -> None:
    payout_id = paid_out(funded)
    path = f"/milestones/{funded.story.first}/refund"
    funded.story.operator.post(path, {}, 409)
    funded.story.operator.post(f"/payouts/{payout_id}/reverse", {"reason": "the work was not done"})
    funded.frozen_by("transfer_reversed")
    funded.shows(status="ACTIVE_FUNDED")
    funded.story.operator.post(path)
    funded.refunds(state="made")
    funded.shows(status="REFUNDED", funding_state="refunded")
    funded.books_show(released=0, refunded=-FIRST_MINOR)


@pytest.mark.scenario(66)
def test_a_dispute_after_the_payout_is_recovered_and_paid_out_again_when_it_is_won(funded: Funded) -> None:
    payout_id = paid_out(funded)
    dispute = funded.at_sandbox("disputes", {"charge": funded.charge()["id"], "reason": "fraudulent"})
    funded.frozen_by("card_dispute")
    funded.books_show(trainer_debts=FIRST_MINOR)
    funded.story.operator.post(f"/payouts/{payout_id}/reverse", {"reason": "the bank took it back"})
    funded.books_show(trainer_debts=0, charged_back=-FIRST_MINOR)
    funded.at_sandbox(f"disputes/{dispute['id']}/decide", {"outcome": "won"})
    funded.books_show(transferred=FIRST_MINOR, released=-FIRST_MINOR)
    assert len(funded.story.trainer.get("/payouts")["data"]) == 2
    funded.shows(status="PAID")


@pytest.mark.scenario(42)
def test_a_charge_that_stripe_converts_is_set_aside_and_nothing_of_it_is_held(funded: Funded) -> None:
    story = funded.story
    story.save_card(GOOD_CARD)
    terms = {"description": "Work", "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY}}
    hire = {
        "job_id": "job_1", "employer_id": story.employer.id, "trainer_id": story.trainer.id, "title": "A job",
        "currency": CURRENCY, "milestone": terms, "fund": True,
    }  # fmt: skip
    with funded.settled_in("eur"):
        contract = story.employer.post("/contracts", hire, 201)
        story.contract_id, story.first = contract["contract_id"], contract["milestones"][0]["milestone_id"]
        funded.shows(status="NOT_FUNDED", funding_state="failed")
    funded.frozen_by("reconciliation")
    lines = story.operator.get(f"/ledger/balances?contract_id={story.contract_id}")["data"]
    books = {(line["account"], line["currency"]): line["amount_minor"] for line in lines if line["amount_minor"]}
    settled = story.at_stripe(f"/v1/balance_transactions/{funded.charge()['balance_transaction']}")
    assert settled["currency"] == "eur"
    assert books == {
        ("stripe_balance", "eur"): settled["net"],
        ("stripe_fees", "eur"): settled["fee"],
        ("set_aside", "eur"): -settled["amount"],
    }
    assert story.employer.post(f"/milestones/{story.first}/fund", expect=409)["code"] == "charge_set_aside"
    # What is owed is more than came in, by Stripe's fee: the balance must be topped up.
    funded.top_up(settled["fee"], "eur")
    funded.running.clock.advance(AVAILABLE_AFTER)
    with funded.settled_in("eur"):
        funded.refund_at_stripe(funded.charge()["payment_intent"])

    def given_back() -> bool | None:
        found = story.operator.get(f"/ledger/balances?contract_id={story.contract_id}")["data"]
        owed = [line["amount_minor"] for line in found if line["account"] == "set_aside"]
        return True if not any(owed) else None

    eventually(given_back, "what was set aside is paid")


# -- after all that: what differs is frozen alone, what is rebuilt is the same


@pytest.mark.scenario(76)
def test_what_differs_is_frozen_and_nothing_else(story: Story, running_platform: RunningPlatform) -> None:
    for step in story.steps():
        step.act()
        if step.name == "hire":
            break
    differs = Difference("facts and ledger", "charge", "ch_1", story.first, story.contract_id, "usd", 700, "", "")

    def frozen() -> set[str]:
        with psycopg.connect(f"{running_platform.database_url}/tranche_funding", autocommit=True) as connection:
            found = connection.execute(
                "SELECT milestone_id FROM freezes WHERE cause = 'reconciliation' AND lifted_at IS NULL"
            ).fetchall()
        return {milestone_id for (milestone_id,) in found}

    before = frozen()  # a charge that Stripe converted is, too
    send(running_platform.kafka_bootstrap, commands(of_milestones([differs])), running_platform.clock.now())

    assert eventually(lambda: frozen() - before or None, "the milestone is frozen") == {story.first}
    eventually(lambda: story.employer.get(f"/milestones/{story.first}/review")["frozen_by"] or None, "everybody knows")
    story.employer.post(f"/milestones/{story.first}/approve", {}, 409)


def test_after_all_that_nothing_is_left_unexplained(look: Callable[[], Reconciliation]) -> None:
    report = look()

    assert report.unexplained == [], "\n".join(tell(report))


def test_after_all_that_analysts_see_what_the_ledger_holds(story: Story) -> None:
    ledger = story.ledger()
    wanted = {f"{name}_minor": -ledger.get(name, 0) for name in ("held", "released", "refunded", "charged_back")}

    def seen() -> bool | None:
        totals = story.operator.get("/analytics/totals")["data"]
        return any(line["currency"] == CURRENCY and wanted.items() <= line.items() for line in totals) or None

    eventually(seen, f"analytics shows {wanted}")


@pytest.mark.parametrize("service", SERVICES)
def test_after_all_that_each_service_rebuilt_is_the_same(service: str, running_platform: RunningPlatform) -> None:
    report = replay(subject_of(service), running_platform.database_url, running_platform.kafka_bootstrap)

    assert report.same, "\n".join(tell_replay(report))
