"""Decisions about charges and held money. Pure: rows, a message, the time and fresh ids in; rows and messages out.

States move only along the edges of `states.FUNDING`; money moves only by postings of `ledger`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas import funding as said
from schemas import stripe
from schemas.approvals import MilestoneApproved
from schemas.base import Actor, Message
from schemas.money import MAXIMUM_MINOR, show
from services.funding import ledger, states
from services.funding.declines import Decline
from services.funding.fees import Fees
from services.funding.ledger import Entry, Posting
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found

AUTHENTICATION_LIFE = timedelta(hours=23)
"""DOMAIN.md 4: the authentication page works for this long."""
TRIES_A_DAY = 4
TRIES_IN_ALL = 8
"""DOMAIN.md 4, per payment method and milestone; the networks allow no more (STRIPE.md 1.2)."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """The terms of a milestone, as contracts published them."""

    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    number: int
    description: str
    amount_minor: int
    currency: str
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Funding:
    """One charge for one milestone."""

    funding_id: str
    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    state: str
    attempt: int
    payment_method_id: str
    amount_minor: int
    marketplace_fee_minor: int
    initiation_fee_minor: int
    currency: str
    fee_rule: str
    payment_intent_id: str | None
    charge_id: str | None
    expires_at: datetime | None
    requested_at: datetime

    @property
    def fees_minor(self) -> int:
        return self.marketplace_fee_minor + self.initiation_fee_minor

    @property
    def charge_minor(self) -> int:
        return self.amount_minor + self.fees_minor

    def move(self, trigger: str, when: str = "") -> str | None:
        """The state that a trigger leads to; None: it is stale or not allowed here."""
        edge = states.FUNDING.edge(self.state, trigger, when)
        return edge.target if edge else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has an answer."""

    funding_id: str
    attempt: int
    milestone_id: str
    payment_method_id: str
    outcome: str
    code: str | None
    reason: str | None
    advice: str | None
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A card that may be charged off-session."""

    payment_method_id: str
    employer_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool
    removed: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision about a funding changes and says."""

    funding: Funding
    said: tuple[Message, ...]
    entries: Sequence[Entry] = ()
    attempt: Attempt | None = None


# -- asking for a charge -----------------------------------------------------------------------------------


def may_fund(milestone: Milestone | None, command: said.FundMilestone) -> Refused | None:
    """Whether this actor may fund this milestone at all."""
    actor = command.actor
    if milestone is None or milestone.contract_id != command.contract_id or not _concerns(actor, milestone):
        return not_found("milestone", command.milestone_id)
    if actor.role == "trainer":
        return forbidden("the employer funds a milestone, not the trainer")
    if milestone.cancelled:
        return conflict("milestone_not_fundable", "this milestone was cancelled")
    return None


def _concerns(actor: Actor, milestone: Milestone) -> bool:
    """Operators and services may act on any milestone, parties on their own."""
    return actor.role in ("operator", "service") or actor.party_id in (milestone.employer_id, milestone.trainer_id)


def choose_method(methods: Sequence[PaymentMethod], wanted: str | None) -> PaymentMethod | Refused:
    """The method to charge: the one named, else the default."""
    usable = [method for method in methods if not method.removed]
    if not usable:
        return conflict("payment_method_required", "add a payment method first, on the page at setup_url")
    if wanted is None:
        return next((method for method in usable if method.is_default), usable[-1])
    chosen = next((method for method in usable if method.payment_method_id == wanted), None)
    return chosen or invalid(
        "unknown_payment_method", f"payment_method_id: there is no payment method {wanted} on file"
    )


def check_tries(attempts: Sequence[Attempt], method_id: str, now: datetime) -> Refused | None:
    """The card networks' limits on trying a declined method again."""
    failed = [attempt for attempt in attempts if attempt.payment_method_id == method_id and attempt.outcome == "failed"]
    if any(attempt.advice == "do_not_try_again" for attempt in failed):
        return conflict("use_another_method", "the bank asked not to try this card again: use another payment method")
    today = [attempt for attempt in failed if attempt.ended_at > now - timedelta(days=1)]
    if len(failed) >= TRIES_IN_ALL or len(today) >= TRIES_A_DAY:
        wait = "" if len(failed) >= TRIES_IN_ALL else ", or try again tomorrow"
        return conflict("too_many_attempts", f"this payment method was declined too often: use another{wait}")
    return None


