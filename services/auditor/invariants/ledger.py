"""The books of `funding`: double entry, per milestone, to the cent. Amounts are minor units; credits are negative."""

from services.auditor.invariants.rule import Rule

_FUNDING = ("funding",)
_STANDS = "coalesce(-sum(amount_minor) FILTER (WHERE account = 'held' AND kind = 'charge_succeeded'), 0)"
"""What came in for the work by charges that stand: read from their postings alone, wherever it is now."""
_CHARGED = (
    "coalesce(-sum(amount_minor) FILTER (WHERE (account, kind) IN "
    "(('held', 'charge_succeeded'), ('refunded', 'charge_voided'))), 0)"
)
"""The same with charges that must not stand: they are owed to the employer from the first posting."""
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
        holds="No milestone's held, released, refunded, charged back, transferred or in-flight balance is negative, "
        "nor what it owes to the employer, to the bank or to the trainer.",
        why="A negative balance is money of another milestone.",
        remedy=_STOP + "funding); the money of another milestone went out.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, account || ' is ' || balance || ' ' || currency
            FROM (
                SELECT milestone_id, currency, account, sum(
                    CASE WHEN account IN ('transferred', 'charges_in_flight', 'refund_paid', 'chargeback_paid',
                        'trainer_debts') THEN amount_minor ELSE -amount_minor END
                ) AS balance
                FROM ledger_entries
                WHERE account IN ('held', 'released', 'refunded', 'fees_returned', 'platform_refunds', 'charged_back',
                    'transferred', 'charges_in_flight', 'refund_paid', 'chargeback_paid', 'trainer_debts')
                GROUP BY milestone_id, currency, account
                UNION ALL
                SELECT milestone_id, currency, 'what is owed to the employer', -sum(amount_minor)
                FROM ledger_entries WHERE account IN ('refunded', 'fees_returned', 'platform_refunds', 'refund_paid')
                GROUP BY milestone_id, currency
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
        name="to_make_good_within_released",
        holds="Per milestone, what the trainer has to make good (to the bank's dispute, to the platform) was released.",
        why="More went to the employer than was charged.",
        remedy="Stop refunds of the milestone, find the posting's cause in funding's event log.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, 'to make good ' || owed || ' of ' || released || ' released ' || currency
            FROM (
                SELECT milestone_id, currency,
                    coalesce(sum(CASE account WHEN 'trainer_debts' THEN amount_minor
                        WHEN 'platform_refunds' THEN -amount_minor END), 0) AS owed,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'released'), 0) AS released
                FROM ledger_entries GROUP BY milestone_id, currency
            ) sums
            WHERE owed > released
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
        holds="What the fundings say came in is what the ledger charged; one is `funded` while something is held.",
        why="State row and postings are written in one transaction: a difference is a write past it.",
        remedy="The ledger decides: find which posting or state row has no event in funding's event log.",
        services=_FUNDING,
        sql=f"""
            SELECT milestone_id, 'fundings ' || states || ' of ' || asked || ', ledger charged ' || charged
                || ' and holds ' || held
            FROM (
                SELECT milestone_id, string_agg(state, '+' ORDER BY requested_at) AS states,
                    coalesce(sum(amount_minor) FILTER (
                        WHERE state IN ('funded', 'released', 'refunded', 'charged_back')), 0) AS asked,
                    bool_or(state = 'funded') AS funded
                FROM fundings GROUP BY milestone_id
            ) f
            FULL JOIN (
                SELECT milestone_id,
                    {_STANDS} AS charged,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'held'), 0) AS held
                FROM ledger_entries GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE coalesce(asked, 0) <> coalesce(charged, 0) OR coalesce(funded, false) <> (coalesce(held, 0) <> 0)
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
        name="refunds_agree_with_ledger",
        holds="Per milestone, what the refunds gave back and still owe is what the ledger says.",
        why="A refund without its posting can be released; a posting without its refund is owed for ever.",
        remedy="The ledger decides: find which refund or posting has no event in funding's event log.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, 'refunds ' || coalesce(given, 0) || ' owing ' || coalesce(owing, 0)
                || ', ledger ' || coalesce(posted, 0) || ' owing ' || coalesce(open, 0)
            FROM (
                SELECT milestone_id, sum(whole) AS given,
                    sum(whole - by_hand_minor - greatest(0, least(
                        debited_minor - returned_minor, whole - by_hand_minor))) AS owing
                FROM (SELECT *, amount_minor + lost_minor + fees_minor AS whole FROM refunds) each
                WHERE state <> 'refused' GROUP BY milestone_id
            ) r
            FULL JOIN (
                SELECT milestone_id,
                    -sum(amount_minor) FILTER (WHERE account <> 'refund_paid') AS posted,
                    -sum(amount_minor) AS open
                FROM ledger_entries WHERE account IN ('refunded', 'fees_returned', 'platform_refunds', 'refund_paid')
                GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE coalesce(given, 0) <> coalesce(posted, 0) OR coalesce(owing, 0) <> coalesce(open, 0)
        """,
    ),
    Rule(
        name="disputes_agree_with_ledger",
        holds="Per milestone, what the bank has by the disputes' parts is what the ledger says.",
        why="A win gives back exactly what was taken: by these parts.",
        remedy="The ledger decides: find which dispute or posting has no event in funding's event log.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, 'disputes ' || coalesce(taken, 0) || ' owing ' || coalesce(debts, 0)
                || ', ledger ' || coalesce(posted, 0) || ' owing ' || coalesce(owing, 0)
            FROM (
                SELECT milestone_id, sum(from_held_minor + recovered_minor) AS taken, sum(debt_minor) AS debts
                FROM card_disputes GROUP BY milestone_id
            ) d
            FULL JOIN (
                SELECT milestone_id,
                    coalesce(-sum(amount_minor) FILTER (WHERE account = 'charged_back'), 0) AS posted,
                    coalesce(sum(amount_minor) FILTER (WHERE account = 'trainer_debts'), 0) AS owing
                FROM ledger_entries WHERE account IN ('charged_back', 'trainer_debts') GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE coalesce(taken, 0) <> coalesce(posted, 0) OR coalesce(debts, 0) <> coalesce(owing, 0)
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
        holds="A milestone has one funding at most whose charge stands.",
        why="Two: the employer was charged twice and the second was not voided.",
        remedy="Refund one of the two charges.",
        services=_FUNDING,
        sql="""
            SELECT milestone_id, string_agg(funding_id || ' ' || coalesce(charge_id, '-'), ', ' ORDER BY funding_id)
            FROM fundings WHERE state IN ('funded', 'released', 'refunded', 'charged_back')
            GROUP BY milestone_id HAVING count(*) > 1
        """,
    ),
    Rule(
        name="frozen_money_stays",
        holds="Nothing is released of a milestone while it is frozen.",
        why="The employer's bank, an operator or a party asked for this very money.",
        remedy="Hold the milestone's payouts, reverse the transfer if it was made; find how it passed the freeze.",
        services=_FUNDING,
        # A freeze that is set again stands in the same row, so one that was lifted before is not seen here.
        sql="""
            SELECT l.milestone_id, 'released at ' || l.posted_at || ', frozen by ' || f.cause || ' from ' || f.frozen_at
                || coalesce(' to ' || f.lifted_at, '')
            FROM ledger_entries l JOIN freezes f USING (milestone_id)
            WHERE l.kind = 'funds_released' AND l.account = 'released'
                AND l.posted_at > f.frozen_at AND l.posted_at < coalesce(f.lifted_at, 'infinity')
        """,
    ),
)
