"""What is true at the end: asked of the databases, the topics and the sandbox, never of the load's own memory alone."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.local.lag import consumer_lag
from deploy.local.tail import Record, follow
from services.auditor.audit import OpenItem, audit, database_urls
from services.auditor.reconcile.look import Surroundings, reconcile
from services.auditor.reconcile.stripe_side import open_library
from services.auditor.reconcile.telling import tell
from tests.chaos.book import Book
from tests.chaos.settle import rows
from tests.chaos.stage import DECIDING, Stage

_FATAL = ("PositionLost", "LogAhead", "beyond the end", "older than the topics", "are gone", "made again")
"""Last words of a process that found the platform's promises broken."""
_SHOWN = 12


@dataclass
class Verdict:
    """What was found; `broken` empty: everything holds."""

    broken: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    reconciled: list[str] = field(default_factory=list)
    """What `tranche reconcile` says."""


def judge(stage: Stage, book: Book) -> Verdict:
    """Ask everything."""
    verdict = Verdict()
    report = audit(database_urls(stage.database_url), stage.clock.now())
    for violation in report.violations:
        verdict.broken.append(f"{violation.rule.name} ({violation.service}): {violation.ids}: {violation.found}")
    verdict.facts["keys compared between services"] = report.compared
    verdict.facts["keys still on their way"] = report.on_its_way
    verdict.facts["open items"] = len(report.open_items)
    for kind, count in Counter(item.kind for item in report.open_items).items():
        verdict.explained.append(f"open item: {kind}: {count}")
    _money(stage, verdict)
    _reconcile(stage, verdict)
    _twice(stage, verdict)
    _commands(stage, book, report.open_items, verdict)
    _milestones(book, report.open_items, verdict)
    # Figures are for looking at: no money waits for them.
    behind = [lag for lag in consumer_lag(stage.kafka_bootstrap, stage.database_url) if lag.behind]
    verdict.explained += [f"{lag.service} has committed {lag.behind} less than {lag.topic} has" for lag in behind]
    for service in DECIDING:
        for key, topic, reason in rows(stage, service, "SELECT key, topic, reason FROM parked_messages LIMIT 20"):
            verdict.broken.append(f"{service} has parked {key} of {topic}: {reason}"[:300])
    verdict.broken += [f"dead letter: {letter}" for letter in book.dead_letters[:_SHOWN]]
    for name, words in stage.last_words.items():
        if any(fatal in words for fatal in _FATAL):
            verdict.broken.append(f"{name} stopped: {words}"[:300])
    return verdict


def _money(stage: Stage, verdict: Verdict) -> None:
    """The ledger's account at Stripe, to the cent, is what Stripe says that we have."""
    headers = {"Authorization": f"Bearer {stage.stripe_key}"}
    balance = httpx.get(f"{stage.sandbox}/v1/balance", headers=headers, timeout=30, trust_env=False).json()
    theirs: Counter[str] = Counter()
    for fund in (*balance["pending"], *balance["available"], *balance.get("connect_reserved", [])):
        theirs[fund["currency"]] += fund["amount"]
    ours: Counter[str] = Counter()
    for currency, amount_minor in rows(
        stage,
        "funding",
        "SELECT currency, sum(amount_minor)::bigint FROM ledger_entries WHERE account = 'stripe_balance' GROUP BY 1",
    ):
        ours[str(currency)] += int(str(amount_minor))
    verdict.facts["ledger at Stripe, minor units"] = dict(ours)
    verdict.facts["Stripe's balance, minor units"] = dict(theirs)
    if ours != theirs:
        verdict.broken.append(f"our ledger has {dict(ours)} at Stripe, Stripe says {dict(theirs)}")
    if not stage.control("GET", "ledger").json()["agrees_with_entries"]:
        verdict.broken.append("the sandbox's own books do not agree with themselves")


def _reconcile(stage: Stage, verdict: Verdict) -> None:
    """Ledger, topics and Stripe agree line by line, and nothing is left over."""
    with open_library(stage.stripe_key, stage.sandbox) as stripe:
        around = Surroundings(database_urls(stage.database_url), stage.kafka_bootstrap, stripe)
        report = reconcile(around, stage.clock.now)
    verdict.reconciled = list(tell(report))
    if not report.agrees:
        verdict.broken.append("the reconciliation leaves something over (see above)")


