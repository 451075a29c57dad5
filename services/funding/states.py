"""The lives of a funding (one charge for one milestone, in as many attempts as needed), a refund, a card dispute."""

from services.runtime.states import Edge, StateTable

NONE = "none"
PROCESSING = "processing"
ACTION_REQUIRED = "action_required"
FAILED = "failed"
FUNDED = "funded"
RELEASED = "released"
REFUNDED = "refunded"
CHARGED_BACK = "charged_back"
VOIDED = "voided"
SET_ASIDE = "set_aside"

_FUND = "funding.fund_milestone.v1"
_CREATED = "stripe.payment_intent_created.v1"
_SUCCEEDED = "stripe.payment_intent_succeeded.v1"
_CONVERTED = "stripe.charge_converted.v1"
_FAILED = "stripe.payment_intent_failed.v1"
_CANCELED = "stripe.payment_intent_canceled.v1"
_ACTION = "stripe.payment_intent_action_required.v1"
_REFUSED = "stripe.call_refused.v1"
_APPROVED = "approvals.milestone_approved.v1"
_RESOLVED = "approvals.dispute_resolved.v1"
_CANCELLED = "contracts.milestone_cancelled.v1"
_REFUND = "funding.refund_milestone.v1"
_FROM_PLATFORM = "funding.refund_from_platform.v1"
_REFUND_CHANGED = "stripe.refund_changed.v1"
_REFUND_REFUSED = "stripe.refund_refused.v1"
_DISPUTE = "stripe.charge_dispute_changed.v1"
WITHDRAWN = "funds_withdrawn"
REINSTATED = "funds_reinstated"
"""What a card dispute's totals say: no message of their own."""

WITH_MONEY = (FUNDED, RELEASED, REFUNDED, CHARGED_BACK)
"""The charge succeeded and stands; which of these says where its money is now."""


def _moves(sources: tuple[str, ...], trigger: str, emits: str, targets: tuple[str, ...] = WITH_MONEY) -> list[Edge]:
    """Money moves: `when` is where the milestone's money is then, which is the state it leads to."""
    return [Edge(source, trigger, target, emits, when=target) for source in sources for target in targets]


