"""An employer, a trainer, and the contract between them."""

from typing import Any

from schemas.base import Message
from schemas.fixtures import example
from schemas.funding import PaymentMethodAdded, PaymentMethodRemoved
from tests.integration.bench import Bench


class Hire:
    """Parties of their own, and what happens between them."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.employer = ("employer", f"emp_{name}")
        self.trainer = ("trainer", f"trn_{name}")
        self.contract_id = ""
        self.milestone_id = ""

    def body(self, **changed: Any) -> dict[str, Any]:
        """The body of POST /v1/contracts."""
        body = {
            "job_id": "job_1",
            "employer_id": self.employer[1],
            "trainer_id": self.trainer[1],
            "title": "Label images",
            "currency": "usd",
            "milestone": {"name": "First", "description": "Label 1,000 images", "amount": usd(120_000)},
            "fund": False,
        }
        return {**body, **changed}

    def make(self, *, fund: bool = False) -> "Hire":
        """Hire over HTTP; with `fund` the employer has a card."""
        if fund:
            self.has_card()
        answer = self.bench.call(self.employer, "POST", "/contracts", self.body(fund=fund))
        assert answer.status_code == 201, answer.text
        self.contract_id = answer.json()["contract_id"]
        self.milestone_id = answer.json()["milestones"][0]["milestone_id"]
        return self

    def has_card(self, card: str = "1") -> None:
        """Funding tells of a card."""
        self.bench.hear(
            PaymentMethodAdded(
                employer_id=self.employer[1], payment_method_id=f"pm_{self.name}_{card}", brand="visa", last4="4242",
                exp_month=1, exp_year=2030, is_default=True,
            )
        )  # fmt: skip

    def loses_card(self, card: str = "1") -> None:
        """Funding tells that a card is gone."""
        removed = PaymentMethodRemoved(employer_id=self.employer[1], payment_method_id=f"pm_{self.name}_{card}")
        self.bench.hear(removed)

    def fact(self, type_name: str, **changed: Any) -> Any:
        """A fact about the first milestone, its other fields from the catalogue's example."""
        message: Message = example(f"{type_name}.v1").message
        given = {
            "contract_id": self.contract_id,
            "milestone_id": self.milestone_id,
            "employer_id": self.employer[1],
            "trainer_id": self.trainer[1],
            "currency": "usd",
            **changed,
        }
        fields = type(message).model_fields
        return message.model_copy(update={name: value for name, value in given.items() if name in fields})

    def funded(self, held_minor: int = 120_000) -> "Hire":
        """Funding tells of the charge."""
        self.bench.hear(
            self.fact("funding.funding_requested", amount_minor=held_minor),
            self.fact("funding.milestone_funded", held_minor=held_minor),
        )
        return self

    def milestone(self, who: tuple[str, str] | None = None) -> dict[str, Any]:
        """GET of the first milestone."""
        answer = self.bench.call(who or self.employer, "GET", f"/milestones/{self.milestone_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def shown(self) -> tuple[str, str, str]:
        """Status, funding state and payout state."""
        found = self.milestone()
        return found["status"], found["funding_state"], found["payout_state"]


def usd(amount_minor: int) -> dict[str, Any]:
    """An amount as HTTP takes and shows it."""
    return {"amount_minor": amount_minor, "currency": "usd"}
