"""The states of a contract and of a milestone.

What everybody sees of a milestone follows from facts of four services. Facts of one service come in order, those of
two do not: an approval may be heard before the charge that it builds on. So the table of statuses is read like this:

- `approvals` speaks only of milestones that are funded, so its word moves a milestone that looks unfunded, too;
- `funding` has the last word on a release. `when` says what is left once everything approved is taken off what is
  held: `part` (something), `rest` (nothing), or `early` (the ledger's answer came before the approval it answers;
  the approval will find the amounts right).
"""

from services.runtime.states import Edge, StateTable

ACTIVE = "active"
ARCHIVED = "archived"

NOT_FUNDED = "NOT_FUNDED"
ACTIVE_FUNDED = "ACTIVE_FUNDED"
PENDING_APPROVAL = "PENDING_APPROVAL"
PAID = "PAID"
CANCELLED = "CANCELLED"
REFUNDED = "REFUNDED"

NONE = "none"
PROCESSING = "processing"
ACTION_REQUIRED = "action_required"
FAILED = "failed"
FUNDED = "funded"

HELD = "held"
INITIATED = "initiated"
IN_TRANSIT = "in_transit"
BANKED = "paid"

PART = "part"
REST = "rest"
EARLY = "early"

_CHANGED = "contracts.milestone_status_changed.v1"
_HIRE = "contracts.create_contract.v1"
_AMEND = "contracts.amend_milestone.v1"
_CANCEL = "contracts.cancel_milestone.v1"
_CHARGE_BEGUN = "funding.funding_requested.v1"
_ACTION_REQUIRED = "funding.funding_action_required.v1"
_CHARGE_FAILED = "funding.funding_failed.v1"
_CHARGED = "funding.milestone_funded.v1"
_RELEASED = "funding.funds_released.v1"
_REFUSED = "funding.release_refused.v1"
_REQUESTED = "approvals.release_requested.v1"
_WITHDRAWN = "approvals.release_request_withdrawn.v1"
_CHANGES = "approvals.changes_requested.v1"
_APPROVED = "approvals.milestone_approved.v1"
_PAYOUT_HELD = "payouts.payout_held.v1"
_PAYOUT_INITIATED = "payouts.payout_initiated.v1"
_PAYOUT_IN_TRANSIT = "payouts.payout_in_transit.v1"
_PAYOUT_PAID = "payouts.payout_paid.v1"
_PAYOUT_FAILED = "payouts.payout_failed.v1"

CONTRACT = StateTable(
    name="contract",
    initial=ACTIVE,
    terminal=(ARCHIVED,),
    edges=(Edge(ACTIVE, "contracts.archive_contract.v1", ARCHIVED, "contracts.contract_archived.v1"),),
)

STATUS = StateTable(
    name="milestone",
    initial=NOT_FUNDED,
    terminal=(),
    edges=(
        Edge(NOT_FUNDED, _AMEND, NOT_FUNDED, "contracts.milestone_amended.v1"),
        Edge(NOT_FUNDED, _CANCEL, CANCELLED, "contracts.milestone_cancelled.v1"),
        Edge(NOT_FUNDED, _CHARGED, ACTIVE_FUNDED, _CHANGED),
        # The charge was under way when it was cancelled: money that came in counts.
        Edge(CANCELLED, _CHARGED, ACTIVE_FUNDED, _CHANGED),
        Edge(NOT_FUNDED, _REQUESTED, PENDING_APPROVAL, _CHANGED),
        Edge(CANCELLED, _REQUESTED, PENDING_APPROVAL, _CHANGED),
        Edge(ACTIVE_FUNDED, _REQUESTED, PENDING_APPROVAL, _CHANGED),
        # A new round after an approval: the ledger's refusal between them is still on its way here.
        Edge(PAID, _REQUESTED, PENDING_APPROVAL, _CHANGED),
        Edge(PENDING_APPROVAL, _WITHDRAWN, ACTIVE_FUNDED, _CHANGED),
        Edge(PENDING_APPROVAL, _CHANGES, ACTIVE_FUNDED, _CHANGED),
        Edge(NOT_FUNDED, _APPROVED, ACTIVE_FUNDED, _CHANGED, when=PART),
        Edge(NOT_FUNDED, _APPROVED, PAID, _CHANGED, when=REST),
        Edge(CANCELLED, _APPROVED, ACTIVE_FUNDED, _CHANGED, when=PART),
        Edge(CANCELLED, _APPROVED, PAID, _CHANGED, when=REST),
        Edge(ACTIVE_FUNDED, _APPROVED, PAID, _CHANGED, when=REST),
        Edge(PENDING_APPROVAL, _APPROVED, ACTIVE_FUNDED, _CHANGED, when=PART),
        Edge(PENDING_APPROVAL, _APPROVED, PAID, _CHANGED, when=REST),
        Edge(PAID, _APPROVED, ACTIVE_FUNDED, _CHANGED, when=PART),
        Edge(PAID, _RELEASED, ACTIVE_FUNDED, _CHANGED, when=PART),
        Edge(PAID, _REFUSED, ACTIVE_FUNDED, _CHANGED, when=PART),
    ),
)
"""A partial approval straight from `ACTIVE_FUNDED` changes amounts, not the status: it has no edge. Only an approval
makes it `PAID`; the ledger's answers confirm that or open it again."""

FUNDING = StateTable(
    name="funding_state",
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
    ),
)

PAYOUT = StateTable(
    name="payout_state",
    initial=NONE,
    terminal=(),
    edges=(
        Edge(NONE, _PAYOUT_HELD, HELD, _CHANGED),
        Edge(NONE, _PAYOUT_INITIATED, INITIATED, _CHANGED),
        Edge(HELD, _PAYOUT_INITIATED, INITIATED, _CHANGED),
        Edge(INITIATED, _PAYOUT_IN_TRANSIT, IN_TRANSIT, _CHANGED),
        Edge(INITIATED, _PAYOUT_PAID, BANKED, _CHANGED),
        Edge(IN_TRANSIT, _PAYOUT_PAID, BANKED, _CHANGED),
        Edge(INITIATED, _PAYOUT_FAILED, FAILED, _CHANGED),
        Edge(IN_TRANSIT, _PAYOUT_FAILED, FAILED, _CHANGED),
        # A bank may send money back within five business days after Stripe said "paid".
        Edge(BANKED, _PAYOUT_FAILED, FAILED, _CHANGED),
        Edge(FAILED, _PAYOUT_IN_TRANSIT, IN_TRANSIT, _CHANGED),
        Edge(FAILED, _PAYOUT_PAID, BANKED, _CHANGED),
    ),
)
"""Of one payout. A milestone released in parts has several: it shows the one that is furthest from the bank."""

TABLES = (CONTRACT, STATUS, FUNDING, PAYOUT)

UNDER_WAY = frozenset({PROCESSING, ACTION_REQUIRED})
"""A charge may come in at any moment: the terms stand still."""
RESOLVED = frozenset({PAID, CANCELLED, REFUNDED})
"""A contract of such milestones alone may be archived."""
FURTHEST_FROM_THE_BANK_FIRST = (FAILED, HELD, INITIATED, IN_TRANSIT, BANKED, NONE)
