"""A milestone, its employer's card, and Stripe's answers."""

from typing import Any

import psycopg

from schemas import stripe
from schemas.base import Message
from schemas.contracts import MilestoneAdded, MilestoneAmended
from schemas.fixtures import example
from schemas.funding import FundingRequested
from tests.integration.bench import Bench


class Charge:
    """Parties of their own, one contract, and what happens to its first milestone."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.employer = ("employer", f"emp_{name}")
        self.trainer = ("trainer", f"trn_{name}")
        self.contract_id = f"ctr_{name}"
        self.milestone_id = f"mls_{name}"

    # -- what funding hears --------------------------------------------------------------------------------

    def has_card(self, card: str = "1") -> "Charge":
        """Stripe tells of a card."""
        self.bench.hear(
            stripe.PaymentMethodAttached(
                employer_id=self.employer[1], payment_method_id=self.card(card), brand="visa", last4="4242",
                exp_month=1, exp_year=2030,
            )
        )  # fmt: skip
        return self

    def card(self, card: str = "1") -> str:
        return f"pm_{self.name}_{card}"

    def addition(self, *, fund: bool = False, milestone: str = "", amount_minor: int = 120_000) -> MilestoneAdded:
        """Contracts tells of a milestone."""
        return MilestoneAdded(
            contract_id=self.contract_id, milestone_id=self.milestone_id + milestone, employer_id=self.employer[1],
            trainer_id=self.trainer[1], number=1, description="Label 1,000 images", amount_minor=amount_minor,
            currency="usd", fund=fund,
        )  # fmt: skip

    def added(self, *, fund: bool = False) -> "Charge":
        """It is heard."""
        self.bench.hear(self.addition(fund=fund))
        return self

    def amended(self, amount_minor: int) -> "Charge":
        """Contracts tells of another amount."""
        self.bench.hear(
            MilestoneAmended(
                contract_id=self.contract_id, milestone_id=self.milestone_id, description="Other",
                amount_minor=amount_minor, currency="usd",
            )
        )  # fmt: skip
        return self

    def answer(self, type_name: str, **changed: Any) -> Message:
        """Stripe's answer to the latest request, its other fields from the catalogue's example."""
        asked = self.requests()[-1]
        given = {
            "contract_id": self.contract_id,
            "milestone_id": asked.milestone_id,
            "funding_id": asked.funding_id,
            "payment_intent_id": f"pi_{asked.funding_id}",
            "charge_id": f"ch_{asked.funding_id}",
            "attempt": asked.attempt,
            "charge_minor": asked.charge_minor,
            "currency": "usd",
            "decline_code": "insufficient_funds",
            "advice_code": "",
            "stripe_fee_minor": 3_887,
            **changed,
        }
        message: Message = example(f"stripe.{type_name}.v1").message
        fields = type(message).model_fields
        return message.model_copy(update={name: value for name, value in given.items() if name in fields})

    def answered(self, *type_names: str, **changed: Any) -> "Charge":
        """Stripe's answers are heard, one by one."""
        for type_name in type_names:
            self.bench.hear(self.answer(type_name, **changed))
        return self

    def funded(self) -> "Charge":
        """From the hire to held money."""
        self.has_card().added(fund=True)
        return self.answered("payment_intent_created", "payment_intent_succeeded")

    def approval(self, amount_minor: int, still_held_minor: int = 0, **changed: Any) -> Message:
        """Approvals tells that the employer approved."""
        given = {
            "contract_id": self.contract_id, "milestone_id": self.milestone_id, "employer_id": self.employer[1],
            "trainer_id": self.trainer[1], "amount_minor": amount_minor, "still_held_minor": still_held_minor,
            "currency": "usd", **changed,
        }  # fmt: skip
        return example("approvals.milestone_approved.v1").message.model_copy(update=given)

    # -- what it says and shows ----------------------------------------------------------------------------

    def told(self) -> list[str]:
        """The types of all that funding said about the contract."""
        return self.bench.told(self.contract_id)

    def requests(self) -> list[FundingRequested]:
        """Every charge that was begun."""
        return [m for m in self.bench.said(self.contract_id) if isinstance(m, FundingRequested)]

    def fund(self, who: tuple[str, str] | None = None, body: Any = None, key: str | None = None) -> Any:
        """POST to fund the milestone."""
        return self.bench.call(who or self.employer, "POST", f"/milestones/{self.milestone_id}/fund", body, key)

    def shown(self, who: tuple[str, str] | None = None) -> Any:
        """GET of the funding."""
        answer = self.bench.call(who or self.employer, "GET", f"/milestones/{self.milestone_id}/funding")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def balances(self) -> dict[str, int]:
        """The ledger's balances of the contract, as an operator sees them; those of zero left out."""
        answer = self.bench.call(("operator", "opr_1"), "GET", f"/ledger/balances?contract_id={self.contract_id}")
        assert answer.status_code == 200, answer.text
        return {b["account"]: b["amount_minor"] for b in answer.json()["data"] if b["amount_minor"]}

    def postings(self) -> list[tuple[str, int, int]]:
        """Kind, sum and number of entries of each posting, in the order they were made."""
        with psycopg.connect(self.bench.url) as connection:
            rows = connection.execute(
                "SELECT kind, sum(amount_minor)::bigint, count(*) FROM ledger_entries WHERE contract_id = %s "
                "GROUP BY posting_id, kind ORDER BY posting_id",
                (self.contract_id,),
            ).fetchall()
        return [(kind, total, lines) for kind, total, lines in rows]
