"""The life of a funding: one charge for one milestone, in as many attempts as it takes."""

from services.runtime.states import Edge, StateTable

NONE = "none"
PROCESSING = "processing"
ACTION_REQUIRED = "action_required"
FAILED = "failed"
FUNDED = "funded"
RELEASED = "released"

_FUND = "funding.fund_milestone.v1"
_CREATED = "stripe.payment_intent_created.v1"
_SUCCEEDED = "stripe.payment_intent_succeeded.v1"
_FAILED = "stripe.payment_intent_failed.v1"
_ACTION = "stripe.payment_intent_action_required.v1"
_REFUSED = "stripe.call_refused.v1"
_APPROVED = "approvals.milestone_approved.v1"

FUNDING = StateTable(
    name="funding",
    initial=NONE,
    terminal=(RELEASED,),
    edges=(
        Edge(NONE, _FUND, PROCESSING, "funding.funding_requested.v1"),
        Edge(NONE, "contracts.milestone_added.v1", PROCESSING, "funding.funding_requested.v1"),
        Edge(PROCESSING, _CREATED, PROCESSING, "stripe.confirm_payment_intent.v1"),
        Edge(PROCESSING, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(PROCESSING, _FAILED, FAILED, "funding.funding_failed.v1"),
        Edge(PROCESSING, _REFUSED, FAILED, "funding.funding_failed.v1"),
        Edge(PROCESSING, _ACTION, ACTION_REQUIRED, "funding.funding_action_required.v1"),
        Edge(ACTION_REQUIRED, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(ACTION_REQUIRED, _FAILED, FAILED, "funding.funding_failed.v1"),
        Edge(FAILED, _FUND, PROCESSING, "funding.funding_requested.v1"),
        # The bank changed its mind, or the answer was late: money that came in counts.
        Edge(FAILED, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(FUNDED, _APPROVED, FUNDED, "funding.funds_released.v1", when="part"),
        Edge(FUNDED, _APPROVED, RELEASED, "funding.funds_released.v1", when="rest"),
    ),
)
"""`released` is reached when nothing is held any more; a partial release leaves the funding `funded`."""

TABLES = (FUNDING,)
UNDER_WAY = frozenset({PROCESSING, ACTION_REQUIRED})
