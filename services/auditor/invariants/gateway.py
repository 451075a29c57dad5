"""What the gateway asked of Stripe: each thing once, for one command."""

from services.auditor.invariants.rule import Rule

_GATEWAY = ("stripe_gateway",)
_REVERSE = "Look both objects up at Stripe (request_id is in attempts); reverse or refund the second."

RULES = (
    Rule(
        name="object_made_by_one_command",
        holds="What was made at Stripe was made for exactly one command.",
        why="An object of two commands pays one debt where two were to be paid.",
        remedy="Look the object up at Stripe: its metadata name what it was made for. Correct the other attempt.",
        services=_GATEWAY,
        sql="""
            SELECT object_id, string_agg(attempt_id || ' for ' || about, ', ' ORDER BY attempt_id)
            FROM attempts WHERE (operation LIKE 'create\\_%' OR operation = 'reverse_transfer') AND state = 'succeeded'
                AND object_id IS NOT NULL
            GROUP BY object_id HAVING count(*) > 1
        """,
    ),
    Rule(
        name="one_object_each",
        holds="A funding has one payment intent, a payout one transfer, a request one refund or reversal, a party one "
        "account or customer.",
        why="A second one is a second charge, or money sent twice.",
        remedy=_REVERSE,
        services=_GATEWAY,
        sql="""
            SELECT about, operation || ': ' || string_agg(coalesce(object_id, '-') || ' by ' || attempt_id, ', '
                ORDER BY attempt_id)
            FROM attempts WHERE (operation LIKE 'create\\_%' OR operation = 'reverse_transfer') AND state = 'succeeded'
            GROUP BY about, operation HAVING count(*) > 1
        """,
    ),
    Rule(
        name="succeeded_once",
        holds="A funding's charge and a payout's transfer are told once.",
        why="Told twice, they are booked twice.",
        remedy=_REVERSE + " When it is one object told twice: correct the ledger by a new posting.",
        services=_GATEWAY,
        sql="""
            SELECT subject, type || ' ' || count(*) || ' times: numbers '
                || string_agg(sequence::text, ', ' ORDER BY sequence)
            FROM (
                SELECT sequence, type, coalesce(body::jsonb ->> 'payout_id', body::jsonb ->> 'funding_id') AS subject
                FROM event_log
                WHERE type IN ('stripe.payment_intent_succeeded.v1', 'stripe.charge_converted.v1',
                    'stripe.transfer_created.v1')
            ) told
            GROUP BY subject, type HAVING count(*) > 1
        """,
    ),
    Rule(
        name="object_has_its_command",
        holds="Each payment intent and transfer that we know of was asked for by a command.",
        why="One that nobody asked for is not ours to count.",
        remedy="Look the object up at Stripe, find who made it, and refund or reverse it.",
        services=_GATEWAY,
        sql="""
            SELECT o.object_id, 'of ' || o.about || ': no attempt made it'
            FROM (
                SELECT payment_intent_id AS object_id, funding_id AS about, 'create_payment_intent' AS operation
                FROM intents WHERE payment_intent_id IS NOT NULL
                UNION ALL
                SELECT transfer_id, payout_id, 'create_transfer' FROM transfers WHERE transfer_id IS NOT NULL
            ) o
            WHERE NOT EXISTS (
                SELECT FROM attempts a WHERE a.about = o.about AND a.operation = o.operation
                AND coalesce(a.object_id, o.object_id) = o.object_id
            )
        """,
    ),
)
