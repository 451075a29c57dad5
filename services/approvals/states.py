"""The review of a milestone: what its parties may do while money is held for it.

`when` says what is left once everything approved is taken off what is held: `part` (something), `rest` (nothing).
The ledger (`funding`) has the last word on what is held, so its answers may open a review again.
"""

from services.runtime.states import Edge, StateTable

NOT_FUNDED = "not_funded"
FUNDED = "funded"
REQUESTED = "requested"
APPROVED = "approved"

PART = "part"
REST = "rest"

_CHARGED = "funding.milestone_funded.v1"
_RELEASED = "funding.funds_released.v1"
_REFUSED = "funding.release_refused.v1"
_REQUEST = "approvals.request_release.v1"
_WITHDRAW = "approvals.withdraw_request.v1"
_CHANGE = "approvals.request_changes.v1"
_APPROVE = "approvals.approve_milestone.v1"
_SAID_APPROVED = "approvals.milestone_approved.v1"

REVIEW = StateTable(
    name="review",
    initial=NOT_FUNDED,
    terminal=(),
    edges=(
        Edge(NOT_FUNDED, _CHARGED, FUNDED),
        Edge(FUNDED, _REQUEST, REQUESTED, "approvals.release_requested.v1"),
        Edge(REQUESTED, _WITHDRAW, FUNDED, "approvals.release_request_withdrawn.v1"),
        Edge(REQUESTED, _CHANGE, FUNDED, "approvals.changes_requested.v1"),
        # The trainer's request is not required (DOMAIN.md 2).
        Edge(FUNDED, _APPROVE, FUNDED, _SAID_APPROVED, when=PART),
        Edge(FUNDED, _APPROVE, APPROVED, _SAID_APPROVED, when=REST),
        Edge(REQUESTED, _APPROVE, FUNDED, _SAID_APPROVED, when=PART),
        Edge(REQUESTED, _APPROVE, APPROVED, _SAID_APPROVED, when=REST),
        Edge(APPROVED, _REFUSED, FUNDED, when=PART),
        Edge(APPROVED, _RELEASED, FUNDED, when=PART),
    ),
)

TABLES = (REVIEW,)
