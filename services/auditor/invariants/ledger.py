"""The books of `funding`: double entry, per milestone, to the cent. Amounts are minor units; credits are negative."""

from services.auditor.invariants.rule import Rule

_FUNDING = ("funding",)
_CHARGED = "coalesce(-sum(amount_minor) FILTER (WHERE account = 'held' AND kind = 'charge_succeeded'), 0)"
"""What came in for the work: read from the postings of charges alone, wherever it is now."""
_STOP = "Stop releases of these milestones (stop payouts), find the posting's cause (cause_id is in the event log of "

RULES = (
    Rule(
        name="postings_sum_to_zero",
        holds="Every posting sums to zero in each currency.",
        why="Double entry: money never appears or disappears, it moves between accounts.",
        remedy="The posting was written past the ledger's code. " + _STOP + "the service that said it) and correct it "
        "by a new posting; the ledger is append-only.",
        services=_FUNDING,
        sql="""
            SELECT posting_id || ' of ' || min(milestone_id), 'sums to ' || sum(amount_minor) || ' ' || currency
            FROM ledger_entries GROUP BY posting_id, currency HAVING sum(amount_minor) <> 0
        """,
    ),
    Rule(
        name="charged_is_accounted_for",
        holds="Per milestone: charged = held + released + refunded + charged back.",
        why="What an employer paid for the work is always in exactly one of these four places.",
        remedy=_STOP + "funding) and correct it by a new posting.",
        services=_FUNDING,
        sql=f"""
            SELECT milestone_id, 'charged ' || charged || ', accounted for ' || there || ' ' || currency
            FROM (
                SELECT milestone_id, currency,
                    {_CHARGED} AS charged,
                    coalesce(-sum(amount_minor) FILTER (
                        WHERE account IN ('held', 'released', 'refunded', 'charged_back')), 0) AS there
                FROM ledger_entries GROUP BY milestone_id, currency
            ) sums
            WHERE charged <> there
        """,
    ),
    Rule(
        name="no_negative_balance",
        holds="No milestone's held, released, refunded, charged back, transferred or in-flight balance is negative.",
        why="A negative balance is money of another milestone.",
        remedy=_STOP + "funding); the money of another milestone went out.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, account || ' is ' || balance || ' ' || currency
            FROM (
                SELECT milestone_id, currency, account, sum(
                    CASE WHEN account IN ('transferred', 'charges_in_flight') THEN amount_minor ELSE -amount_minor END
                ) AS balance
                FROM ledger_entries
                WHERE account IN ('held', 'released', 'refunded', 'charged_back', 'transferred', 'charges_in_flight')
                GROUP BY milestone_id, currency, account
            ) sums
            WHERE balance < 0
        """,
    ),
    Rule(
        name="released_within_charged",
        holds="Per milestone, no more is released than was charged for that very milestone.",
        why="Nothing is released from another milestone's money.",
        remedy=_STOP + "approvals) and hold the milestone's payouts.",
        services=_FUNDING,
        sql=f"""
            SELECT milestone_id, 'released ' || released || ' of ' || charged || ' ' || currency
            FROM (
                SELECT milestone_id, currency,
                    {_CHARGED} AS charged,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'released'), 0) AS released
                FROM ledger_entries GROUP BY milestone_id, currency
            ) sums
            WHERE released > charged
        """,
    ),
    Rule(
        name="transferred_within_released",
        holds="Per milestone, no more is transferred than was released.",
        why="Nothing goes out that did not come in and was not approved.",
        remedy="Compare the transfers of the milestone at Stripe with its payouts; reverse what is too much.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, 'transferred ' || transferred || ' of ' || released || ' ' || currency
            FROM (
                SELECT milestone_id, currency,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'released'), 0) AS released,
                    coalesce(sum(amount_minor) FILTER (WHERE account = 'transferred'), 0) AS transferred
                FROM ledger_entries GROUP BY milestone_id, currency
            ) sums
            WHERE transferred > released
        """,
    ),
    Rule(
        name="fundings_agree_with_ledger",
        holds="What the fundings say came in is what the ledger charged; a funding is `released` when nothing is held.",
        why="State row and postings are written in one transaction: a difference is a write past it.",
        remedy="The ledger decides: find which posting or state row has no event in funding's event log.",
        services=_FUNDING,
        sql=f"""
            SELECT milestone_id, 'fundings ' || states || ' of ' || asked || ', ledger charged ' || charged
                || ' and holds ' || held
            FROM (
                SELECT milestone_id, string_agg(state, '+' ORDER BY requested_at) AS states,
                    coalesce(sum(amount_minor) FILTER (WHERE state IN ('funded', 'released')), 0) AS asked,
                    bool_or(state = 'funded') AS funded, bool_or(state = 'released') AS released
                FROM fundings GROUP BY milestone_id
            ) f
            FULL JOIN (
                SELECT milestone_id,
                    {_CHARGED} AS charged,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'held'), 0) AS held
                FROM ledger_entries GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE coalesce(asked, 0) <> coalesce(charged, 0)
                OR (funded AND coalesce(held, 0) = 0)
                OR (released AND NOT funded AND coalesce(held, 0) <> 0)
        """,
    ),
    Rule(
        name="in_flight_agrees_with_fundings",
        holds="What is in flight in the ledger is what the fundings under way asked of Stripe.",
        why="An answer that was booked twice or never leaves a charge in flight for ever.",
        remedy="Compare the funding's attempts with its charge_requested and charge_answered postings.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, 'under way ' || coalesce(asked, 0) || ', in flight ' || coalesce(flying, 0)
            FROM (
                SELECT milestone_id, sum(amount_minor + marketplace_fee_minor + initiation_fee_minor) AS asked
                FROM fundings WHERE state IN ('processing', 'action_required') GROUP BY milestone_id
            ) f
            FULL JOIN (
                SELECT milestone_id, sum(amount_minor) AS flying
                FROM ledger_entries WHERE account = 'charges_in_flight' GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE coalesce(asked, 0) <> coalesce(flying, 0)
        """,
    ),
    Rule(
        name="one_funding_under_way",
        holds="One funding at most is under way for a milestone.",
        why="Two under way can charge the employer twice.",
        remedy="Cancel the payment intent of one of them at Stripe before it is charged.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, string_agg(funding_id || ' ' || state, ', ' ORDER BY funding_id)
            FROM fundings WHERE state IN ('processing', 'action_required')
            GROUP BY milestone_id HAVING count(*) > 1
        """,
    ),
    Rule(
        name="charged_once",
        holds="A milestone has one funding at most with money in it.",
        why="Two: the employer was charged twice (a declined charge that succeeded late, beside a new one).",
        remedy="Refund one of the two charges.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, string_agg(funding_id || ' ' || coalesce(charge_id, '-'), ', ' ORDER BY funding_id)
            FROM fundings WHERE state IN ('funded', 'released') GROUP BY milestone_id HAVING count(*) > 1
        """,
    ),
)
