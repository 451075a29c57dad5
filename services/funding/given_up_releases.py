"""A payout was given up before it was transferred: its money is the trainer's no more. Pure.

As with a reversed transfer it first makes good what a bank's dispute took of released money, then what the platform
gave the employer of its own, and the rest is held again. It is not frozen: nobody had it, and nothing about it is in
question (ADR 6).
"""

from collections.abc import Sequence

from schemas import funding as said
from schemas.payouts import PayoutGivenUp
from services.funding import ledger, platform_refunds
from services.funding.ledger import Posting
from services.funding.records import CardDispute, Moved
from services.funding.returned_transfers import make_good
from services.funding.standing import Money, moved


def hold_again(money: Money, disputes: Sequence[CardDispute], fact: PayoutGivenUp, posting: Posting) -> Moved:
    """Take the release back. `disputes`: all of the milestone's.

    Raises ValueError when so much of the milestone is not released and still here: it would be held twice.
    """
    here_minor = ledger.owed_minor(money.entries, "released") - ledger.balance_minor(money.entries, "transferred")
    if fact.amount_minor > here_minor:
        raise ValueError(
            f"{fact.payout_id} over {fact.amount_minor} {fact.currency} was given up, and of what {fact.milestone_id} "
            f"released only {here_minor} has not left"
        )
    good, recovered_minor = make_good(disputes, fact.amount_minor, posting)
    rest_minor = fact.amount_minor - recovered_minor
    again, repaid_minor = platform_refunds.repay(money.given_back(), rest_minor, posting.posted_at)
    entries = ledger.release_given_up(posting, recovered_minor, rest_minor - repaid_minor, repaid_minor=repaid_minor)
    after = [*money.entries, *entries]
    funding = moved(money.funding, fact.type_name, after)
    held_minor = ledger.owed_minor(after, "held")
    event = said.ReleaseGivenUp(
        contract_id=fact.contract_id,
        milestone_id=fact.milestone_id,
        release_id=fact.release_id,
        payout_id=fact.payout_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        amount_minor=fact.amount_minor,
        recovered_minor=recovered_minor,
        held_minor=held_minor,
        currency=fact.currency,
        reason=fact.reason,
    )
    made = Moved((event,), entries, (funding,), disputes=tuple(good))
    return made.then(platform_refunds.told_again(again, held_minor))
