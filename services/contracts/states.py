"""The states of a contract, and of what is known of a milestone.

What everybody sees of a milestone follows from facts of four services, which come in any order between two of them. So
no table moves the status itself once money is in it: each table here is moved by one service alone, and the status is
read off all of them together with the sums (`standing`).
"""

from services.runtime.states import Edge, StateTable

ACTIVE = "active"
ARCHIVED = "archived"

NOT_FUNDED = "NOT_FUNDED"
ACTIVE_FUNDED = "ACTIVE_FUNDED"
PENDING_APPROVAL = "PENDING_APPROVAL"
PAID = "PAID"
IN_DISPUTE = "DISPUTED"
CANCELLED = "CANCELLED"
REFUNDED = "REFUNDED"

NONE = "none"
PROCESSING = "processing"
ACTION_REQUIRED = "action_required"
FAILED = "failed"
FUNDED = "funded"
REFUND_PENDING = "refund_pending"
MONEY_REFUNDED = "refunded"
CHARGED_BACK = "charged_back"

OPENED = "opened"
REQUESTED = "requested"
DISPUTED = "disputed"

HELD = "held"
INITIATED = "initiated"
IN_TRANSIT = "in_transit"
BANKED = "paid"
REVERSED = "reversed"
GIVEN_UP = "given_up"

PART = "part"

_CHANGED = "contracts.milestone_status_changed.v1"
_HIRE = "contracts.create_contract.v1"
_AMEND = "contracts.amend_milestone.v1"
_CANCEL = "contracts.cancel_milestone.v1"
_CHARGE_BEGUN = "funding.funding_requested.v1"
_ACTION_REQUIRED = "funding.funding_action_required.v1"
_CHARGE_FAILED = "funding.funding_failed.v1"
_CHARGED = "funding.milestone_funded.v1"
_VOIDED = "funding.refund_requested.v1"
_REQUESTED = "approvals.release_requested.v1"
_WITHDRAWN = "approvals.release_request_withdrawn.v1"
_CHANGES = "approvals.changes_requested.v1"
_APPROVED = "approvals.milestone_approved.v1"
_DISPUTED = "approvals.milestone_disputed.v1"
_RESOLVED = "approvals.dispute_resolved.v1"
_STOPPED = "approvals.dispute_stopped.v1"
_PAYOUT_HELD = "payouts.payout_held.v1"
_PAYOUT_INITIATED = "payouts.payout_initiated.v1"
_PAYOUT_IN_TRANSIT = "payouts.payout_in_transit.v1"
_PAYOUT_PAID = "payouts.payout_paid.v1"
_PAYOUT_FAILED = "payouts.payout_failed.v1"
_PAYOUT_REVERSED = "payouts.payout_reversed.v1"
_PAYOUT_GIVEN_UP = "payouts.payout_given_up.v1"

CONTRACT = StateTable(
    name="contract",
    initial=ACTIVE,
    terminal=(ARCHIVED,),
    edges=(Edge(ACTIVE, "contracts.archive_contract.v1", ARCHIVED, "contracts.contract_archived.v1"),),
)

STATUS = StateTable(
    name="milestone",
    initial=NOT_FUNDED,
    terminal=(CANCELLED,),
    edges=(
        Edge(NOT_FUNDED, _AMEND, NOT_FUNDED, "contracts.milestone_amended.v1"),
        Edge(NOT_FUNDED, _CANCEL, CANCELLED, "contracts.milestone_cancelled.v1"),
    ),
)
"""Before money is in it, a milestone is ours alone. A charge that was under way when it was cancelled counts."""

_UNDISPUTED = (NONE, OPENED, REQUESTED)

REVIEW = StateTable(
    name="review",
    initial=NONE,
    terminal=(),
    edges=(
        # Approvals speaks only of milestones for which money is held: its first word tells that, too.
        *(Edge(source, _REQUESTED, REQUESTED, _CHANGED) for source in _UNDISPUTED),
        Edge(REQUESTED, _WITHDRAWN, OPENED, _CHANGED),
        Edge(REQUESTED, _CHANGES, OPENED, _CHANGED),
        *(Edge(source, _APPROVED, OPENED, _CHANGED) for source in _UNDISPUTED),
        *(Edge(source, _DISPUTED, DISPUTED, _CHANGED) for source in _UNDISPUTED),
        Edge(DISPUTED, _RESOLVED, OPENED, _CHANGED),
        Edge(DISPUTED, _STOPPED, OPENED, _CHANGED),
    ),
)
"""What `approvals` last said. `opened`: money is held, and nobody waits for an answer."""

