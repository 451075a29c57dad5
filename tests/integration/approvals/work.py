"""A milestone, its parties, and what happens to it."""

from typing import Any

import httpx

from schemas.base import Message
from schemas.fixtures import example
from tests.integration.bench import Bench

HELD = 120_000


class Work:
    """A milestone of 1,200.00 USD with parties of its own."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.employer = ("employer", f"emp_{name}")
        self.trainer = ("trainer", f"trn_{name}")
        self.contract_id = f"ctr_{name}"
        self.milestone_id = f"mls_{name}"

    def fact(self, type_name: str, **changed: Any) -> Any:
        """A fact about the milestone, its other fields from the catalogue's example."""
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

    def added(self) -> "Work":
        self.bench.hear(self.fact("contracts.milestone_added"))
        return self

    def funded(self) -> "Work":
        self.bench.hear(self.fact("funding.milestone_funded", held_minor=HELD))
        return self

    def released(self, release_id: str, amount_minor: int, still_held_minor: int) -> None:
        self.bench.hear(
            self.fact(
                "funding.funds_released",
                release_id=release_id,
                amount_minor=amount_minor,
                still_held_minor=still_held_minor,
            )
        )

    def refused(self, release_id: str, amount_minor: int, held_minor: int) -> None:
        self.bench.hear(
            self.fact(
                "funding.release_refused", release_id=release_id, amount_minor=amount_minor, held_minor=held_minor
            )
        )

    def post(self, who: tuple[str, str], step: str, body: object = None, key: str | None = None) -> httpx.Response:
        """One step of the review."""
        return self.bench.call(who, "POST", f"/milestones/{self.milestone_id}/{step}", body, key)

    def done(self, who: tuple[str, str], step: str, body: object = None) -> dict[str, Any]:
        """One step that is accepted."""
        answer = self.post(who, step, body)
        assert answer.status_code == 202, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def review(self, who: tuple[str, str] | None = None) -> dict[str, Any]:
        answer = self.bench.call(who or self.employer, "GET", f"/milestones/{self.milestone_id}/review")
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view


def usd(amount_minor: int) -> dict[str, Any]:
    """An amount as HTTP takes and shows it."""
    return {"amount_minor": amount_minor, "currency": "usd"}
