"""What is accepted and not done: no fault by itself, but somebody may have to look. Listed with its age."""

from dataclasses import dataclass

from services.auditor.invariants.rule import CORE


@dataclass(frozen=True, slots=True)
class OpenQuery:
    """One kind of open item: its query gives id, what, and since when, as text, text, timestamptz."""

    kind: str
    sql: str
    services: tuple[str, ...] = ()
    """Empty: asked of the temporary tables in `extracts`."""
    only_stale: bool = False
    """Under way is normal: listed only when it takes long."""


OPEN_ITEMS = (
    OpenQuery(
        "call to Stripe not answered",
        "SELECT attempt_id, operation || ' for ' || about, opened_at FROM attempts WHERE state = 'open'",
        ("stripe_gateway",),
        only_stale=True,
    ),
    OpenQuery(
        "call to Stripe with unknown outcome",
        "SELECT attempt_id, operation || ' for ' || about || coalesce(': ' || message, ''), opened_at "
        "FROM attempts WHERE state = 'unknown'",
        ("stripe_gateway",),
    ),
    OpenQuery(
        "webhook not handled",
        "SELECT event_id, type || ' of ' || object_id || ' is ' || state || ' ' || reason, received_at "
        "FROM webhooks WHERE state = 'parked'",
        ("stripe_gateway",),
    ),
    OpenQuery(
        "webhook waits",
        "SELECT event_id, type || ' of ' || object_id, received_at FROM webhooks WHERE state = 'received'",
        ("stripe_gateway",),
        only_stale=True,
    ),
    OpenQuery(
        "parked message",
        "SELECT key, topic || ' ' || reason, parked_at FROM parked_messages",
        CORE,
    ),
    OpenQuery(
        "funding under way for long",
        "SELECT funding_id, state || ' for ' || milestone_id, requested_at FROM fundings "
        "WHERE state IN ('processing', 'action_required')",
        ("funding",),
        only_stale=True,
    ),
    OpenQuery(
        "charge that Stripe converted: give it back",
        "SELECT f.funding_id, 'of ' || f.milestone_id || ': ' || coalesce(f.charge_id, ''), f.requested_at "
        "FROM fundings f WHERE f.state = 'set_aside' AND 0 > (SELECT coalesce(sum(e.amount_minor), 0) "
        "FROM ledger_entries e WHERE e.milestone_id = f.milestone_id AND e.account = 'set_aside')",
        ("funding",),
    ),
    OpenQuery(
        "refund owed: pay it by another way and record it",
        "SELECT refund_id, 'of ' || milestone_id || coalesce(': ' || code, ''), changed_at "
        "FROM refunds WHERE state = 'owed'",
        ("funding",),
    ),
    OpenQuery(
        "given to the employer from the platform's own money: recover it from the trainer",
        "SELECT refund_id, lost_minor || ' ' || currency || ' of ' || milestone_id, requested_at "
        "FROM refunds WHERE lost_minor > 0 AND state <> 'refused'",
        ("funding",),
    ),
    OpenQuery(
        "refund under way for long",
        "SELECT refund_id, state || ' of ' || milestone_id || coalesce(': ' || code, ''), requested_at "
        "FROM refunds WHERE state IN ('asked', 'pending')",
        ("funding",),
        only_stale=True,
    ),
    OpenQuery(
        "frozen: an operator decides",
        "SELECT milestone_id, cause || ' ' || about || ': ' || reason, frozen_at FROM freezes "
        "WHERE lifted_at IS NULL AND cause IN ('operator', 'reconciliation', 'fraud_warning', 'transfer_reversed')",
        ("funding",),
    ),
    OpenQuery(
        "dispute at the bank: answer it in time",
        "SELECT dispute_id, status || ' of ' || milestone_id || coalesce(', due ' || evidence_due_at::text, ''), "
        "opened_at FROM card_disputes AS d WHERE state IN ('inquiry', 'open') "
        "AND status NOT IN ('under_review', 'warning_under_review') AND NOT EXISTS (SELECT FROM dispute_evidence AS e "
        "WHERE e.dispute_id = d.dispute_id AND e.asked_in = d.status AND e.state <> 'refused')",
        ("funding",),
    ),
    OpenQuery(
        "taken by the bank after it was paid out: recover it",
        "SELECT dispute_id, debt_minor || ' ' || currency || ' of ' || milestone_id, opened_at "
        "FROM card_disputes WHERE debt_minor > 0",
        ("funding",),
    ),
    OpenQuery(
        "held money near its limit: refund it or have it released",
        "SELECT h.milestone_id, 'until ' || to_char(h.hold_until, 'YYYY-MM-DD HH24:MI TZ'), h.decide_since "
        "FROM hold_limits h WHERE h.decide_since IS NOT NULL AND 0 > (SELECT coalesce(sum(e.amount_minor), 0) "
        "FROM ledger_entries e WHERE e.milestone_id = h.milestone_id AND e.account = 'held')",
        ("funding",),
    ),
    OpenQuery(
        "payout held for too long: give it up, or have its account mended",
        "SELECT payout_id, 'of ' || milestone_id || coalesce(': ' || reason, ''), held_since "
        "FROM payouts WHERE state = 'held' AND overdue",
        ("payouts",),
    ),
    OpenQuery(
        "payout held",
        "SELECT payout_id, 'of ' || milestone_id || coalesce(': ' || reason, ''), updated_at "
        "FROM payouts WHERE state = 'held' AND NOT overdue",
        ("payouts",),
    ),
    OpenQuery(
        "releases wait until the balance at Stripe covers what is owed: top it up, or let them go",
        "SELECT currency, state || ': ' || reason, changed_at FROM suspensions WHERE state IN ('suspended', 'waived')",
        ("payouts",),
    ),
    OpenQuery(
        "payout failed",
        "SELECT payout_id, 'of ' || milestone_id || coalesce(': ' || failure_code, ''), updated_at "
        "FROM payouts WHERE state = 'failed'",
        ("payouts",),
    ),
    OpenQuery(
        "reversal refused",
        "SELECT reversal_id, 'of ' || payout_id || coalesce(': ' || code, ''), ended_at FROM reversals AS refused "
        "WHERE state = 'refused' AND NOT EXISTS (SELECT 1 FROM reversals AS later WHERE "
        "later.payout_id = refused.payout_id AND later.state = 'made' AND later.ended_at > refused.ended_at)",
        ("payouts",),
    ),
    OpenQuery(
        "transfer under way for long",
        "SELECT payout_id, 'of ' || milestone_id, updated_at FROM payouts WHERE state = 'transferring'",
        ("payouts",),
        only_stale=True,
    ),
    OpenQuery(
        "approval that the ledger has not answered",
        "SELECT release_id, 'of ' || milestone_id, approved_at FROM releases WHERE outcome = 'approved'",
        ("approvals",),
        only_stale=True,
    ),
    OpenQuery(
        "lines not published",
        "SELECT 'from number ' || min(sequence), count(*) || ' lines', min(time) FROM event_log "
        "WHERE sequence > coalesce((SELECT max(sequence) FROM relay_cursor), 0) HAVING count(*) > 0",
        CORE,
        only_stale=True,
    ),
    OpenQuery(
        "command that the gateway has not taken",
        "SELECT a.event_id, a.type || ' for ' || a.about, a.at FROM asked a "
        "WHERE NOT EXISTS (SELECT FROM taken t WHERE t.event_id = a.event_id) "
        "AND NOT EXISTS (SELECT FROM intents i WHERE i.funding_id = a.about AND i.state = 'succeeded') "
        "AND NOT EXISTS (SELECT FROM transfers t WHERE t.payout_id = a.about AND t.state = 'created') "
        "AND a.type IN ('stripe.create_payment_intent.v1', 'stripe.confirm_payment_intent.v1', "
        "'stripe.create_transfer.v1')",
        only_stale=True,
    ),
)