def standing(fundings: Sequence[Funding]) -> Funding | None:
    """The one of a milestone's fundings that speaks for it: one under way or with money in, else the latest.

    A declined funding whose terms changed is followed by another, and may yet succeed late: the money that it
    brought must be seen, whatever became of the later one.
    """
    return max(
        fundings, key=lambda f: (f.state != states.FAILED, f.state != states.RELEASED, f.requested_at, f.funding_id),
        default=None,
    )  # fmt: skip


def begin(
    milestone: Milestone,
    last: Funding | None,
    method: PaymentMethod,
    fees: Fees,
    trigger: str,
    funding_id: str,
    posting: Posting,
) -> Decided | Refused | Unchanged:
    """Begin a charge, or its next attempt after a decline.

    `last`: this milestone's standing funding. `funding_id` is used where a new funding begins: the first, or one
    whose terms changed since the last was declined (its payment intent has another amount).
    """
    if last is not None and last.state in (*states.UNDER_WAY, states.FUNDED):
        return Unchanged(detail="this milestone is funded, or being funded, already")
    if last is not None and last.state == states.RELEASED:
        return conflict("milestone_not_fundable", "this milestone was funded and paid out already")
    charge_minor = milestone.amount_minor + fees.total_minor
    if charge_minor > MAXIMUM_MINOR:
        return invalid(
            "amount_too_large", f"with fees the charge is {show(charge_minor, milestone.currency)}: too large"
        )
    # The parts too, not the sum alone: another amount with other fees may come to the same charge.
    sums = (milestone.amount_minor, fees.marketplace_minor, fees.initiation_minor, milestone.currency)
    again = last is not None and last.payment_intent_id is not None and _sums(last) == sums
    state = last.state if again and last is not None else states.NONE
    edge = states.FUNDING.edge(state, trigger)
    if edge is None:
        return conflict("milestone_not_fundable", f"this milestone cannot be funded now ({state})")
    if again and last is not None:
        funding = replace(
            last, state=edge.target, attempt=last.attempt + 1, payment_method_id=method.payment_method_id,
            fee_rule=fees.rule, expires_at=None,
        )  # fmt: skip
    else:
        funding = Funding(
            funding_id, milestone.milestone_id, milestone.contract_id, milestone.employer_id, milestone.trainer_id,
            edge.target, 1, method.payment_method_id, milestone.amount_minor, fees.marketplace_minor,
            fees.initiation_minor, milestone.currency, fees.rule, None, None, None, posting.posted_at,
        )  # fmt: skip
    call = _confirm(funding) if again else _create(funding, milestone)
    return Decided(funding, (_requested(funding), call), ledger.charge_requested(posting, funding.charge_minor))


def _sums(funding: Funding) -> tuple[int, int, int, str]:
    return funding.amount_minor, funding.marketplace_fee_minor, funding.initiation_fee_minor, funding.currency


def _requested(funding: Funding) -> said.FundingRequested:
    return said.FundingRequested(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        payment_method_id=funding.payment_method_id,
        attempt=funding.attempt,
        amount_minor=funding.amount_minor,
        marketplace_fee_minor=funding.marketplace_fee_minor,
        initiation_fee_minor=funding.initiation_fee_minor,
        charge_minor=funding.charge_minor,
        currency=funding.currency,
        fee_rule=funding.fee_rule,
    )


def _create(funding: Funding, milestone: Milestone) -> stripe.CreatePaymentIntent:
    return stripe.CreatePaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        charge_minor=funding.charge_minor,
        currency=funding.currency,
        description=f"Contract {funding.contract_id}, milestone {milestone.number}",
    )


def _confirm(funding: Funding) -> stripe.ConfirmPaymentIntent:
    return stripe.ConfirmPaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        payment_intent_id=funding.payment_intent_id or "",
        payment_method_id=funding.payment_method_id,
        attempt=funding.attempt,
    )


# -- Stripe's answers --------------------------------------------------------------------------------------


def intent_created(funding: Funding, fact: stripe.PaymentIntentCreated) -> Decided | None:
    """The payment intent exists: charge the method."""
    target = funding.move(fact.type_name)
    if target is None or funding.payment_intent_id is not None:
        return None
    funding = replace(funding, state=target, payment_intent_id=fact.payment_intent_id)
    return Decided(funding, (_confirm(funding),))


