"""The review of a milestone: what its parties may do while money is held for it.

`when` says what is left once everything decided is taken off what is held: `part` (something), `rest` (nothing), or
`waiting` (nothing, but the ledger still has to answer another approval). Of a settled dispute it says whether a `part`
goes to the trainer. `closed`: nothing is held any more, and not because it was approved. A freeze is no state: the
review goes on where it was. The ledger (`funding`) has the last word on what is held, so its answers may open a review
again.
"""

from services.runtime.states import Edge, StateTable

NOT_FUNDED = "not_funded"
FUNDED = "funded"
REQUESTED = "requested"
APPROVED = "approved"
DISPUTED = "disputed"
CLOSED = "closed"

PART = "part"
REST = "rest"
WAITING = "waiting"

_CHARGED = "funding.milestone_funded.v1"
_RELEASED = "funding.funds_released.v1"
_REFUSED = "funding.release_refused.v1"
_REFUNDING = "funding.refund_requested.v1"
_REFUNDED = "funding.milestone_refunded.v1"
_NOT_REFUNDED = "funding.refund_failed.v1"
_CHARGED_BACK = "funding.milestone_charged_back.v1"
_WON = "funding.chargeback_reversed.v1"
_RETURNED = "funding.funds_returned.v1"
_GIVEN_UP = "funding.release_given_up.v1"
_DISPUTE = "approvals.dispute_milestone.v1"
_RESOLVE = "approvals.resolve_dispute.v1"
_REQUEST = "approvals.request_release.v1"
_WITHDRAW = "approvals.withdraw_request.v1"
_CHANGE = "approvals.request_changes.v1"
_APPROVE = "approvals.approve_milestone.v1"
_SAID_WITHDRAWN = "approvals.release_request_withdrawn.v1"
_SAID_DISPUTED = "approvals.milestone_disputed.v1"
_RESOLVED = "approvals.dispute_resolved.v1"
_STOPPED = "approvals.dispute_stopped.v1"
_SAID_APPROVED = "approvals.milestone_approved.v1"

REVIEW = StateTable(
    name="review",
    initial=NOT_FUNDED,
    terminal=(),
    edges=(
        Edge(NOT_FUNDED, _CHARGED, FUNDED),
        Edge(FUNDED, _REQUEST, REQUESTED, "approvals.release_requested.v1"),
        Edge(REQUESTED, _WITHDRAW, FUNDED, _SAID_WITHDRAWN),
        Edge(REQUESTED, _CHANGE, FUNDED, "approvals.changes_requested.v1"),
        # The trainer's request is not required (DOMAIN.md 2).
        Edge(FUNDED, _APPROVE, FUNDED, _SAID_APPROVED, when=PART),
        Edge(FUNDED, _APPROVE, APPROVED, _SAID_APPROVED, when=REST),
        Edge(REQUESTED, _APPROVE, FUNDED, _SAID_APPROVED, when=PART),
        Edge(REQUESTED, _APPROVE, APPROVED, _SAID_APPROVED, when=REST),
        Edge(APPROVED, _REFUSED, FUNDED, when=PART),
        Edge(APPROVED, _REFUSED, CLOSED, when=REST),
        Edge(APPROVED, _RELEASED, FUNDED, when=PART),
        # Not approved here: what the trainer had made good for a dispute that was won is released once more.
        Edge(FUNDED, _RELEASED, APPROVED, when=REST),
        Edge(FUNDED, _DISPUTE, DISPUTED, _SAID_DISPUTED),
        Edge(REQUESTED, _DISPUTE, DISPUTED, _SAID_DISPUTED),
        # A part to the trainer is an approval like any other; without one, all of it goes back.
        Edge(DISPUTED, _RESOLVE, APPROVED, _RESOLVED, when=PART),
        Edge(DISPUTED, _RESOLVE, CLOSED, _RESOLVED, when=REST),
        Edge(FUNDED, _REFUNDING, CLOSED, when=REST),
        Edge(REQUESTED, _REFUNDING, CLOSED, _SAID_WITHDRAWN, when=REST),
        # An operator refunded all of it while it was disputed: there is nothing left to decide.
        Edge(DISPUTED, _REFUNDING, CLOSED, _STOPPED, when=REST),
        # Made at Stripe by hand: nobody asked for it here.
        Edge(FUNDED, _REFUNDED, CLOSED, when=REST),
        Edge(REQUESTED, _REFUNDED, CLOSED, _SAID_WITHDRAWN, when=REST),
        Edge(DISPUTED, _REFUNDED, CLOSED, _STOPPED, when=REST),
        Edge(CLOSED, _NOT_REFUNDED, FUNDED, when=PART),
        Edge(CLOSED, _REFUSED, FUNDED, when=PART),
        Edge(APPROVED, _NOT_REFUNDED, FUNDED, when=PART),
        # `part` as well while the bank has not decided: it may come back.
        Edge(FUNDED, _CHARGED_BACK, CLOSED, when=REST),
        Edge(REQUESTED, _CHARGED_BACK, CLOSED, _SAID_WITHDRAWN, when=REST),
        # The bank's dispute overrides that of the parties.
        Edge(DISPUTED, _CHARGED_BACK, FUNDED, _STOPPED, when=PART),
        Edge(DISPUTED, _CHARGED_BACK, CLOSED, _STOPPED, when=REST),
        Edge(CLOSED, _WON, FUNDED, when=PART),
        Edge(APPROVED, _WON, FUNDED, when=PART),
        Edge(CLOSED, _RETURNED, FUNDED, when=PART),
        Edge(APPROVED, _RETURNED, FUNDED, when=PART),
        Edge(CLOSED, _GIVEN_UP, FUNDED, when=PART),
        Edge(APPROVED, _GIVEN_UP, FUNDED, when=PART),
    ),
    silent=dict.fromkeys(
        (
            _CHARGED,
            _RELEASED,
            _REFUSED,
            _REFUNDING,
            _REFUNDED,
            _NOT_REFUNDED,
            _CHARGED_BACK,
            _WON,
            _RETURNED,
            _GIVEN_UP,
        ),
        "what the ledger holds is its own word, and everybody hears it there; only what the parties asked for and lose "
        "by it is told here",
    ),
)

TABLES = (REVIEW,)