FUNDING = StateTable(
    name="funding",
    initial=NONE,
    terminal=(VOIDED, SET_ASIDE),
    edges=(
        Edge(NONE, _FUND, PROCESSING, "funding.funding_requested.v1"),
        Edge(NONE, "contracts.milestone_added.v1", PROCESSING, "funding.funding_requested.v1"),
        Edge(PROCESSING, _CREATED, PROCESSING, "stripe.confirm_payment_intent.v1"),
        Edge(PROCESSING, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(PROCESSING, _SUCCEEDED, VOIDED, "funding.refund_requested.v1", when="void"),
        Edge(PROCESSING, _FAILED, FAILED, "funding.funding_failed.v1"),
        Edge(PROCESSING, _CANCELED, FAILED, "funding.funding_failed.v1"),
        Edge(PROCESSING, _REFUSED, FAILED, "funding.funding_failed.v1"),
        Edge(PROCESSING, _ACTION, ACTION_REQUIRED, "funding.funding_action_required.v1"),
        Edge(ACTION_REQUIRED, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(ACTION_REQUIRED, _SUCCEEDED, VOIDED, "funding.refund_requested.v1", when="void"),
        Edge(ACTION_REQUIRED, _FAILED, FAILED, "funding.funding_failed.v1"),
        Edge(ACTION_REQUIRED, _CANCELED, FAILED, "funding.funding_failed.v1"),
        Edge(FAILED, _FUND, PROCESSING, "funding.funding_requested.v1"),
        Edge(FAILED, _CANCELED, FAILED),
        # The bank changed its mind, or the answer was late: money that came in counts, or goes back.
        Edge(FAILED, _SUCCEEDED, FUNDED, "funding.milestone_funded.v1"),
        Edge(FAILED, _SUCCEEDED, VOIDED, "funding.refund_requested.v1", when="void"),
        *(
            Edge(state, _CONVERTED, SET_ASIDE, "funding.funding_failed.v1")
            for state in (PROCESSING, ACTION_REQUIRED, FAILED)
        ),
        *_moves((FUNDED,), _APPROVED, "funding.funds_released.v1", (FUNDED, RELEASED)),
        *_moves((FUNDED,), _REFUND, "funding.refund_requested.v1"),
        *_moves((FUNDED,), _REFUND_CHANGED, "funding.refund_requested.v1"),
        *_moves((FUNDED,), _CANCELLED, "funding.refund_requested.v1", (RELEASED, REFUNDED, CHARGED_BACK)),
        *_moves(WITH_MONEY, _REFUND_REFUSED, "funding.refund_failed.v1", (FUNDED,)),
        *_moves((FUNDED,), _RESOLVED, "funding.refund_requested.v1"),
        *_moves(WITH_MONEY, WITHDRAWN, "funding.milestone_charged_back.v1"),
        *_moves(WITH_MONEY, REINSTATED, "funding.chargeback_reversed.v1"),
        *_moves((FUNDED, RELEASED), "stripe.transfer_reversed.v1", "funding.funds_returned.v1"),
        *_moves((FUNDED, RELEASED), "payouts.payout_given_up.v1", "funding.release_given_up.v1"),
    ),
    silent={_CANCELED: "the failure of the charge was told before; that its intent is cancelled too changes nothing"},
)
"""`funded`: some of it is held. Once nothing is: `released` when the trainer got any of it, else `charged_back` when
the bank took any, else `refunded`. `voided`: the charge must not stand and went back whole. `set_aside`: Stripe
converted the charge; an operator gives it back."""

ASKED = "asked"
PENDING = "pending"
MADE = "made"
REFUSED = "refused"
OWED = "owed"
BY_HAND = "by_hand"

_ASKS = (_REFUND, _RESOLVED, _CANCELLED, _SUCCEEDED)

REFUND = StateTable(
    name="refund",
    initial=NONE,
    terminal=(BY_HAND,),
    edges=(
        *(Edge(NONE, trigger, ASKED, "funding.refund_requested.v1") for trigger in _ASKS),
        # What becomes of it is told as `platform_refund_made` and `platform_refund_failed`, at the same edges.
        Edge(NONE, _FROM_PLATFORM, ASKED, "funding.platform_refund_requested.v1"),
        Edge(NONE, _REFUND_CHANGED, ASKED, "funding.refund_requested.v1", when="made_at_stripe"),
        *(Edge(source, _REFUND_CHANGED, PENDING, when="pending") for source in (ASKED, PENDING)),
        *(Edge(source, _REFUND_CHANGED, MADE, "funding.milestone_refunded.v1", when="succeeded")
          for source in (ASKED, PENDING, OWED)),
        *(Edge(source, _REFUND_CHANGED, OWED, "funding.refund_failed.v1", when="failed")
          for source in (ASKED, PENDING, MADE)),
        Edge(ASKED, _REFUND_REFUSED, REFUSED, "funding.refund_failed.v1"),
        Edge(PENDING, _REFUND_REFUSED, REFUSED, "funding.refund_failed.v1"),
        # What must not stay is not held again: it stays owed.
        Edge(ASKED, _REFUND_REFUSED, OWED, "funding.refund_failed.v1", when="void"),
        Edge(PENDING, _REFUND_REFUSED, OWED, "funding.refund_failed.v1", when="void"),
        Edge(OWED, "funding.record_manual_refund.v1", BY_HAND, "funding.milestone_refunded.v1"),
        # Stripe made what it had refused: it is taken from held once more.
        Edge(REFUSED, _REFUND_CHANGED, ASKED, "funding.refund_requested.v1", when="made_at_stripe"),
    ),
    silent={_REFUND_CHANGED: "that Stripe has it and has not made it yet is what asking for it said already"},
)  # fmt: skip
"""`owed`: the money is on the platform's side and the employer's by right; an operator pays it by another way."""

INQUIRY = "inquiry"
OPEN = "open"
WON = "won"
LOST = "lost"
CLOSED = "closed"

CARD_DISPUTE = StateTable(
    name="card dispute",
    initial=NONE,
    terminal=(WON,),
    edges=(
        *(Edge(source, _DISPUTE, INQUIRY, "funding.funds_frozen.v1", when="inquiry") for source in (NONE, INQUIRY)),
        *(Edge(source, _DISPUTE, OPEN, "funding.funds_frozen.v1", when="open")
          for source in (NONE, INQUIRY, OPEN, CLOSED)),
        *(Edge(source, _DISPUTE, OPEN, "funding.funds_frozen.v1", when="appeal") for source in (NONE, OPEN, LOST)),
        *(Edge(source, _DISPUTE, WON, "funding.chargeback_reversed.v1", when="won")
          for source in (NONE, INQUIRY, OPEN, LOST, WON)),
        *(Edge(source, _DISPUTE, LOST, "funding.milestone_charged_back.v1", when="lost")
          for source in (NONE, INQUIRY, OPEN, LOST)),
        *(Edge(source, _DISPUTE, CLOSED, "funding.funds_unfrozen.v1", when="closed")
          for source in (NONE, INQUIRY, OPEN, CLOSED)),
    ),
)  # fmt: skip
"""`inquiry`: the bank asks, no money moved. `closed`: it ended without a decision. A lost one may be appealed."""

GIVEN = "given"
SUBMITTED = "submitted"

EVIDENCE = StateTable(
    name="answer to a card dispute",
    initial=NONE,
    terminal=(SUBMITTED, REFUSED),
    edges=(
        Edge(NONE, "funding.submit_dispute_evidence.v1", GIVEN, "funding.dispute_evidence_given.v1"),
        Edge(GIVEN, "stripe.dispute_evidence_submitted.v1", SUBMITTED),
        Edge(GIVEN, _REFUSED, REFUSED, "funding.dispute_evidence_refused.v1"),
    ),
    silent={"stripe.dispute_evidence_submitted.v1": "what the bank makes of it is told as it decides"},
)
"""One that Stripe refused is followed by another, as long as the bank asks."""

TABLES = (FUNDING, REFUND, CARD_DISPUTE, EVIDENCE)
UNDER_WAY = frozenset({PROCESSING, ACTION_REQUIRED})
OVER = frozenset({FAILED, VOIDED})
"""It brought no money that stands: the milestone may be funded anew."""
