"""Employers with cards and trainers with payout accounts, set up on hosted pages; and what they do by HTTP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from deploy.local.parties import Party, StoryError, eventually
from services.stripe_sandbox.visitor import PageError, Visitor
from tests.chaos.plan import CARDS, GOOD, Plan

Token = Callable[[str, str], str]
_AT_ONCE = 4


class People:
    """Everybody in the plan, at the front door."""

    def __init__(self, front_door: str, token: Token, plan: Plan) -> None:
        self._parties = {name: Party(front_door, "employer", name, token("employer", name)) for name in plan.employers}
        self._parties |= {name: Party(front_door, "trainer", name, token("trainer", name)) for name in plan.trainers}
        self._headers = {
            name: {"Authorization": f"Bearer {token(party.role, name)}"} for name, party in self._parties.items()
        }
        self._http = httpx.Client(
            base_url=f"{front_door}/v1", timeout=12, trust_env=False, limits=httpx.Limits(max_connections=32)
        )
        self.cards: dict[tuple[str, str], str] = {}
        """Payment method by employer and card number."""
        self._plan = plan
        self.late = plan.late

    def close(self) -> None:
        """Give the connections back."""
        for party in self._parties.values():
            party.close()
        self._http.close()

    def set_up(self) -> None:
        """Cards and accounts for everybody. Raises StoryError when a step does not come to its end."""
        with ThreadPoolExecutor(_AT_ONCE) as together:
            done = [together.submit(self._employer, name) for name in self._plan.employers]
            done += [
                together.submit(self._trainer, name) for name in self._plan.trainers if name not in self._plan.late
            ]
            for one in done:
                one.result()

    def _employer(self, name: str) -> None:
        party = self._parties[name]
        with Visitor() as visitor:
            for card in CARDS:
                page = party.post("/billing/setup-sessions", expect=201)
                visitor.save_card(party.link(page["url"]), card)
                self.cards[name, card] = eventually(lambda card=card: _saved(party, card), f"{name}'s card is saved")
        party.post(f"/billing/payment-methods/{self.cards[name, GOOD]}/default", expect=200)

    def _trainer(self, name: str) -> None:
        party = self._parties[name]
        with Visitor() as visitor:
            page = party.post("/payout-account/setup-sessions", {"country": "US"}, 201)
            visitor.onboard(party.link(page["url"]))

        def ready() -> bool | None:
            return True if party.get("/payout-account")["status"] == "ready" else None

        eventually(ready, f"{name}'s payout account is ready")

    def come_late(self, name: str) -> str:
        """A trainer sets up payouts in the middle of it all; empty when that is done, else what was in the way."""
        try:
            self._trainer(name)
        except (httpx.HTTPError, PageError, StoryError) as error:
            return f"{type(error).__name__}: {error}"[:200]
        return ""

    # -- during the run ------------------------------------------------------------------------------------

    def call(self, who: str, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        """POST once, with this Idempotency-Key. Raises httpx.TransportError when there is no answer."""
        return self._http.post(path, json=body, headers=self._headers[who] | {"Idempotency-Key": key})

    def authenticate(self, employer_id: str, milestone_id: str) -> str:
        """Go to the bank's page for this milestone's charge and confirm there; returns what came of it."""
        try:
            answer = self._http.get(f"/milestones/{milestone_id}/funding", headers=self._headers[employer_id])
            action = answer.json().get("next_action") if answer.is_success else None
            if not action:
                return f"there is no page to go to: {answer.status_code}"
            with Visitor() as visitor:
                page = httpx.get(action["url"], timeout=12, trust_env=False)
                if not page.is_redirect:
                    return f"no way to the page: {page.status_code}"
                visitor.authenticate(page.headers["location"])
        except (httpx.HTTPError, PageError, StoryError, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:200]
        return "confirmed"


def _saved(party: Party, card: str) -> str | None:
    for saved in party.get("/billing/payment-methods")["data"]:
        if saved["last4"] == card[-4:]:
            return str(saved["payment_method_id"])
    return None
