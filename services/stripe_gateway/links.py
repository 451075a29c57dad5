"""Links to pages that Stripe hosts. Each click makes the page, or finds the one that is under way, and leads there; the
addresses are shown to whoever clicked and kept nowhere (docs/adr/0004)."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from fastapi.responses import RedirectResponse, Response
from stripe import StripeClient

from schemas.base import Command
from services.runtime.bulk import Entity
from services.runtime.database import borrowed
from services.runtime.decisions import Outcome, Refused
from services.runtime.http import Gate
from services.runtime.processor import Batch
from services.runtime.tokens import HostedLink
from services.stripe_gateway import handlers, reads, states
from services.stripe_gateway.desk import Desk, DeskClosedError
from services.stripe_gateway.line import TroubleError
from services.stripe_gateway.local_commands import AuthenticateIntent, EnsureCustomer, RecordIntent
from services.stripe_gateway.pages import CLOSE, page
from services.stripe_gateway.records import Customer, Intent

R = TypeVar("R", bound=NamedTuple)
T = TypeVar("T")

_POLL_S = 0.02
_SEE_OTHER = 303
_PAID = ("This is paid", f"The bank has confirmed the payment. {CLOSE}")


class NotYetError(Exception):
    """Stripe has not made yet what the page needs."""


class HostedPages:
    """Where a link leads, now."""

    def __init__(self, gate: Gate, desk: Desk, wait_s: float) -> None:
        self._gate = gate
        self._desk = desk
        self._wait_s = wait_s

    def open(self, link: HostedLink, address: str) -> Response:
        """The answer to a click. `address`: of the link itself, for pages that lead back to it."""
        try:
            match link.page:
                case "setup":
                    return self._setup(link.party_id)
                case "onboarding":
                    return self._onboarding(link.party_id, address)
                case "authenticate":
                    return self._authenticate(link.party_id, link.about)
        except (NotYetError, DeskClosedError):
            return page("One moment", "Stripe is not ready yet. Please reload this page in a few seconds.", 503)
        except TroubleError as trouble:
            reason = trouble.judged.code or "no reason given"
            return page("Stripe refused this", f"The page cannot be opened now ({reason}). Please tell us.", 502)

    # -- saving a card -------------------------------------------------------------------------------------

    def _setup(self, employer_id: str) -> Response:
        customer = self._customer(employer_id)
        click = self._click()
        parameters: Any = {
            "allowed_payment_method_types": ["card"],
            "cancel_url": self._done("setup-cancelled"),
            "customer": customer.customer_id,
            "metadata": {"employer_id": employer_id},
            "mode": "setup",
            "setup_intent_data": {"metadata": {"employer_id": employer_id}},
            "success_url": self._done("setup"),
        }
        session = self._ask(
            "create_checkout_session",
            lambda client: client.v1.checkout.sessions.create_async(
                parameters, {"idempotency_key": f"setup:{employer_id}:{click}"}
            ),
        )
        return RedirectResponse(session.url or self._done("setup"), _SEE_OTHER)

    def _customer(self, employer_id: str) -> Customer:
        def known() -> Customer | None:
            found = self._row(handlers.CUSTOMERS, "employer_id", employer_id)
            return found if found and found.customer_id else None

        if (customer := known()) is not None:
            return customer
        self._run(EnsureCustomer(employer_id=employer_id))
        return self._wait(known)

    # -- opening a payout account --------------------------------------------------------------------------

    def _onboarding(self, trainer_id: str, address: str) -> Response:
        def made() -> str | None:
            found = self._row(handlers.ACCOUNTS, "trainer_id", trainer_id)
            return found.account_id if found else None

        account_id = self._wait(made)
        click = self._click()
        parameters: Any = {
            "account": account_id,
            "use_case": {
                "type": "account_onboarding",
                "account_onboarding": {
                    "collection_options": {"fields": "eventually_due"},
                    "refresh_url": address,
                    "return_url": self._done("onboarding"),
                },
            },
        }
        link = self._ask(
            "create_account_link",
            lambda client: client.v2.core.account_links.create_async(
                parameters, {"idempotency_key": f"onboarding:{trainer_id}:{click}"}
            ),
        )
        return RedirectResponse(link.url, _SEE_OTHER)

    # -- authenticating a payment --------------------------------------------------------------------------

    def _authenticate(self, employer_id: str, funding_id: str) -> Response:
        intent = self._row(handlers.INTENTS, "funding_id", funding_id)
        if intent is None or intent.employer_id != employer_id:
            return page("Nothing to do here", "There is no such payment.", 404)
        for _ in range(2):
            if (answer := self._by_state(intent)) is not None:
                return answer
            found = self._read_intent(intent)
            if (answer := self._by_status(found)) is not None:
                return answer
            self._run(
                AuthenticateIntent(
                    contract_id=intent.contract_id, funding_id=funding_id, return_url=self._done("payment")
                )
            )
            self._wait(lambda: None if self._is_asked(funding_id) else True)
            intent = self._row(handlers.INTENTS, "funding_id", funding_id) or intent
        raise NotYetError

    def _by_state(self, intent: Intent) -> Response | None:
        """The answer, where our own books have it."""
        match intent.state:
            case states.SUCCEEDED:
                return page(*_PAID)
            case states.ACTION_REQUIRED:
                return None
            case states.FAILED | states.REFUSED:
                text = f"The bank declined the payment. Fund the milestone again, with this card or another. {CLOSE}"
                return page("This was not paid", text)
            case _:
                raise NotYetError

    def _read_intent(self, intent: Intent) -> dict[str, Any]:
        """As Stripe has it; when it turns out to be paid, that is told at once, not only by the webhook."""
        intent_id = intent.payment_intent_id or ""
        found: dict[str, Any]
        reading, found = self._ask("read", lambda client: reads.intent(client, intent_id))
        if reading.charge is not None:
            self._run(RecordIntent(contract_id=intent.contract_id, funding_id=intent.funding_id, reading=reading))
        return found

    def _by_status(self, found: dict[str, Any]) -> Response | None:
        """The answer, where the intent is under way at Stripe. None: the bank's page is to be asked for."""
        match found["status"]:
            case "succeeded":
                return page(*_PAID)
            case "requires_action":
                address = ((found.get("next_action") or {}).get("redirect_to_url") or {}).get("url")
                return RedirectResponse(address, _SEE_OTHER) if address else None
            case "requires_payment_method" | "requires_confirmation":
                return None
            case "canceled":
                return page("This was cancelled", f"The payment was cancelled. Fund the milestone again. {CLOSE}")
            case _:
                raise NotYetError

    def _is_asked(self, funding_id: str) -> bool:
        attempts = self._rows(handlers.ATTEMPTS, "about", funding_id)
        return any(a.operation == "authenticate_payment_intent" and a.state == states.OPEN for a in attempts)

    # -- helping hands -------------------------------------------------------------------------------------

    def _ask(self, operation: str, request: Callable[[StripeClient], Any]) -> Any:
        return self._desk.ask(operation, request, self._wait_s)

    def _run(self, command: Command) -> Outcome:
        processor = self._gate.processor
        outcome = processor.run(Batch([processor.delivery(command)]))[0]
        if isinstance(outcome, Refused):
            raise NotYetError
        return outcome

    def _click(self) -> str:
        """An id of this click: what it makes is made once, however often the network makes us ask."""
        processor = self._gate.processor
        return processor.ids.new("clk", processor.clock.now())

    def _done(self, what: str) -> str:
        return f"{self._gate.settings.public_url}/v1/hosted/done/{what}"

    def _wait(self, look: Callable[[], T | None]) -> T:
        until = time.monotonic() + self._wait_s
        while (found := look()) is None:
            if time.monotonic() >= until:
                raise NotYetError
            time.sleep(_POLL_S)
        return found

    def _row(self, entity: Entity[R], column: str, value: str) -> R | None:
        rows = self._rows(entity, column, value)
        return rows[0] if rows else None

    def _rows(self, entity: Entity[R], column: str, value: str) -> list[R]:
        with borrowed(self._gate.engine) as connection:
            rows = entity.select(connection, column, (value,))
            connection.rollback()
        return rows