def _twice(stage: Stage, verdict: Verdict) -> None:
    """No charge, no transfer and no refund was made twice for the same thing."""
    # Those without an intent are Stripe's own: how a transfer arrives in a connected account.
    charges = [c for c in _objects(stage, "charge") if c["status"] == "succeeded" and c["payment_intent"]]
    transfers = _objects(stage, "transfer")
    verdict.facts["charges that succeeded"] = len(charges)
    verdict.facts["transfers"] = len(transfers)
    refunds = _objects(stage, "refund")
    verdict.facts["refunds"] = len(refunds)
    for kind, found, by in (
        ("charge", charges, "funding_id"),
        ("charge", charges, "milestone_id"),
        ("transfer", transfers, "payout_id"),
        ("refund", refunds, "refund_id"),
    ):
        counted = Counter(one["metadata"].get(by) for one in found)
        if None in counted:
            verdict.broken.append(f"{counted.pop(None)} objects of kind {kind} at Stripe name no {by}")
        verdict.broken += [f"{times} times a {kind} for {thing}" for thing, times in counted.items() if times > 1]
    # Everything at Stripe is known to us, and the other way round.
    known = {str(row[0]) for row in rows(stage, "stripe_gateway", "SELECT transfer_id FROM transfers")}
    verdict.broken += [f"{t['id']} at Stripe is not ours" for t in transfers if t["id"] not in known][:_SHOWN]


def _commands(stage: Stage, book: Book, items: list[OpenItem], verdict: Verdict) -> None:
    """Every command that lies on a commands topic has an answer in its service's log, or an open item names it."""
    topics = ("contracts.commands", "funding.commands", "approvals.commands")
    on_topics = {
        record.envelope.id: record
        for record in follow(stage.kafka_bootstrap, topics, from_start=True, once=True)
        if record.envelope is not None
    }
    done: set[str] = set()
    for service in ("contracts", "funding", "approvals"):
        done |= {str(row[0]) for row in rows(stage, service, "SELECT causation_id FROM event_log")}
    open_ids = [command_id for command_id in on_topics if command_id not in done]
    never_there = [
        sent.command_id for sent in book.sent.values() if sent.way == "kafka" and sent.command_id not in on_topics
    ]
    still_open = [sent for sent in book.open_commands() if sent.way != "page"]
    named = " ".join(f"{item.id} {item.what}" for item in items)
    explained = {one for one in open_ids if (about := on_topics[one].envelope) and about.subject in named}
    for into in (verdict.explained, verdict.broken):
        found = [one for one in open_ids if (one in explained) == (into is verdict.explained)]
        into += [f"command {one} ({_type(on_topics[one])}) has no answer" for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            into.append(f"and {len(found) - _SHOWN} more commands without an answer")
    verdict.broken += [f"command {command_id} never came to its topic" for command_id in never_there[:_SHOWN]]
    verdict.broken += [
        f"{sent.way} command {sent.command_id} ({sent.kind} of {sent.about}) is open after {sent.times} times"
        for sent in still_open[:_SHOWN]
        if sent.command_id not in open_ids
    ]
    verdict.facts["commands on the topics"] = len(on_topics)
    verdict.facts["of these without an answer"] = len(open_ids)
    ((calls,),) = rows(stage, "stripe_gateway", "SELECT count(*) FROM attempts")
    verdict.facts["calls to Stripe"] = calls


def _type(record: Record) -> str:
    return record.envelope.type if record.envelope else "?"


def _milestones(book: Book, items: list[OpenItem], verdict: Verdict) -> None:
    """Every milestone came where its plan wanted it, and what was paid is on its way to the bank."""
    named = " ".join(f"{item.id} {item.what}" for item in items)
    left = book.unfinished()
    for seen in left[:_SHOWN]:
        act = seen.act.kind if seen.act else "nothing"
        line = (
            f"milestone {seen.milestone_id} ({seen.plan.end}) waits for {act}: {seen.status}, {seen.funding}, "
            f"{seen.payout}, after {seen.tries} tries{'' if seen.added else ', never added'}"
        )
        (verdict.explained if seen.milestone_id in named else verdict.broken).append(line)
    if len(left) > _SHOWN:
        verdict.broken.append(f"and {len(left) - _SHOWN} more milestones")
    unpaid = [s for s in book.distinct() if s.status == "PAID" and s.payout != "paid"]
    for seen in unpaid[:_SHOWN]:
        line = f"milestone {seen.milestone_id} is PAID and its payout is {seen.payout}"
        (verdict.explained if seen.milestone_id in named else verdict.broken).append(line)


def _objects(stage: Stage, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.control("GET", f"objects/{kind}").json()
    return found
