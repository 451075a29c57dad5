"""Everything that happened to one thing, in order, from what all services wrote down: `tranche explain`.

Reads event logs, the ledger, calls to Stripe, the webhook inbox, parked and discarded messages. Event logs have no
index for this: it reads them from end to end, which is well for a question of a person and not for a page.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from schemas.money import show
from services.auditor.audit import AuditError, connect
from services.auditor.invariants.rule import CORE
from services.runtime.database import Connection

_FIELDS_SHOWN = ("reason", "code", "decline_code", "detail", "state", "status", "failure_code", "advice")

_RELATED = {
    # A thing is asked about with what was made for it: a milestone with its fundings and payouts, those with their
    # objects at Stripe. Never upwards: a funding is not its whole contract.
    "funding": "SELECT funding_id, payment_intent_id, charge_id FROM fundings "
    "WHERE %(id)s IN (contract_id, milestone_id, funding_id, payment_intent_id, charge_id)",
    "payouts": "SELECT payout_id, release_id, transfer_id, stripe_payout_id FROM payouts "
    "WHERE %(id)s IN (contract_id, milestone_id, payout_id, release_id, transfer_id, stripe_payout_id)",
    "stripe_gateway": "SELECT funding_id, payment_intent_id FROM intents "
    "WHERE %(id)s IN (funding_id, payment_intent_id) UNION SELECT payout_id, transfer_id FROM transfers "
    "WHERE %(id)s IN (payout_id, transfer_id)",
}

_SAID = (
    "SELECT time, sequence, type, subject, body, event_id, causation_id FROM event_log "
    "WHERE key = ANY(%(ids)s) OR subject = ANY(%(ids)s) "
    "OR EXISTS (SELECT FROM unnest(%(ids)s::text[]) i WHERE strpos(body, '\"' || i || '\"') > 0)"
)
_POSTED = (
    "SELECT posted_at, kind, string_agg(account || ' ' || amount_minor, ', ' ORDER BY line), currency, cause_id, "
    "posting_id FROM ledger_entries WHERE milestone_id = ANY(%(ids)s) OR contract_id = ANY(%(ids)s) "
    "OR cause_id = ANY(%(known)s) GROUP BY posting_id, posted_at, kind, currency, cause_id"
)
_CALLED = (
    "SELECT opened_at, closed_at, operation, number, about, state, object_id, code, message, request_id, attempt_id "
    "FROM attempts WHERE about = ANY(%(ids)s) OR key = ANY(%(ids)s) OR object_id = ANY(%(ids)s) "
    "OR target = ANY(%(ids)s)"
)
_RECEIVED = (
    "SELECT received_at, handled_at, type, object_id, state, reason, event_id FROM webhooks "
    "WHERE object_id = ANY(%(ids)s) OR event_id = ANY(%(ids)s) "
    "OR EXISTS (SELECT FROM unnest(%(ids)s::text[]) i WHERE strpos(body, '\"' || i || '\"') > 0)"
)
_PARKED = "SELECT parked_at, topic, reason, id FROM parked_messages WHERE key = ANY(%(ids)s)"
_DISCARDED = (
    "SELECT parked_at, topic, parked_reason, id, discarded_at, discarded_by, reason FROM discarded_messages "
    "WHERE key = ANY(%(ids)s)"
)


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """One thing that happened."""

    at: datetime
    rank: int
    """Orders what happened in the same instant: words before calls, calls before answers."""
    number: int
    """Of the event log, where it is a word."""
    service: str
    what: str
    cause: str
    """The id of what it answers; empty: nothing of ours."""
    id: str = ""
    """By which others name it as their cause."""

    @property
    def name(self) -> str:
        """What it is, without about whom and how: `funding.milestone_funded.v1`, `webhook payout.paid`."""
        words = self.what.split(" ")
        return " ".join(words[:2]) if words[0] == "webhook" else words[0]


def history(urls: Mapping[str, str], thing_id: str) -> list[Happening]:
    """All that happened to a contract, milestone, funding, payout or object at Stripe, in order.

    `urls`: of each service's database. Raises AuditError when a database cannot be read.
    """
    with ExitStack() as opened:
        databases = {service: opened.enter_context(connect(service, urls[service])) for service in CORE}
        try:
            asked: dict[str, Any] = {"id": thing_id}
            ids = {thing_id}
            for service, query in _RELATED.items():
                for row in databases[service].execute(query, asked):
                    ids.update(value for value in row if value)
            asked = {"ids": sorted(ids)}
            said = [line for service in CORE for line in _said(databases[service], service, asked)]
            asked["known"] = [line.id for line in said]
            found = [
                *said,
                *_posted(databases["funding"], asked),
                *_called(databases["stripe_gateway"], asked),
                *_received(databases["stripe_gateway"], asked),
                *(line for service in CORE for line in _parked(databases[service], service, asked)),
            ]
        except psycopg.Error as error:
            raise AuditError(f"a database cannot be read: {str(error).splitlines()[0]}") from error
    return sorted(found)


def tell(found: list[Happening]) -> Iterator[str]:
    """One line for each: time, service, what, cause."""
    names = {line.id: f"{line.service}: {line.name}" for line in found if line.id}
    for line in found:
        because = names.get(line.cause) or line.cause
        at = line.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        yield f"{at}  {line.service:14}  {line.what}" + (f"  (because of {because})" if because else "")


def _said(connection: Connection, service: str, asked: dict[str, Any]) -> Iterator[Happening]:
    for time, sequence, kind, subject, body, event_id, cause in connection.execute(_SAID, asked):
        yield Happening(time, 0, sequence, service, f"{kind} {subject}{_details(body)}", cause, event_id)


def _details(body: str) -> str:
    said: dict[str, Any] = json.loads(body)
    currency = said.get("currency")
    amounts = [
        f"{name.removesuffix('_minor')} {show(value, currency)}"
        for name, value in said.items()
        if name.endswith("_minor") and isinstance(value, int) and currency
    ]
    words = [f"{name} {said[name]}" for name in _FIELDS_SHOWN if isinstance(said.get(name), str)]
    shown = [*amounts, *words]
    return f": {', '.join(shown)}" if shown else ""


def _posted(connection: Connection, asked: dict[str, Any]) -> Iterator[Happening]:
    for at, kind, moved, currency, cause, posting_id in connection.execute(_POSTED, asked):
        yield Happening(
            at, 1, 0, "funding", f"ledger {kind} {posting_id}: {moved} {currency.upper()} (minor units)", cause
        )


def _called(connection: Connection, asked: dict[str, Any]) -> Iterator[Happening]:
    for row in connection.execute(_CALLED, asked):
        opened, closed, operation, number, about, state, object_id, code, message, request_id, attempt_id = row
        call = f"{operation} {number} for {about}"
        yield Happening(opened, 2, 0, "stripe_gateway", f"asks Stripe: {call}", attempt_id)
        if closed is not None or state == "unknown":
            shown = ", ".join(str(value) for value in (object_id, code, message, request_id) if value)
            yield Happening(closed or opened, 3, 0, "stripe_gateway", f"{state}: {call}: {shown}", attempt_id)


def _received(connection: Connection, asked: dict[str, Any]) -> Iterator[Happening]:
    for received, handled, kind, object_id, state, reason, event_id in connection.execute(_RECEIVED, asked):
        what = f"webhook {kind} of {object_id}"
        yield Happening(received, 2, 0, "stripe_gateway", f"{what} received", "", event_id)
        if handled is not None or state == "parked":
            outcome = f"{what} {state}" + (f": {reason}" if reason else "")
            yield Happening(handled or received, 3, 0, "stripe_gateway", outcome, event_id)


def _parked(connection: Connection, service: str, asked: dict[str, Any]) -> Iterator[Happening]:
    for at, topic, reason, number in connection.execute(_PARKED, asked):
        yield Happening(at, 4, number, service, f"parked a message of {topic}: {reason}", "")
    for at, topic, why_parked, number, given_up_at, by, reason in connection.execute(_DISCARDED, asked):
        yield Happening(at, 4, number, service, f"parked a message of {topic}: {why_parked}", "")
        yield Happening(given_up_at, 4, number, service, f"discarded it, by {by}: {reason}", "")
