"""A trainer and one release, as the other services and Stripe speak of them."""

from itertools import count
from typing import Any

import orjson
import psycopg

from schemas.base import Message
from schemas.envelope import read_body
from schemas.fixtures import example
from services.runtime.lanes import lane_of
from services.runtime.processor import Batch
from services.runtime.records import Delivery
from tests.integration.bench import Bench


class Trainer:
    """`fact(type, …)` is what others say of this trainer; contract and trainer have lanes of their own."""

    def __init__(self, bench: Bench, tag: str) -> None:
        self.bench = bench
        self.id = f"trn_{tag}"
        self.contract_id = next(
            name for number in count() if lane_of(name := f"ctr_{tag}_{number}") != lane_of(self.id)
        )
        self.who = ("trainer", self.id)
        self.account_id = f"acct_{tag}"
        self.release_id = f"rel_{tag}"
        self.transfer_id = f"tr_{tag}"
        self.stripe_payout_id = f"po_{tag}"
        self._told = 0

    def fact(self, name: str, **changed: Any) -> Message:
        """A fact about this trainer, with the example's fields where nothing else is said."""
        shown = example(f"{name}.v1")
        ours = {
            "trainer_id": self.id,
            "contract_id": self.contract_id,
            "milestone_id": f"mls_{self.contract_id}",
            "account_id": self.account_id,
            "release_id": self.release_id,
            "transfer_id": self.transfer_id,
            "stripe_payout_id": self.stripe_payout_id,
            "transfer_ids": [self.transfer_id],
            "amount_minor": 120_000,
            "currency": "usd",
        }
        known = {field: value for field, value in ours.items() if field in shown.body}
        return read_body(shown.type_name, orjson.dumps({**shown.body, **known, **changed}))

    def set_up(self, country: str = "US") -> Any:
        """Ask for the set-up page."""
        return self.bench.call(self.who, "POST", "/payout-account/setup-sessions", {"country": country})

    def has_started(self) -> "Trainer":
        """Begins to set up payouts; Stripe has opened the account."""
        assert self.set_up().status_code == 201
        self.bench.hear(self.fact("stripe.account_created"))
        return self

    def is_ready(self) -> "Trainer":
        """Has completed the page."""
        self.has_started()
        self.bench.hear(self.account("active"))
        return self

    def account(self, transfers: str, **changed: Any) -> Message:
        """Stripe's word about the account."""
        word = {"transfers": transfers, "requirements": [], "details_submitted": True}
        return self.fact("stripe.account_updated", **{**word, **changed})

    def released(self) -> Message:
        return self.fact("funding.funds_released")

    def transferred(self, **changed: Any) -> Message:
        return self.fact("stripe.transfer_created", payout_id=self.payout["payout_id"], **changed)

    def bank(self, status: str, **changed: Any) -> Message:
        code = "account_closed" if status == "failed" else None
        return self.fact("stripe.bank_payout_changed", status=status, failure_code=code, **changed)

    @property
    def payout(self) -> Any:
        """The one payout, as the trainer sees it."""
        (payout,) = self.bench.call(self.who, "GET", "/payouts").json()["data"]
        return payout

    @property
    def status(self) -> str:
        """Of the account, as the trainer sees it."""
        found: str = self.bench.call(self.who, "GET", "/payout-account").json()["status"]
        return found

    def go_on(self) -> None:
        """Hear what the service told itself, as often as it tells itself something about this trainer."""
        while told := self._commands():
            self.bench.processor.run(Batch(told))

    def said(self) -> list[str]:
        """The types of all it said about the contract, to whomever."""
        return self.bench.told(self.contract_id)

    def _commands(self) -> list[Delivery]:
        with psycopg.connect(self.bench.url) as connection:
            rows = connection.execute(
                "SELECT sequence, event_id, type, body FROM event_log WHERE topic = 'payouts.commands' "
                "AND key = ANY(%s) AND sequence > %s ORDER BY sequence",
                ([self.id, self.contract_id], self._told),
            ).fetchall()
        found = []
        for sequence, event_id, type_name, body in rows:
            message = read_body(type_name, body.encode())
            found.append(Delivery(self.bench.envelope(message, event_id), message.key, message))
            self._told = sequence
        return found
