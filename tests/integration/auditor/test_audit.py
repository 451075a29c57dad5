"""Each rule sees its violation, planted in a real database past the services' code; healthy books pass."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.auditor.audit import AuditError, audit, database_urls
from services.auditor.invariants import RULES
from services.auditor.telling import tell
from tests.integration.auditor.books import NOW, Books
from tests.platform.backing import Backing


def _entry(books: Books, line: int, account: str, amount_minor: int, **more: str) -> None:
    row = {"posting_id": "pst_9", "kind": "planted", "milestone_id": "mst_1", "contract_id": "ctr_1", "currency": "USD"}
    books.add("funding", "ledger_entries", line=line, account=account, amount_minor=amount_minor, **(row | more))


def _move(books: Books, debit: str, credit: str, amount_minor: int, **more: str) -> None:
    _entry(books, 0, debit, amount_minor, **more)
    _entry(books, 1, credit, -amount_minor, **more)


def _funding(books: Books, **row: object) -> None:
    books.add("funding", "fundings", **({"contract_id": "ctr_1", "currency": "USD", "amount_minor": 500} | row))


def _second_intent(books: Books) -> None:
    books.add(
        "stripe_gateway", "attempts", attempt_id="cmd_9", about="fnd_1", operation="create_payment_intent",
        idempotency_key="k", state="succeeded", object_id="pi_9",
    )  # fmt: skip


def _shared_object(books: Books) -> None:
    books.add(
        "stripe_gateway", "attempts", attempt_id="cmd_9", about="fnd_9", operation="create_payment_intent",
        idempotency_key="k", state="succeeded", object_id="pi_1",
    )  # fmt: skip


def _made_twice(books: Books, operation: str, about: str) -> None:
    for number in (1, 2):
        books.add(
            "stripe_gateway", "attempts", attempt_id=f"cmd_9{number}", about=about, operation=operation,
            idempotency_key=f"k{number}", state="succeeded", object_id=f"obj_{number}",
        )  # fmt: skip


def _told_twice(books: Books) -> None:
    books.add(
        "stripe_gateway", "event_log", topic="stripe.events", key="ctr_1", type="stripe.transfer_created.v1",
        stream_version=3, body='{"payout_id": "pay_1"}',
    )  # fmt: skip
    books.plant("stripe_gateway", "UPDATE streams SET version = 3")


def _passed_over(books: Books) -> None:
    """A command between two that the gateway took."""
    books.plant(
        "funding",
        "UPDATE event_log SET sequence = 5 WHERE event_id = 'cmd_2'",
        """INSERT INTO event_log (sequence, topic, key, type, subject, stream_version, event_id, time, correlation_id,
            causation_id, traceparent, body)
        VALUES (4, 'stripe.commands', 'ctr_1', 'stripe.create_payment_intent.v1', '', 0, 'cmd_9', now(), '', '', '',
            '{"funding_id": "fnd_9"}')""",
        "SELECT nextval('event_log_sequence')",
    )


PLANTED: dict[str, tuple[Callable[[Books], object], str]] = {
    "postings_sum_to_zero": (lambda b: _entry(b, 0, "stripe_fees", 7), "pst_9 of mst_1"),
    "charged_is_accounted_for": (lambda b: _move(b, "released", "stripe_balance", 40), "mst_1"),
    "no_negative_balance": (lambda b: _move(b, "held", "refunded", 10), "mst_1"),
    "released_within_charged": (lambda b: _move(b, "stripe_balance", "released", 1), "mst_1"),
    "to_make_good_within_released": (
        lambda b: _move(b, "platform_losses", "platform_refunds", 1001), "mst_1"),
    "transferred_within_released": (lambda b: _move(b, "transferred", "stripe_balance", 1), "mst_1"),
    "fundings_agree_with_ledger": (
        lambda b: b.plant("funding", "UPDATE fundings SET state = 'failed' WHERE funding_id = 'fnd_1'"), "mst_1"),
    "in_flight_agrees_with_fundings": (
        lambda b: b.plant("funding", "UPDATE fundings SET state = 'failed' WHERE funding_id = 'fnd_2'"), "mst_2"),
    "refunds_agree_with_ledger": (
        lambda b: b.add("funding", "refunds", refund_id="rfd_9", milestone_id="mst_1", amount_minor=5), "mst_1"),
    "disputes_agree_with_ledger": (
        lambda b: b.add("funding", "card_disputes", dispute_id="du_9", milestone_id="mst_1", debt_minor=5), "mst_1"),
    "one_funding_under_way": (
        lambda b: _funding(b, funding_id="fnd_9", milestone_id="mst_2", state="action_required"), "mst_2"),
    "charged_once": (lambda b: _funding(b, funding_id="fnd_9", milestone_id="mst_1", state="funded"), "mst_1"),
    "frozen_money_stays": (
        lambda b: b.add("funding", "freezes", milestone_id="mst_1", cause="operator", about="op_1",
                        frozen_at=NOW - timedelta(hours=1)), "mst_1"),
    "stream_versions_without_gap": (
        lambda b: b.plant("funding", "DELETE FROM event_log WHERE stream_version = 1"), "ctr_1"),
    "streams_agree_with_log": (lambda b: b.plant("payouts", "UPDATE streams SET version = 5"), "ctr_1"),
    "cursor_within_log": (lambda b: b.plant("approvals", "UPDATE relay_cursor SET sequence = 9"), "approvals"),
    "numbers_within_sequence": (
        lambda b: b.plant("payouts", "SELECT setval('event_log_sequence', 1)"), "event_log_sequence"),
    "object_made_by_one_command": (_shared_object, "pi_1"),
    "one_object_each": (_second_intent, "fnd_1"),
    "succeeded_once": (_told_twice, "pay_1"),
    "object_has_its_command": (
        lambda b: b.plant("stripe_gateway", "DELETE FROM attempts WHERE attempt_id = 'cmd_3'"), "tr_1"),
    "nobody_is_ahead_of_a_producer": (
        lambda b: b.plant("contracts", "UPDATE streams_seen SET version = 9 WHERE source = 'payouts'"), "ctr_1"),
    "commands_reach_the_gateway": (_passed_over, "fnd_9"),
    "charges_agree": (
        lambda b: b.plant("stripe_gateway", "UPDATE intents SET state = 'failed' WHERE funding_id = 'fnd_1'"), "fnd_1"),
    "transfers_agree": (lambda b: b.plant("stripe_gateway", "UPDATE transfers SET amount_minor = 999"), "mst_1"),
    "payouts_know_their_transfers": (lambda b: b.plant("payouts", "UPDATE payouts SET transfer_id = NULL"), "pay_1"),
    "releases_are_paid_out": (lambda b: b.plant("payouts", "DELETE FROM payouts"), "mst_1"),
    "review_agrees_with_ledger": (
        lambda b: b.plant("approvals", "UPDATE reviews SET held_minor = 5 WHERE milestone_id = 'mst_1'"), "mst_1"),
    "shown_sums_agree_with_ledger": (
        lambda b: b.plant("contracts", "UPDATE milestones SET held_minor = 5 WHERE milestone_id = 'mst_2'"), "mst_2"),
    "shown_funding_agrees": (
        lambda b: b.plant("contracts", "UPDATE milestones SET funding_state = 'none' WHERE milestone_id = 'mst_2'"),
        "mst_2"),
    "shown_status_agrees_with_review": (
        lambda b: b.plant("contracts", "UPDATE milestones SET status = 'ACTIVE_FUNDED' WHERE milestone_id = 'mst_1'"),
        "mst_1"),
    "shown_payouts_agree": (lambda b: b.plant("contracts", "UPDATE payouts SET state = 'in_transit'"), "pay_1"),
}  # fmt: skip
"""How each rule is broken, and the ids that it must then name."""


def test_healthy_books_pass(books: Books) -> None:
    report = books.audit()

    assert (report.violations, report.open_items, report.on_its_way) == ([], [], 0)
    assert report.compared == 11


def test_every_rule_has_a_violation_here() -> None:
    assert sorted(PLANTED) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("rule", PLANTED)
def test_a_broken_rule_is_named_with_the_ids_concerned(books: Books, rule: str) -> None:
    plant, ids = PLANTED[rule]
    plant(books)

    report = books.audit()

    assert ids in [violation.ids for violation in report.violations if violation.rule.name == rule]
    told = list(tell(report))
    assert any(line.startswith(f"BROKEN {rule}: ") for line in told)
    assert any(ids in line for line in told)


@pytest.mark.parametrize(("operation", "about"), [("create_refund", "rfd_1"), ("reverse_transfer", "rev_1")])
def test_a_request_that_moved_money_back_twice_is_named(books: Books, operation: str, about: str) -> None:
    _made_twice(books, operation, about)

    assert books.broken() == {"one_object_each": about}


@pytest.mark.scenario(48)
def test_a_payout_that_was_given_up_is_no_part_of_what_is_released(books: Books) -> None:
    payout = {"payout_id": "pay_2", "milestone_id": "mst_1"}
    books.add("payouts", "payouts", **payout, release_id="rel_2", contract_id="ctr_1", state="given_up", amount_minor=9)
    books.add("contracts", "payouts", **payout, state="given_up")
    assert books.audit().violations == []

    books.plant("contracts", "UPDATE payouts SET state = 'held' WHERE payout_id = 'pay_2'")
    assert books.broken() == {"shown_payouts_agree": "pay_2"}


def test_what_is_just_on_its_way_is_not_compared(books: Books) -> None:
    books.plant("contracts", "UPDATE payouts SET state = 'in_transit'")
    books.plant("contracts", "UPDATE streams_seen SET version = 0 WHERE source = 'payouts'")

    report = books.audit()

    assert (report.violations, report.on_its_way) == ([], 1)


def test_an_audit_changes_nothing(books: Books) -> None:
    books.audit()

    assert books.audit().violations == []


@pytest.mark.parametrize(
    ("kind", "service", "statement", "item"),
    [
        ("call to Stripe with unknown outcome", "stripe_gateway",
         "UPDATE attempts SET state = 'unknown' WHERE attempt_id = 'cmd_2'", "cmd_2"),
        ("parked message", "payouts", """INSERT INTO parked_messages
            (key, topic, partition, "offset", headers, reason, parked_at)
            VALUES ('ctr_9', 'funding.events', 0, 7, '[]', 'a loss', '2026-01-05T09:00:00Z')""", "ctr_9"),
        ("payout held", "payouts", "UPDATE payouts SET state = 'held'", "pay_1"),
        ("payout held for too long: give it up, or have its account mended", "payouts",
         "UPDATE payouts SET state = 'held', overdue = true, held_since = '2026-01-05T09:00:00Z'", "pay_1"),
        ("releases wait until the balance at Stripe covers what is owed: top it up, or let them go", "payouts",
         "INSERT INTO suspensions VALUES ('usd', 'suspended', 'not_covered', 500, '', '', '2026-01-05T09:00:00Z')",
         "usd"),
        ("payout failed", "payouts", "UPDATE payouts SET state = 'failed'", "pay_1"),
        ("webhook not handled", "stripe_gateway", """INSERT INTO webhooks VALUES
            ('evt_1', '', '', '', '', '', 0, '', 'parked', '', '2026-01-05T09:00:00Z')""", "evt_1"),
    ],
)  # fmt: skip
def test_an_open_item_is_listed_with_its_age(books: Books, kind: str, service: str, statement: str, item: str) -> None:
    books.plant(service, statement)

    found = books.audit(timedelta(minutes=3)).open_items

    assert [(open_item.kind, open_item.id, open_item.age) for open_item in found] == [
        (kind, item, timedelta(minutes=3))
    ]


@pytest.mark.parametrize(
    ("kind", "table", "row", "item"),
    [
        ("refund owed: pay it by another way and record it", "refunds",
         {"refund_id": "rfd_9", "milestone_id": "mst_1", "state": "owed"}, "rfd_9"),
        ("given to the employer from the platform's own money: recover it from the trainer", "refunds",
         {"refund_id": "rfd_9", "milestone_id": "mst_1", "lost_minor": 5}, "rfd_9"),
        ("frozen: an operator decides", "freezes",
         {"milestone_id": "mst_1", "cause": "fraud_warning", "about": "issfr_1"}, "mst_1"),
        ("dispute at the bank: answer it in time", "card_disputes", {"dispute_id": "du_9", "state": "open"}, "du_9"),
        ("taken by the bank after it was paid out: recover it", "card_disputes",
         {"dispute_id": "du_9", "milestone_id": "mst_1", "debt_minor": 5}, "du_9"),
    ],
)  # fmt: skip
def test_money_that_waits_for_a_person_is_an_open_item(
    books: Books, kind: str, table: str, row: dict[str, object], item: str
) -> None:
    books.add("funding", table, **row)

    found = books.audit(timedelta(minutes=3)).open_items

    assert [(open_item.kind, open_item.id, open_item.age) for open_item in found] == [
        (kind, item, timedelta(minutes=3))
    ]


@pytest.mark.parametrize(
    ("state", "asked_in", "waits"),
    [
        ("given", "needs_response", False),
        ("refused", "needs_response", True),
        ("submitted", "warning_needs_response", True),
    ],
)
def test_a_dispute_that_was_answered_waits_for_nobody(books: Books, state: str, asked_in: str, waits: bool) -> None:
    books.add("funding", "card_disputes", dispute_id="du_9", state="open", status="needs_response")
    books.add("funding", "dispute_evidence", evidence_id="evd_9", dispute_id="du_9", state=state, asked_in=asked_in)

    assert [found.id for found in books.audit().open_items] == (["du_9"] if waits else [])


def test_money_near_its_limit_is_an_open_item_while_it_is_held(books: Books) -> None:
    kind = "held money near its limit: refund it or have it released"
    books.add("funding", "hold_limits", funding_id="fnd_1", milestone_id="mst_1", decide_since=NOW)
    assert books.audit().open_items == []

    books.add("funding", "ledger_entries", posting_id="pst_9", account="held", milestone_id="mst_1", amount_minor=-5)
    assert [(item.kind, item.id) for item in books.audit().open_items] == [(kind, "mst_1")]


@pytest.mark.parametrize("state", ["asked", "pending"])
def test_a_refund_is_an_open_item_once_it_takes_long(books: Books, state: str) -> None:
    books.add("funding", "refunds", refund_id="rfd_9", milestone_id="mst_1", state=state)

    def listed(after: timedelta) -> list[str]:
        items = books.audit(after).open_items
        return [item.id for item in items if item.kind == "refund under way for long"]

    assert listed(timedelta(minutes=14)) == []
    assert listed(timedelta(minutes=15)) == ["rfd_9"]


def test_what_is_under_way_is_listed_once_it_takes_long(books: Books) -> None:
    books.plant("approvals", "UPDATE relay_cursor SET sequence = 0", "UPDATE releases SET outcome = 'approved'")
    books.plant("payouts", "UPDATE payouts SET state = 'transferring'")
    books.plant("stripe_gateway", "DELETE FROM attempts WHERE attempt_id = 'cmd_2'", """INSERT INTO webhooks VALUES
        ('evt_1', '', '', '', '', '', 0, '', 'received', '', '2026-01-05T09:00:00Z')""")  # fmt: skip

    assert books.audit(timedelta(minutes=14)).open_items == []
    assert {(item.kind, item.id) for item in books.audit(timedelta(minutes=15)).open_items} == {
        ("lines not published", "from number 1"),
        ("approval that the ledger has not answered", "rel_1"),
        ("transfer under way for long", "pay_1"),
        ("webhook waits", "evt_1"),
        ("funding under way for long", "fnd_2"),
        ("command that the gateway has not taken", "cmd_2"),
    }


def test_a_call_that_nobody_answered_is_listed_once_it_takes_long(books: Books) -> None:
    report = books.audit(timedelta(hours=26))

    found = report.open_items
    told = "\n".join(tell(report))
    assert "open, 1 d 2 h: call to Stripe not answered: stripe_gateway: cmd_2" in told
    assert ("call to Stripe not answered", "cmd_2") in [(item.kind, item.id) for item in found]


def test_a_database_that_is_not_there_is_said_in_one_line(platform: Backing) -> None:
    with pytest.raises(AuditError, match="the database of contracts does not answer"):
        audit(database_urls(f"{platform.database_url}/nowhere"), NOW)
