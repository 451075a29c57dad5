"""The load: does what the plan says as soon as it is due and the milestone is where it can be done, until it is done.

Nothing is given up: what has no answer is sent again under the same command id (Kafka) or Idempotency-Key (HTTP).
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaRecord

from schemas.approvals import (
    ApproveMilestone,
    DisputeMilestone,
    RequestChanges,
    RequestRelease,
    ResolveDispute,
    WithdrawRequest,
)
from schemas.base import Actor, Message
from schemas.contracts import AddMilestone, CancelMilestone, CreateContract
from schemas.envelope import Envelope, write_headers
from schemas.funding import FundMilestone, RefundMilestone
from tests.chaos.book import Book, Seen, Sent
from tests.chaos.people import People
from tests.chaos.plan import AUTHENTICATED, CURRENCY, DECLINED, GOOD, Act

_LOOK_S = 0.15
_STUCK_S = 40.0
"""A producer that delivers nothing of what waits for so long is replaced. No fault keeps the broker away longer."""
_RESEND_S = 20.0
"""Without an answer for so long, a command is sent once more."""
_AGAIN_S = 8.0
"""An act that was answered and has not led where it should is done anew after this."""
_HTTP_THREADS = 8
_NOT_NOW = (404, 429, 500, 502, 503, 504)
"""HTTP statuses after which the same call is made again: away, or not heard of yet. A 500 is counted, too."""

_FUND = {"fund": GOOD, "fund_declined": DECLINED, "fund_authenticated": AUTHENTICATED}
_FUNDABLE = ("none", "failed")


class Load(threading.Thread):
    """Acts until stopped. `book` has what came of it."""

    def __init__(self, bootstrap: str, book: Book, people: People, began_at: float) -> None:
        super().__init__(name="load", daemon=True)
        self.book = book
        self.problems: dict[str, int] = {}
        """HTTP answers that are nobody's plan, by status and code."""
        self._people = people
        self._began_at = began_at
        self._stopping = threading.Event()
        self._http = ThreadPoolExecutor(_HTTP_THREADS, thread_name_prefix="load-http")
        self._messages: dict[str, Message] = {}
        self._calls: dict[str, Callable[[], None]] = {}
        self._busy: set[str] = set()
        self._number = 0
        self._late = dict(people.late)
        self._newcomers = ThreadPoolExecutor(2, thread_name_prefix="load-newcomers")
        self.came_late: dict[str, str] = {}
        """Trainers that set up their payouts during the run: what was in the way last, empty when it is done."""
        self._brokers = bootstrap
        self._producer = self._new_producer()
        self._delivered_at = time.monotonic()

    def stop(self) -> None:
        """No further act; what was sent is on its way."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            now = time.monotonic()
            with self.book.lock:
                for seen in self.book.distinct():
                    self._look(seen, now)
                self._repeat(now)
                self._newcomers_come(now)
                in_flight = sum(seen.in_flight for seen in self.book.distinct())
                self.book.most_in_flight = max(self.book.most_in_flight, in_flight)
            self._producer.poll(0)
            if len(self._producer) == 0:
                self._delivered_at = now
            elif now - self._delivered_at > _STUCK_S:
                self._producer, self._delivered_at = self._new_producer(), now
        self._http.shutdown(wait=True, cancel_futures=True)
        self._newcomers.shutdown(wait=True, cancel_futures=True)
        self._producer.flush(10)

    def _new_producer(self) -> Producer:
        """In place of one that delivers nothing any more: one whose broker was killed may never recover."""
        return Producer(
            {
                "bootstrap.servers": self._brokers,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 1_000,
                "message.timeout.ms": 60_000,
                "log_level": 0,
            }
        )

    def _delivered(self, error: KafkaError | None, _: KafkaRecord) -> None:
        if error is None:
            self._delivered_at = time.monotonic()

    def _newcomers_come(self, now: float) -> None:
        for name, due_s in list(self._late.items()):
            if now - self._began_at >= due_s:
                del self._late[name]
                self.came_late[name] = "has not begun"
                self._newcomers.submit(self._come, name)

    def _come(self, name: str) -> None:
        while (trouble := self._people.come_late(name)) and not self._stopping.wait(_AGAIN_S):
            self.came_late[name] = trouble
        self.came_late[name] = trouble

    # -- what is next --------------------------------------------------------------------------------------

    def _look(self, seen: Seen, now: float) -> None:
        elapsed_s = now - self._began_at
        if not seen.added:
            if not seen.command_id and elapsed_s >= seen.plan.begin.due_s:
                self._begin(seen)
            return
        while (act := seen.act) is not None and _is_done(seen, act):
            seen.next_act += 1
            seen.command_id, seen.tries, seen.again_at = "", 0, 0.0
            self.book.progress_at = now
        if act is not None and act.kind == "authenticate" and seen.funding == "failed":
            # Nobody went to the bank's page in time: it is asked for anew.
            seen.next_act -= 1
            seen.command_id, seen.again_at, act = "", 0.0, seen.act
        if act is None or elapsed_s < act.due_s or now < seen.again_at or not _is_possible(seen, act):
            return
        if seen.command_id:
            sent = self.book.sent[seen.command_id]
            if not sent.answer:
                return
            if not seen.again_at:  # answered a moment ago: let it come through
                seen.again_at = now + _AGAIN_S
                return
        seen.again_at = 0.0
        seen.tries += 1
        self._act(seen, act)

    def _begin(self, seen: Seen) -> None:
        plan = seen.plan
        if plan.first:
            self._send(
                seen,
                plan.begin,
                CreateContract(
                    actor=_employer(seen),
                    contract_id=plan.contract_id,
                    milestone_id=plan.milestone_id,
                    job_id="job_chaos",
                    employer_id=plan.employer_id,
                    trainer_id=plan.trainer_id,
                    title="Labels under fire",
                    currency=CURRENCY,
                    description=plan.end,
                    amount_minor=plan.amount_minor,
                    fund=plan.hired_with_deposit,
                ),
            )
        elif plan.contract_id not in self.book.contracts:
            return
        elif plan.begin.by_http:
            amount = {"amount_minor": plan.amount_minor, "currency": CURRENCY}
            body = {"name": plan.milestone_id, "description": plan.end, "amount": amount}
            self._call(seen, plan.begin, plan.employer_id, f"/contracts/{plan.contract_id}/milestones", body)
        else:
            self._send(
                seen,
                plan.begin,
                AddMilestone(
                    actor=_employer(seen),
                    contract_id=plan.contract_id,
                    milestone_id=plan.milestone_id,
                    description=plan.end,
                    amount_minor=plan.amount_minor,
                    currency=CURRENCY,
                ),
            )

    def _act(self, seen: Seen, act: Act) -> None:
        plan = seen.plan
        employer, trainer = _employer(seen), Actor(role="trainer", party_id=plan.trainer_id)
        ids = {"contract_id": plan.contract_id, "milestone_id": seen.milestone_id}
        page = f"/milestones/{seen.milestone_id}"
        part = {"amount_minor": plan.amount_minor // 3, "currency": CURRENCY}
        reason = f"Page {seen.tries} is missing."
        if act.kind == "authenticate":
            self._authenticate(seen, act)
            return
        method = self._people.cards[plan.employer_id, _FUND[act.kind]] if act.kind in _FUND else ""
        if act.by_http and not act.kind.startswith("resolve"):
            who, path, body = {
                "request": (plan.trainer_id, "request-release", {"note": plan.end}),
                "withdraw": (plan.trainer_id, "withdraw-request", {}),
                "changes": (plan.employer_id, "request-changes", {"reason": reason}),
                "approve": (plan.employer_id, "approve", {}),
                "approve_part": (plan.employer_id, "approve", {"amount": part}),
                "cancel": (plan.employer_id, "cancel", {}),
                "refund": (plan.trainer_id, "refund", {}),
                "refund_part": (plan.trainer_id, "refund", {"amount": part}),
                "dispute": (plan.employer_id, "dispute", {"reason": reason}),
            }.get(act.kind, (plan.employer_id, "fund", {"payment_method_id": method}))
            self._call(seen, act, who, f"{page}/{path}", body)
            return
        message: Message
        match act.kind:
            case "request":
                message = RequestRelease(actor=trainer, note=plan.end, **ids)
            case "withdraw":
                message = WithdrawRequest(actor=trainer, **ids)
            case "changes":
                message = RequestChanges(actor=employer, reason=reason, **ids)
            case "approve":
                message = ApproveMilestone(actor=employer, **ids)
            case "approve_part":
                message = ApproveMilestone(actor=employer, **part, **ids)
            case "cancel":
                message = CancelMilestone(actor=employer, **ids)
            case "refund":
                message = RefundMilestone(actor=trainer, reason="It cannot be done.", **ids)
            case "refund_part":
                message = RefundMilestone(actor=trainer, reason="A third was not done.", **part, **ids)
            case "dispute":
                message = DisputeMilestone(actor=employer, reason=reason, **ids)
            case "resolve_trainer" | "resolve_employer" | "resolve_half":
                message = self._settlement(seen, act)
            case _:
                message = FundMilestone(actor=employer, payment_method_id=method, **ids)
        self._send(seen, act, message)

    def _settlement(self, seen: Seen, act: Act) -> ResolveDispute:
        amount_minor = seen.plan.amount_minor
        to_trainer_minor = {"resolve_trainer": amount_minor, "resolve_half": amount_minor // 2}.get(act.kind, 0)
        return ResolveDispute(
            actor=Actor(role="operator", party_id="op_chaos"),
            contract_id=seen.plan.contract_id,
            milestone_id=seen.milestone_id,
            dispute_id=seen.dispute_id,
            to_trainer_minor=to_trainer_minor,
            to_employer_minor=amount_minor - to_trainer_minor,
            currency=CURRENCY,
            reason="Looked at.",
        )

    # -- the two ways in -----------------------------------------------------------------------------------

    def _note(self, seen: Seen, act: Act, way: str) -> Sent:
        self._number += 1
        command_id = f"cmd_chaos_{self._number}"
        sent = Sent(command_id, act.kind, way, seen.plan.milestone_id, seen.plan.contract_id, time.monotonic())
        self.book.sent[command_id] = sent
        seen.command_id = command_id
        return sent

    def _send(self, seen: Seen, act: Act, message: Message) -> None:
        sent = self._note(seen, act, "kafka")
        self._messages[sent.command_id] = message
        self._produce(sent)

    def _produce(self, sent: Sent) -> None:
        message = self._messages[sent.command_id]
        envelope = Envelope(
            sent.command_id, message.type_name, "marketplace", message.subject, datetime.now(UTC), sent.command_id, ""
        )
        try:
            self._producer.produce(
                message.topic,
                key=message.key,
                value=message.model_dump_json().encode(),
                headers=write_headers(envelope),  # type: ignore[arg-type]
                on_delivery=self._delivered,
            )
        except (BufferError, KafkaException):
            sent.at = 0.0  # it was not taken: at once again

    def _call(self, seen: Seen, act: Act, who: str, path: str, body: dict[str, object]) -> None:
        sent = self._note(seen, act, "http")

        def call() -> None:
            status, code, found = 0, "no_answer", {}
            try:
                answer = self._people.call(who, path, body, sent.command_id)
                status = answer.status_code
                found = answer.json()
                code = str(found.get("code", ""))
            except (httpx.HTTPError, ValueError):
                pass
            with self.book.lock:
                self._busy.discard(sent.command_id)
                if status == 0 or status in _NOT_NOW:
                    if status in (500, 404):
                        self.problems[f"{status} {code}"] = self.problems.get(f"{status} {code}", 0) + 1
                    return
                if status >= 400:
                    self.book.refused[code] += 1
                self.book.answered(sent.command_id, f"refused: {code}" if status >= 400 else str(status))
                if act.kind == "begin" and status == 201:
                    self.book.rename(seen, found["milestone_id"])
                    seen.added = True

        self._calls[sent.command_id] = call
        self._busy.add(sent.command_id)
        self._http.submit(call)

    def _authenticate(self, seen: Seen, act: Act) -> None:
        sent = self._note(seen, act, "page")

        def go() -> None:
            came_of_it = self._people.authenticate(seen.plan.employer_id, seen.milestone_id)
            with self.book.lock:
                self.book.answered(sent.command_id, came_of_it)

        self._http.submit(go)

    def _repeat(self, now: float) -> None:
        for sent in self.book.open_commands():
            if now - sent.at < (_RESEND_S if sent.way == "kafka" else 2.0) or sent.way == "page":
                continue
            if sent.way == "kafka":
                sent.at, sent.times = now, sent.times + 1
                self._produce(sent)
            elif sent.command_id not in self._busy:
                sent.at, sent.times = now, sent.times + 1
                self._busy.add(sent.command_id)
                self._http.submit(self._calls[sent.command_id])


def _employer(seen: Seen) -> Actor:
    return Actor(role="employer", party_id=seen.plan.employer_id)


def _is_possible(seen: Seen, act: Act) -> bool:
    match act.kind:
        case "fund" | "fund_declined" | "fund_authenticated":
            return seen.status == "NOT_FUNDED" and seen.funding in _FUNDABLE
        case "authenticate":
            return seen.funding == "action_required"
        case "request":
            return seen.status == "ACTIVE_FUNDED"
        case "changes" | "withdraw":
            return seen.status == "PENDING_APPROVAL"
        case "approve":
            return seen.status in ("PENDING_APPROVAL", "ACTIVE_FUNDED")
        case "approve_part":
            return seen.status in ("PENDING_APPROVAL", "ACTIVE_FUNDED") and seen.approvals == 0
        case "cancel":
            return seen.status == "NOT_FUNDED" and seen.funding == "none"
        case "refund" | "refund_part":
            # Stripe may be long in making one, and who asks for a third three times is given the whole back.
            held = seen.status in ("ACTIVE_FUNDED", "PENDING_APPROVAL") and seen.funding == "funded"
            return held and seen.refunds_requested == 0
        case "dispute":
            return seen.status in ("ACTIVE_FUNDED", "PENDING_APPROVAL")
        case "resolve_trainer" | "resolve_employer" | "resolve_half":
            return seen.status == "DISPUTED" and bool(seen.dispute_id)
    raise ValueError(f"no such act: {act.kind}")


def _is_done(seen: Seen, act: Act) -> bool:
    # What happened, not where the milestone stands now: who was asked twice may have gone on since.
    match act.kind:
        case "fund":
            return seen.funding == "funded"
        case "fund_declined":
            return bool(seen.command_id) and seen.funding == "failed"
        case "fund_authenticated":
            return seen.funding in ("action_required", "funded")
        case "authenticate":
            return seen.funding == "funded"
        case "request":
            return seen.status in ("PENDING_APPROVAL", "PAID")
        case "changes":
            return seen.changes > 0
        case "withdraw":
            return seen.withdrawals > 0
        case "approve":
            return seen.status == "PAID"
        case "approve_part":
            return seen.approvals > 0
        case "cancel":
            return seen.status == "CANCELLED"
        case "refund":
            return seen.status == "REFUNDED"
        case "refund_part":
            return seen.refunds > 0
        case "dispute":
            return bool(seen.dispute_id)
        case "resolve_employer":
            return seen.settled and seen.status == "REFUNDED"
        case "resolve_trainer" | "resolve_half":
            return seen.settled and seen.status == "PAID"
    raise ValueError(f"no such act: {act.kind}")
