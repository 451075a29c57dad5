"""What two services know of the same thing agrees, once the one has heard everything that the other said about it.

Asked of the temporary tables in `extracts`. `behind` names what is just on its way: it is left out.
"""

from services.auditor.invariants.rule import Rule


def _level(key: str, *pairs: tuple[str, str]) -> str:
    """SQL: each consumer has taken all that its producer said about this key."""
    wanted = ", ".join(f"('{consumer}', '{source}')" for consumer, source in pairs)
    return f"NOT EXISTS (SELECT FROM behind b WHERE b.key = {key} AND (b.consumer, b.source) IN ({wanted}))"


_ALL_LEVEL = _level(
    "m.contract_id", ("contracts", "approvals"), ("contracts", "funding"), ("approvals", "contracts"),
    ("approvals", "funding"), ("funding", "approvals"),
)  # fmt: skip
_REBUILD = (
    "Compare the event logs of both about this contract: the owner of the fact is right, the other is corrected "
    "from its events."
)

RULES = (
    Rule(
        name="nobody_is_ahead_of_a_producer",
        holds="No consumer has taken an event that its producer does not have.",
        why="The producer's database was restored to an older state: what it says next will be dropped as seen.",
        remedy="Restore the producer's event log from its topic before it is started again.",
        # What was seen is read before the snapshots, so a healthy producer is never behind it.
        sql="""
            SELECT e.key, e.service || ' has ' || e.version || ' of ' || e.source || ', which has '
                || coalesce(s.version, 0)
            FROM seen_early e LEFT JOIN streams s ON s.service = e.source AND s.key = e.key
            WHERE e.version > coalesce(s.version, 0) AND e.source IN (SELECT DISTINCT source FROM reads)
        """,
    ),
    Rule(
        name="commands_reach_the_gateway",
        holds="The gateway took every command that was given before one that it took already.",
        why="A command that was passed over is a charge or a transfer that nobody makes.",
        remedy="The funding or payout waits for ever: give the command again (its idempotency key makes that safe).",
        # Commands of one key come in order. Those that found everything done leave only the thing's own row.
        sql="""
            SELECT a.about, a.type || ' ' || a.event_id || ' of ' || a.service || ' was passed over'
            FROM asked a
            WHERE a.type IN ('stripe.create_payment_intent.v1', 'stripe.create_transfer.v1')
                AND NOT EXISTS (SELECT FROM taken t WHERE t.event_id = a.event_id)
                AND NOT EXISTS (SELECT FROM intents i WHERE i.funding_id = a.about)
                AND NOT EXISTS (SELECT FROM transfers t WHERE t.payout_id = a.about)
                AND EXISTS (
                    SELECT FROM asked later JOIN taken t ON t.event_id = later.event_id
                    WHERE later.service = a.service AND later.key = a.key AND later.sequence > a.sequence
                )
        """,
    ),
    Rule(
        name="charges_agree",
        holds="A funding has its money exactly when the gateway's payment intent succeeded, over the same sum.",
        why="Money at Stripe that the ledger does not know, or the other way round.",
        remedy="Read the payment intent at Stripe. " + _REBUILD,
        sql=f"""
            SELECT coalesce(f.funding_id, i.funding_id),
                'funding ' || coalesce(f.state || ' ' || f.charge_minor, 'none')
                || ', payment intent ' || coalesce(i.state || ' ' || i.charge_minor, 'none')
            FROM fundings f FULL JOIN intents i USING (funding_id)
            WHERE {_level("coalesce(f.contract_id, i.contract_id)", ("funding", "stripe_gateway"))}
                AND (coalesce(f.state IN ('funded', 'released', 'refunded', 'charged_back', 'voided',
                            'set_aside'), false)
                        <> coalesce(i.state IN ('succeeded', 'set_aside'), false)
                    OR f.charge_minor <> i.charge_minor)
        """,
    ),
    Rule(
        name="transfers_agree",
        holds="Per milestone, what the ledger transferred is what the gateway's transfers moved.",
        why="Money that left unbooked, or was booked and never left.",
        remedy="Read the transfers of the contract at Stripe (transfer group). " + _REBUILD,
        sql=f"""
            SELECT milestone_id, 'ledger ' || coalesce(l.balance, 0) || ', gateway ' || coalesce(t.moved, 0)
            FROM (SELECT milestone_id, contract_id, balance FROM ledger WHERE account = 'transferred') l
            FULL JOIN (
                SELECT milestone_id, contract_id, sum(amount_minor - reversed_minor) AS moved
                FROM transfers WHERE transfer_id IS NOT NULL GROUP BY milestone_id, contract_id
            ) t USING (milestone_id)
            WHERE coalesce(l.balance, 0) <> coalesce(t.moved, 0)
                AND {_level("coalesce(l.contract_id, t.contract_id)", ("funding", "stripe_gateway"))}
        """,
    ),
    Rule(
        name="payouts_know_their_transfers",
        holds="A payout names the transfer that the gateway made for it, over the same sum.",
        why="A payout that does not know its transfer may ask for another.",
        remedy=_REBUILD,
        sql=f"""
            SELECT coalesce(p.payout_id, t.payout_id), 'payout ' || coalesce(p.transfer_id || ' ' || p.amount_minor,
                'none') || ', gateway ' || coalesce(t.transfer_id || ' ' || t.amount_minor, 'none')
            FROM (SELECT * FROM payouts WHERE transfer_id IS NOT NULL) p
            FULL JOIN (SELECT * FROM transfers WHERE transfer_id IS NOT NULL) t USING (payout_id)
            WHERE (p.transfer_id IS DISTINCT FROM t.transfer_id OR p.amount_minor IS DISTINCT FROM t.amount_minor)
                AND {_level("coalesce(p.contract_id, t.contract_id)", ("payouts", "stripe_gateway"))}
        """,
    ),
    Rule(
        name="releases_are_paid_out",
        holds="Per milestone, the payouts that were not given up add up to what the ledger released, with what came "
        "back from them.",
        why="Released money that nobody pays out, or a payout of money that was not released.",
        remedy=_REBUILD,
        sql=f"""
            SELECT milestone_id, 'released ' || -coalesce(l.balance, 0) || ', returned ' || coalesce(r.returned, 0)
                || ', payouts ' || coalesce(p.paid, 0)
            FROM (SELECT milestone_id, contract_id, balance FROM ledger WHERE account = 'released') l
            FULL JOIN (
                SELECT milestone_id, contract_id, sum(amount_minor) AS paid FROM payouts WHERE state <> 'given_up'
                GROUP BY milestone_id, contract_id
            ) p USING (milestone_id)
            LEFT JOIN returned r USING (milestone_id)
            WHERE coalesce(r.returned, 0) - coalesce(l.balance, 0) <> coalesce(p.paid, 0)
                AND {_level("coalesce(l.contract_id, p.contract_id)", ("payouts", "funding"), ("funding", "payouts"))}
        """,
    ),
    Rule(
        name="review_agrees_with_ledger",
        holds="What the review believes to be held is what the ledger holds.",
        why="Approvals refuses early by what it believes.",
        remedy=_REBUILD,
        sql=f"""
            SELECT r.milestone_id, 'review ' || r.held_minor || ', ledger ' || -coalesce(l.balance, 0)
            FROM reviews r LEFT JOIN ledger l ON l.milestone_id = r.milestone_id AND l.account = 'held'
            WHERE r.held_minor <> -coalesce(l.balance, 0)
                AND {_level("r.contract_id", ("approvals", "funding"), ("funding", "approvals"))}
        """,
    ),
    Rule(
        name="shown_sums_agree_with_ledger",
        holds="The held and released sums that everybody sees are the ledger's.",
        why="People decide by what they see.",
        remedy=_REBUILD,
        sql=f"""
            SELECT m.milestone_id, 'shown held ' || m.held_minor || ' released ' || m.released_minor || ', ledger held '
                || coalesce(l.held, 0) || ' released ' || coalesce(l.released, 0)
            FROM contracts_milestones m
            LEFT JOIN (
                SELECT milestone_id, -sum(balance) FILTER (WHERE account = 'held') AS held,
                    -sum(balance) FILTER (WHERE account = 'released') AS released
                FROM ledger GROUP BY milestone_id
            ) l USING (milestone_id)
            WHERE (m.held_minor <> coalesce(l.held, 0) OR m.released_minor <> coalesce(l.released, 0))
                AND {_level("m.contract_id", ("contracts", "funding"))}
        """,
    ),
    Rule(
        name="shown_funding_agrees",
        holds="The funding state that everybody sees is that of the milestone's fundings.",
        why="An employer may be asked to pay what is paid.",
        remedy=_REBUILD,
        # Without a funding: none yet, or the hire's own charge could not begin (`failed`). What became of money that
        # came in has more names in what is shown.
        sql=f"""
            SELECT m.milestone_id, 'shown ' || m.funding_state || ', fundings ' || coalesce(f.state, 'none')
            FROM contracts_milestones m
            LEFT JOIN (
                SELECT milestone_id, CASE
                    WHEN bool_or(state IN ('funded', 'released', 'refunded', 'charged_back')) THEN 'funded'
                    WHEN bool_or(state = 'action_required') THEN 'action_required'
                    WHEN bool_or(state = 'processing') THEN 'processing'
                    ELSE 'failed' END AS state
                FROM fundings GROUP BY milestone_id
            ) f USING (milestone_id)
            WHERE NOT (m.funding_state = coalesce(f.state, 'none') OR (f.state IS NULL AND m.funding_state = 'failed')
                    OR (f.state = 'funded' AND m.funding_state IN ('refund_pending', 'refunded', 'charged_back')))
                AND {_level("m.contract_id", ("contracts", "funding"), ("funding", "contracts"))}
        """,
    ),
    Rule(
        name="shown_status_agrees_with_review",
        holds="The status that everybody sees follows from the review, and nothing approved is unsettled.",
        why="A trainer may believe to be paid, an employer may approve what is paid.",
        remedy=_REBUILD,
        # A review is closed once nothing is held: the money is on its way back, or back, or with the bank. A dispute at
        # the bank shows as disputed whatever the review. What was approved and paid out may be taken back for the bank.
        sql=f"""
            SELECT m.milestone_id, 'shown ' || m.status || ', review ' || coalesce(r.state, 'none') || ', unsettled '
                || m.unsettled_minor
            FROM contracts_milestones m LEFT JOIN reviews r USING (milestone_id)
            WHERE ((coalesce(r.state, 'none'), m.status) NOT IN (
                    ('not_funded', 'NOT_FUNDED'), ('not_funded', 'CANCELLED'), ('funded', 'ACTIVE_FUNDED'),
                    ('requested', 'PENDING_APPROVAL'), ('approved', 'PAID'), ('closed', 'ACTIVE_FUNDED'),
                    ('closed', 'REFUNDED'), ('closed', 'PAID'), ('disputed', 'DISPUTED'), ('funded', 'DISPUTED'),
                    ('requested', 'DISPUTED'), ('approved', 'DISPUTED'), ('closed', 'DISPUTED'),
                    ('approved', 'REFUNDED'))
                OR m.unsettled_minor <> 0)
                AND {_ALL_LEVEL}
        """,
    ),
    Rule(
        name="shown_payouts_agree",
        holds="How far a payout is, as everybody sees it, is what `payouts` knows.",
        why="A trainer waits for money by what is shown.",
        remedy=_REBUILD,
        # A transfer under way says nothing yet: shown is what was before it.
        sql=f"""
            SELECT p.payout_id, 'shown ' || coalesce(c.state, 'none') || ', payouts ' || p.state
            FROM payouts p LEFT JOIN contracts_payouts c USING (payout_id)
            WHERE NOT (coalesce(c.state, 'none') = p.state
                    OR (p.state = 'transferring' AND coalesce(c.state, 'none') IN ('none', 'held')))
                AND {_level("p.contract_id", ("contracts", "payouts"))}
        """,
    ),
)
