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
        "payout held",
        "SELECT payout_id, 'of ' || milestone_id || coalesce(': ' || reason, ''), updated_at "
        "FROM payouts WHERE state = 'held'",
        ("payouts",),
    ),
    OpenQuery(
        "payout failed",
        "SELECT payout_id, 'of ' || milestone_id || coalesce(': ' || failure_code, ''), updated_at "
        "FROM payouts WHERE state = 'failed'",
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
