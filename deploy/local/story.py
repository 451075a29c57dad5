"""One milestone from hire to bank, step by step, by the front door and the pages that Stripe hosts.

`make demo` tells it, the end-to-end tests assert it, the crash tests kill services in it: one story for all.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from deploy.local.parties import Party, StoryError, eventually
from deploy.local.plain_http import plain_client
from schemas.money import show
from services.runtime.clock import MovableClock
from services.stripe_sandbox.visitor import Visitor

FIRST_MINOR = 120_000
SECOND_MINOR = 80_000
CURRENCY = "usd"

_CHARGED = ("funded", "released", "refunded", "charged_back")
_REVIEW = timedelta(seconds=1)
"""How long the sandbox takes to look at a payout account: the clock is moved by it."""
_MOST_DAYS = 14
"""For a bank payout: available after two days, then the daily payout, then the bank's own time."""
_NEWS_S = 2.0
"""How long the story waits for the news of a payout before it goes on to the next day, in the machine's seconds."""
_LOOK_S = 0.05

GOOD_CARD = "4242424242424242"
NO_MONEY_CARD = "4000008260003178"
"""Can be set up; every charge is declined for insufficient funds."""
AUTHENTICATED_CARD = "4000002760003184"
"""Asks for authentication at every charge."""


@dataclass(frozen=True)
class Place:
    """Where the story happens."""

    front_door: str
    sandbox: str
    stripe_key: str = field(repr=False)
    clock: MovableClock
    token: Callable[[str, str], str] = field(repr=False)
    """(role, party id) to a bearer token."""


@dataclass(frozen=True)
class Step:
    """One step: a name for tests, a line for people, and what it does. Its result is what people are told."""

    name: str
    title: str
    act: Callable[[], str]