FUNDING = StateTable(
    name="charge",
    initial=NONE,
    terminal=(FUNDED,),
    edges=(
        # "Hire and Deposit": funding answers every such milestone, so it is under way from its first moment.
        Edge(NONE, _HIRE, PROCESSING, "contracts.milestone_added.v1"),
        Edge(NONE, _CHARGE_BEGUN, PROCESSING, _CHANGED),
        Edge(FAILED, _CHARGE_BEGUN, PROCESSING, _CHANGED),
        Edge(PROCESSING, _ACTION_REQUIRED, ACTION_REQUIRED, _CHANGED),
        Edge(PROCESSING, _CHARGE_FAILED, FAILED, _CHANGED),
        Edge(ACTION_REQUIRED, _CHARGE_FAILED, FAILED, _CHANGED),
        Edge(PROCESSING, _CHARGED, FUNDED, _CHANGED),
        Edge(ACTION_REQUIRED, _CHARGED, FUNDED, _CHANGED),
        Edge(FAILED, _CHARGED, FUNDED, _CHANGED),
        # It succeeded with another sum than was asked: it goes back whole, and another charge may be tried.
        Edge(PROCESSING, _VOIDED, FAILED, _CHANGED, when="void"),
        Edge(ACTION_REQUIRED, _VOIDED, FAILED, _CHANGED, when="void"),
    ),
)
"""How far the charge is. Once it is `funded`, the funding state shown says what refunds and chargebacks make of it."""


PAYOUT = StateTable(
    name="payout_state",
    initial=NONE,
    terminal=(REVERSED, GIVEN_UP),
    edges=(
        Edge(NONE, _PAYOUT_HELD, HELD, _CHANGED),
        Edge(NONE, _PAYOUT_INITIATED, INITIATED, _CHANGED),
        Edge(HELD, _PAYOUT_INITIATED, INITIATED, _CHANGED),
        # What became of the money is the ledger's word.
        Edge(HELD, _PAYOUT_GIVEN_UP, GIVEN_UP, _CHANGED),
        Edge(INITIATED, _PAYOUT_IN_TRANSIT, IN_TRANSIT, _CHANGED),
        Edge(INITIATED, _PAYOUT_PAID, BANKED, _CHANGED),
        Edge(IN_TRANSIT, _PAYOUT_PAID, BANKED, _CHANGED),
        Edge(INITIATED, _PAYOUT_FAILED, FAILED, _CHANGED),
        Edge(IN_TRANSIT, _PAYOUT_FAILED, FAILED, _CHANGED),
        # A bank may send money back within five business days after Stripe said "paid".
        Edge(BANKED, _PAYOUT_FAILED, FAILED, _CHANGED),
        Edge(FAILED, _PAYOUT_IN_TRANSIT, IN_TRANSIT, _CHANGED),
        Edge(FAILED, _PAYOUT_PAID, BANKED, _CHANGED),
        # Of a part that was taken back nothing is seen here: the rest stays where it is.
        *(Edge(source, _PAYOUT_REVERSED, REVERSED, _CHANGED) for source in (INITIATED, IN_TRANSIT, BANKED, FAILED)),
    ),
)
"""Of one payout. A milestone released in parts has several: it shows the one that is furthest from the bank."""

TABLES = (CONTRACT, STATUS, REVIEW, FUNDING, PAYOUT)

UNDER_WAY = frozenset({PROCESSING, ACTION_REQUIRED})
"""A charge may come in at any moment: the terms stand still."""
RESOLVED = frozenset({PAID, CANCELLED, REFUNDED})
"""A contract of such milestones alone may be archived."""
FURTHEST_FROM_THE_BANK_FIRST = (FAILED, HELD, INITIATED, IN_TRANSIT, BANKED, REVERSED, GIVEN_UP, NONE)
NEVER_BEGAN = frozenset({NONE, GIVEN_UP})
"""Shown as `none`: nothing was paid out, and nothing is on its way."""
