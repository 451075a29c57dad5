"""What is read of each database so that rules between services can be asked in one place."""

from dataclasses import dataclass

from schemas.catalogue import TOPICS
from services.auditor.invariants.rule import CORE


@dataclass(frozen=True, slots=True)
class Extract:
    """A temporary table, filled from one or several databases. Its first column, `service`, says from which."""

    table: str
    services: tuple[str, ...]
    columns: str
    """As in CREATE TABLE, in the order of the query."""
    sql: str
    early: bool = False
    """Read before the snapshots of all databases are taken, so that no later snapshot can lie behind it."""


_SEEN = "SELECT source, key, version FROM streams_seen"

EXTRACTS = (
    Extract("seen_early", CORE, "source text, key text, version bigint", _SEEN, early=True),
    Extract("seen", CORE, "source text, key text, version bigint", _SEEN),
    Extract("streams", CORE, "key text, version bigint", "SELECT key, version FROM streams"),
    Extract(
        "contracts_milestones",
        ("contracts",),
        "milestone_id text, contract_id text, status text, funding_state text, payout_state text, held_minor bigint, "
        "unsettled_minor bigint, released_minor bigint",
        "SELECT milestone_id, contract_id, status, funding_state, payout_state, held_minor, unsettled_minor, "
        "released_minor FROM milestones",
    ),
    Extract(
        "contracts_payouts",
        ("contracts",),
        "payout_id text, milestone_id text, state text",
        "SELECT payout_id, milestone_id, state FROM payouts",
    ),
    Extract(
        "fundings",
        ("funding",),
        "funding_id text, milestone_id text, contract_id text, state text, charge_minor bigint",
        "SELECT funding_id, milestone_id, contract_id, state, "
        "amount_minor + marketplace_fee_minor + initiation_fee_minor FROM fundings",
    ),
    Extract(
        "ledger",
        ("funding",),
        "milestone_id text, contract_id text, account text, balance bigint",
        "SELECT milestone_id, contract_id, account, sum(amount_minor) FROM ledger_entries "
        "GROUP BY milestone_id, contract_id, account",
    ),
    Extract(
        "returned",
        ("funding",),
        "milestone_id text, contract_id text, returned bigint",
        "SELECT milestone_id, contract_id, sum(reversed_minor) FROM returned_transfers "
        "GROUP BY milestone_id, contract_id",
    ),
    Extract(
        "reviews",
        ("approvals",),
        "milestone_id text, contract_id text, state text, held_minor bigint",
        "SELECT milestone_id, contract_id, state, held_minor FROM reviews",
    ),
    Extract(
        "payouts",
        ("payouts",),
        "payout_id text, milestone_id text, contract_id text, amount_minor bigint, state text, transfer_id text",
        "SELECT payout_id, milestone_id, contract_id, amount_minor, state, transfer_id FROM payouts",
    ),
    Extract(
        "intents",
        ("stripe_gateway",),
        "funding_id text, contract_id text, state text, charge_minor bigint",
        "SELECT funding_id, contract_id, state, charge_minor FROM intents",
    ),
    Extract(
        "transfers",
        ("stripe_gateway",),
        "payout_id text, milestone_id text, contract_id text, amount_minor bigint, state text, transfer_id text, "
        "reversed_minor bigint",
        "SELECT payout_id, milestone_id, contract_id, amount_minor, state, transfer_id, reversed_minor FROM transfers",
    ),
    Extract(
        "asked",
        ("funding", "payouts"),
        "sequence bigint, key text, event_id text, type text, about text, at timestamptz",
        "SELECT sequence, key, event_id, type, coalesce(body::jsonb ->> 'payout_id', body::jsonb ->> 'funding_id', "
        "body::jsonb ->> 'payment_method_id', key), time FROM event_log WHERE topic = 'stripe.commands'",
    ),
    # A command was taken when it has its call, or an answer that names it (a refusal needs no call).
    Extract(
        "taken",
        ("stripe_gateway",),
        "event_id text",
        "SELECT attempt_id FROM attempts UNION SELECT causation_id FROM event_log",
    ),
)

READS: tuple[tuple[str, str], ...] = tuple(
    sorted(
        (consumer, producer)
        for topic in TOPICS
        if topic.name.endswith(".events")
        for producer in topic.producers
        for consumer in topic.consumers
        if producer in CORE and consumer in CORE
    )
)
"""Which service takes whose events: consumer, producer."""

BEHIND = """
    CREATE TEMP TABLE behind AS
    SELECT r.consumer, r.source, s.key
    FROM reads r JOIN streams s ON s.service = r.source
    LEFT JOIN seen e ON e.service = r.consumer AND e.source = r.source AND e.key = s.key
    WHERE e.version IS DISTINCT FROM s.version
    UNION
    SELECT e.service, e.source, e.key FROM seen e
    LEFT JOIN streams s ON s.service = e.source AND s.key = e.key WHERE s.key IS NULL
"""
"""Keys of which a consumer has not taken everything that its producer said when both were read (or already more):
what it knows of them is just on its way and is not compared."""
