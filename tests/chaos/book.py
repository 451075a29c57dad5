"""What the load knows: each milestone as the topics tell it, and every command with its answer."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from schemas.envelope import Envelope
from tests.chaos.plan import Milestone, Plan


@dataclass
class Seen:
    """A milestone as everybody sees it, and how far its plan is done."""

    plan: Milestone
    milestone_id: str
    added: bool = False
    status: str = "NOT_FUNDED"
    funding: str = "none"
    payout: str = "none"
    approvals: int = 0
    changes: int = 0
    withdrawals: int = 0
    refunds_requested: int = 0
    refunds: int = 0
    dispute_id: str = ""
    settled: bool = False
    next_act: int = 0
    command_id: str = ""
    """Of the act in hand; empty: nothing was sent for it yet."""
    tries: int = 0
    again_at: float = 0.0

    @property
    def act(self) -> Any:
        """The act in hand; None: its plan is done."""
        return self.plan.acts[self.next_act] if self.next_act < len(self.plan.acts) else None

    @property
    def in_flight(self) -> bool:
        return self.added and self.act is not None


@dataclass
class Sent:
    """One command of the load: over Kafka until its answer is on a topic, over HTTP until its answer is here."""

    command_id: str
    kind: str
    way: str
    about: str
    key: str
    at: float
    times: int = 1
    answer: str = ""
    """Empty: open."""


@dataclass
class Book:
    """Everything that the load knows; changed under `lock` by whoever reads the topics and whoever acts."""

    plan: Plan
    lock: threading.RLock = field(default_factory=threading.RLock)
    milestones: dict[str, Seen] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    contracts: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    dead_letters: list[str] = field(default_factory=list)
    records: int = 0
    most_in_flight: int = 0
    progress_at: float = field(default_factory=time.monotonic)
    """When a milestone last took a step."""

    def __post_init__(self) -> None:
        for planned in self.plan.milestones:
            self.milestones[planned.milestone_id] = Seen(planned, planned.milestone_id)

    def answered(self, command_id: str, answer: str) -> None:
        """A command's answer, if it is one of ours and the first."""
        sent = self.sent.get(command_id)
        if sent is not None and not sent.answer:
            sent.answer = answer

    def rename(self, seen: Seen, milestone_id: str) -> None:
        """A milestone that was added over HTTP has the id that the answer gave."""
        seen.milestone_id = milestone_id
        self.milestones[milestone_id] = seen

    def distinct(self) -> list[Seen]:
        """Each milestone once."""
        return [seen for key, seen in self.milestones.items() if key == seen.milestone_id]

    def unfinished(self) -> list[Seen]:
        """Those whose plan is not done."""
        return [seen for seen in self.distinct() if seen.act is not None or not seen.added]

    def open_commands(self) -> list[Sent]:
        """Those without an answer."""
        return [sent for sent in self.sent.values() if not sent.answer]

    # -- what the topics tell ------------------------------------------------------------------------------

    def hear(self, topic: str, envelope: Envelope, body: dict[str, Any]) -> None:
        """One record of an events topic or of the dead letters."""
        self.records += 1
        if topic.endswith(".dlq"):
            self.dead_letters.append(f"{topic} {envelope.subject}: {str(body.get('reason'))[:200]}")
            return
        name = envelope.type.rpartition(".")[0]
        command_id = str(body.get("command_id") or envelope.causation_id)
        if name.endswith("command_rejected"):
            self.refused[str(body.get("code"))] += 1
            self.answered(command_id, f"refused: {body.get('code')}")
        elif name.endswith("command_unchanged"):
            self.answered(command_id, "unchanged")
        else:
            self.answered(command_id, name)
        if name == "contracts.contract_created":
            self.contracts.add(str(body["contract_id"]))
        seen = self.milestones.get(str(body.get("milestone_id", "")))
        if seen is None:
            return
        match name:
            case "contracts.milestone_added":
                seen.added = True
                if body.get("fund"):
                    seen.funding = "processing"
            case "contracts.milestone_status_changed":
                seen.status, seen.funding, seen.payout = body["status"], body["funding_state"], body["payout_state"]
            case "contracts.milestone_cancelled":
                seen.status = "CANCELLED"
            case "approvals.milestone_approved":
                seen.approvals += 1
            case "funding.release_refused":
                seen.approvals -= 1
            case "approvals.changes_requested":
                seen.changes += 1
            case "approvals.release_request_withdrawn":
                seen.withdrawals += 1
            case "approvals.milestone_disputed":
                seen.dispute_id = body["dispute_id"]
            case "approvals.dispute_resolved":
                seen.settled = True
            case "funding.refund_requested":
                seen.refunds_requested += 1
            case "funding.milestone_refunded":
                seen.refunds += 1