def charged(
    funding: Funding, fact: stripe.PaymentIntentSucceeded, answered: Posting, posting: Posting
) -> Decided | None:
    """The money came in: hold it. Raises ValueError when Stripe charged another sum than was asked.

    `answered` closes the charge in flight, `posting` books the money; both are caused by the same fact.
    """
    target = funding.move(fact.type_name)
    if target is None:
        return None
    if (fact.charge_minor, fact.currency) != (funding.charge_minor, funding.currency):
        raise ValueError(
            f"{funding.funding_id}: Stripe charged {fact.charge_minor} {fact.currency}, asked were "
            f"{funding.charge_minor} {funding.currency}"
        )
    in_flight = funding.state in states.UNDER_WAY
    entries = [
        *(ledger.charge_answered(answered, funding.charge_minor) if in_flight else ()),
        *ledger.charge_succeeded(posting, funding.amount_minor, funding.fees_minor, fact.stripe_fee_minor),
    ]
    funding = replace(
        funding, state=target, payment_intent_id=fact.payment_intent_id, charge_id=fact.charge_id, expires_at=None
    )
    event = said.MilestoneFunded(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        attempt=funding.attempt,
        held_minor=funding.amount_minor,
        marketplace_fee_minor=funding.marketplace_fee_minor,
        initiation_fee_minor=funding.initiation_fee_minor,
        charge_minor=funding.charge_minor,
        stripe_fee_minor=fact.stripe_fee_minor,
        currency=funding.currency,
        payment_intent_id=fact.payment_intent_id,
        charge_id=fact.charge_id,
    )
    return Decided(funding, (event,), entries, _ended(funding, "succeeded", posting.posted_at))


def declined(
    funding: Funding, trigger: str, attempt: int, decline: Decline, answered: Posting, *, cancelled: bool = False
) -> Decided | None:
    """The charge was declined: nothing is held, another try may follow. A late word of an earlier attempt is stale.

    `cancelled`: Stripe cancelled the payment intent itself.
    """
    target = funding.move(trigger)
    if target is None or attempt != funding.attempt:
        return None
    # A cancelled intent takes no further try: the next one begins with an intent of its own.
    intent_id = None if cancelled else funding.payment_intent_id
    funding = replace(funding, state=target, payment_intent_id=intent_id, expires_at=None)
    event = said.FundingFailed(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        code=decline.code,
        reason=decline.reason,
        advice=decline.advice,
        can_retry=decline.can_retry,
        amount_minor=funding.amount_minor,
        currency=funding.currency,
    )
    entries = ledger.charge_answered(answered, funding.charge_minor)
    return Decided(funding, (event,), entries, _ended(funding, "failed", answered.posted_at, decline))


def action_required(funding: Funding, fact: stripe.PaymentIntentActionRequired, now: datetime) -> Decided | None:
    """The bank wants the employer to authenticate: show the page, the charge stays in flight."""
    target = funding.move(fact.type_name)
    if target is None or fact.attempt != funding.attempt:
        return None
    funding = replace(funding, state=target, expires_at=now + AUTHENTICATION_LIFE)
    event = said.FundingActionRequired(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        expires_at=now + AUTHENTICATION_LIFE,
    )
    return Decided(funding, (event,))


def _ended(funding: Funding, outcome: str, now: datetime, decline: Decline | None = None) -> Attempt:
    return Attempt(
        funding.funding_id, funding.attempt, funding.milestone_id, funding.payment_method_id, outcome,
        decline.code if decline else None, decline.reason if decline else None,
        decline.advice if decline else None, now,
    )  # fmt: skip


# -- releasing ---------------------------------------------------------------------------------------------


def release(
    funding: Funding | None, entries: Sequence[Entry], approved: MilestoneApproved, posting: Posting
) -> Decided | said.ReleaseRefused:
    """Release held money as approved, never more than this very milestone holds.

    `entries`: all of the milestone's. This is the one place where release is decided (ARCHITECTURE.md, rule 1).
    """
    held_minor = ledger.owed_minor([entry for entry in entries if entry.currency == approved.currency], "held")
    still_held_minor = held_minor - approved.amount_minor
    target = funding.move(approved.type_name, "rest" if still_held_minor == 0 else "part") if funding else None
    if funding is None or funding.charge_id is None or target is None or still_held_minor < 0:
        return said.ReleaseRefused(
            contract_id=approved.contract_id,
            milestone_id=approved.milestone_id,
            release_id=approved.release_id,
            amount_minor=approved.amount_minor,
            held_minor=held_minor,
            currency=approved.currency,
            reason=f"{show(held_minor, approved.currency)} is held, {show(approved.amount_minor, approved.currency)} "
            "was to be released",
        )
    event = said.FundsReleased(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        release_id=approved.release_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        amount_minor=approved.amount_minor,
        still_held_minor=still_held_minor,
        currency=funding.currency,
        charge_id=funding.charge_id,
    )
    return Decided(replace(funding, state=target), (event,), ledger.funds_released(posting, approved.amount_minor))