class Story:
    """The parties and what has happened so far. `steps()` gives the steps in order; each returns when it is done."""

    def __init__(self, place: Place) -> None:
        tag = uuid.uuid4().hex[:8]
        self.place = place
        self.employer = self._party("employer", f"emp_{tag}")
        self.trainer = self._party("trainer", f"trn_{tag}")
        self.operator = self._party("operator", "op_demo")
        self.visitor = Visitor()
        self._stripe = plain_client(place.sandbox, place.stripe_key, timeout_s=10)
        self.contract_id = ""
        self.first = ""
        self.second = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The record keys of everything in this story."""
        return tuple(filter(None, (self.contract_id, self.employer.id, self.trainer.id)))

    def steps(self) -> Iterator[Step]:
        """The story, in order."""
        yield Step("payouts", "The trainer sets up payouts on the page that Stripe hosts", self._set_up_payouts)
        yield Step("card", "The employer adds a card on the page that Stripe hosts", self._add_card)
        yield Step("hire", "The employer hires, and deposits the first milestone", self.hire)
        yield Step("decline", "A second milestone is added; its funding is declined", self._second_is_declined)
        yield Step("authenticate", "Another card: the bank asks for authentication", self._second_is_authenticated)
        yield Step("request", "The trainer requests release of the first milestone", self._request_release)
        yield Step("changes", "The employer asks for changes", self._ask_for_changes)
        yield Step("again", "The trainer requests again", self._request_release)
        yield Step("approve", "The employer approves; the transfer is made", self._approve)
        yield Step("bank", "The clock moves by the payout schedule; the bank payout is paid", self._bank_is_paid)
        yield Step("archive", "The contract cannot be archived while a milestone is open", self._archive_is_refused)
        yield Step("balances", "The books: ledger and Stripe agree", self._books_agree)

    def close(self) -> None:
        """Give the connections back."""
        for party in (self.employer, self.trainer, self.operator):
            party.close()
        self._stripe.close()

    # -- the steps -----------------------------------------------------------------------------------------

    def _set_up_payouts(self) -> str:
        page = self.trainer.post("/payout-account/setup-sessions", {"country": "US"}, 201)
        self.visitor.onboard(self.trainer.link(page["url"]))
        eventually(lambda: self._payout_account("restricted", "ready"), "Stripe looks at the payout account")
        self.place.clock.advance(_REVIEW)
        account = eventually(lambda: self._payout_account("ready"), "the payout account is ready")
        return f"payout account {account['status']} in US"

    def _add_card(self) -> str:
        card = self.save_card(GOOD_CARD)
        return f"{card['brand']} ending in {card['last4']} is on file"

    def hire(self) -> str:
        """Hire, and deposit the first milestone with the card on file."""
        contract = self.employer.post(
            "/contracts",
            {
                "job_id": "job_annotation",
                "employer_id": self.employer.id,
                "trainer_id": self.trainer.id,
                "title": "Image annotation for a road-scene model",
                "currency": CURRENCY,
                "milestone": {
                    "name": "Milestone 1",
                    "description": "Label 1,000 images",
                    "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY},
                },
                "fund": True,
            },
            201,
        )
        self.contract_id = contract["contract_id"]
        self.first = contract["milestones"][0]["milestone_id"]
        self.await_milestone(self.first, status="ACTIVE_FUNDED")
        funding = self._funding(self.first)
        fees_minor = funding["marketplace_fee_minor"] + funding["initiation_fee_minor"]
        return (
            f"charged {show(funding['charge_minor'], CURRENCY)} = {show(FIRST_MINOR, CURRENCY)} held + "
            f"{show(fees_minor, CURRENCY)} fees"
        )

    def _second_is_declined(self) -> str:
        milestone = self.employer.post(
            f"/contracts/{self.contract_id}/milestones",
            {
                "name": "Milestone 2",
                "description": "Review the disputed labels",
                "amount": {"amount_minor": SECOND_MINOR, "currency": CURRENCY},
            },
            201,
        )
        self.second = milestone["milestone_id"]
        card = self.save_card(NO_MONEY_CARD)
        self.employer.post(f"/milestones/{self.second}/fund", {"payment_method_id": card["payment_method_id"]})
        self.await_milestone(self.second, status="NOT_FUNDED", funding_state="failed")
        return str(self._funding(self.second)["attempts"][-1]["reason"])

    def _second_is_authenticated(self) -> str:
        card = self.save_card(AUTHENTICATED_CARD)
        self.employer.post(f"/milestones/{self.second}/fund", {"payment_method_id": card["payment_method_id"]})
        self.await_milestone(self.second, funding_state="action_required")
        page = self._funding(self.second)["next_action"]["url"]
        self.visitor.authenticate(self.employer.link(page))
        self.await_milestone(self.second, status="ACTIVE_FUNDED")
        return f"authenticated; {show(SECOND_MINOR, CURRENCY)} held"

    def _request_release(self) -> str:
        self.trainer.post(f"/milestones/{self.first}/request-release", {"note": "All 1,000 images are labelled."})
        return str(self.await_milestone(self.first, status="PENDING_APPROVAL")["label"])

    def _ask_for_changes(self) -> str:
        self.employer.post(f"/milestones/{self.first}/request-changes", {"reason": "Image 17 has no label."})
        return str(self.await_milestone(self.first, status="ACTIVE_FUNDED")["label"])

    def _approve(self) -> str:
        self.employer.post(f"/milestones/{self.first}/approve")
        milestone = self.await_milestone(self.first, status="PAID", payout_state="initiated")
        return f"{milestone['label']}, payout {milestone['payout_state']}"

    def _bank_is_paid(self) -> str:
        self.await_milestone(self.first, payout_state="initiated")
        milestone = self.pass_days_until_paid(self.first)
        return f"{milestone['label']}, payout {milestone['payout_state']}"

    def _archive_is_refused(self) -> str:
        problem = self.employer.post(f"/contracts/{self.contract_id}/archive", expect=409)
        if problem["code"] != "unresolved_milestones":
            raise StoryError(f"archiving was refused for another reason: {problem}")
        return str(problem["detail"])

    def _books_agree(self) -> str:
        books = self.books()
        parts_minor = books["held"] + books["released"] + books["refunded"] + books["charged_back"]
        if books["charged"] != parts_minor:
            raise StoryError(
                f"charged {books['charged']} is not held + released + refunded + charged back {parts_minor}"
            )
        ours_minor, theirs_minor = self.ledger().get("stripe_balance", 0), self.stripe_balance_minor()
        if ours_minor != theirs_minor:
            raise StoryError(f"our ledger has {ours_minor} at Stripe, Stripe says {theirs_minor}")
        return (
            f"charged {show(books['charged'], CURRENCY)} = held {show(books['held'], CURRENCY)} + released "
            f"{show(books['released'], CURRENCY)} + refunded {show(books['refunded'], CURRENCY)}; Stripe's balance "
            f"{show(theirs_minor, CURRENCY)} agrees"
        )

    # -- what the books say --------------------------------------------------------------------------------

    def ledger(self, contract_id: str | None = None) -> dict[str, int]:
        """The ledger's balances by account, debits positive, in minor units of the story's currency."""
        query = f"?contract_id={contract_id}" if contract_id else ""
        found = self.operator.get(f"/ledger/balances{query}")["data"]
        return {line["account"]: line["amount_minor"] for line in found if line["currency"] == CURRENCY}

    def books(self) -> dict[str, int]:
        """This contract's money in minor units; `charged` is for the work, without the platform's fees."""
        ledger = self.ledger(self.contract_id)
        books = {name: -ledger.get(name, 0) for name in ("held", "released", "refunded", "charged_back")}
        fundings = [self._funding(milestone) for milestone in (self.first, self.second)]
        books["charged"] = sum(funding["amount_minor"] for funding in fundings if funding["state"] in _CHARGED)
        return books

    def stripe_balance_minor(self) -> int:
        """What the platform has at Stripe, pending and available, in minor units of the story's currency."""
        balance = self.at_stripe("/v1/balance")
        funds = [*balance["pending"], *balance["available"]]
        return sum(int(fund["amount"]) for fund in funds if fund["currency"] == CURRENCY)

    def at_stripe(self, path: str, account: str | None = None) -> dict[str, Any]:
        """GET at the sandbox, as the platform's account or for a connected one."""
        answer = self._stripe.get(path, headers={"Stripe-Account": account} if account else None)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def await_milestone(self, milestone_id: str, **wanted: str) -> dict[str, Any]:
        """Wait until a milestone shows these values."""

        def look() -> dict[str, Any] | None:
            found = self.employer.get(f"/milestones/{milestone_id}")
            return found if all(found[name] == value for name, value in wanted.items()) else None

        return eventually(look, f"milestone {milestone_id} shows {wanted}")

    # -- helping hands -------------------------------------------------------------------------------------

    def _party(self, role: str, party_id: str) -> Party:
        return Party(self.place.front_door, role, party_id, self.place.token(role, party_id))

    def _payout_account(self, *statuses: str) -> dict[str, Any] | None:
        found = self.trainer.get("/payout-account")
        return found if found["status"] in statuses else None

    def _funding(self, milestone_id: str) -> dict[str, Any]:
        return self.employer.get(f"/milestones/{milestone_id}/funding")

    def save_card(self, number: str) -> dict[str, Any]:
        """Put a card on file, on the page that Stripe hosts: the one that is charged from now on."""
        known = [card["payment_method_id"] for card in self._cards()]
        page = self.employer.post("/billing/setup-sessions", expect=201)
        self.visitor.save_card(self.employer.link(page["url"]), number)

        def look() -> dict[str, Any] | None:
            new = [card for card in self._cards() if card["payment_method_id"] not in known]
            return next((card for card in new if card["last4"] == number[-4:]), None)

        return eventually(look, f"the card ending in {number[-4:]} is on file")

    def _cards(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.employer.get("/billing/payment-methods")["data"]
        return found

    def pass_days_until_paid(self, milestone_id: str) -> dict[str, Any]:
        """Move the clock day by day until the bank payout of an initiated transfer is paid, and the milestone shows it.

        Nobody waits for news on a day on which Stripe has none: it is asked first.
        """
        for _ in range(_MOST_DAYS):
            self._pass_a_day()
            if self._stripe_has_paid_out() and self._moved_on(milestone_id, "paid"):
                break
        return self.await_milestone(milestone_id, status="PAID", payout_state="paid")

    def _pass_a_day(self) -> None:
        """One more day, and what it brings at Stripe has happened."""
        until_s = int(self.place.clock.advance(timedelta(days=1)).timestamp())
        eventually(lambda: self.at_stripe("/_sim/clock")["unix"] >= until_s or None, "Stripe's clock is moved")

    def _stripe_has_paid_out(self) -> bool:
        """Whether everything that was transferred for this contract is at the bank."""
        transfers = self.at_stripe("/v1/transfers?limit=100")["data"]
        accounts = {t["destination"] for t in transfers if t["metadata"].get("contract_id") == self.contract_id}
        payouts = [po for account in accounts for po in self.at_stripe("/v1/payouts?limit=100", account)["data"]]
        return bool(payouts) and all(payout["status"] == "paid" for payout in payouts)

    def _moved_on(self, milestone_id: str, payout_state: str) -> bool:
        """Whether it reaches this state within a short while: what comes too late is told again another day."""
        until = time.monotonic() + _NEWS_S
        while time.monotonic() < until:
            if self.employer.get(f"/milestones/{milestone_id}")["payout_state"] == payout_state:
                return True
            time.sleep(_LOOK_S)
        return False
