"""A transfer was reversed: money is back from the trainer's account. Pure.

It first makes good what a bank's dispute took of money that was paid out, then what the platform gave the employer of
its own; the rest is held again, frozen: an operator decides whether it is refunded, or unfrozen to be approved anew.
"""

from collections.abc import Sequence

from schemas import funding as said
from schemas import stripe
from services.funding import freezes as freezing
from services.funding import ledger, platform_refunds
from services.funding.ledger import Posting
from services.funding.records import CardDispute, Freeze, Moved, ReturnedTransfer
from services.funding.standing import Money, moved


def returned(
    known: ReturnedTransfer | None,
    money: Money,
    disputes: Sequence[CardDispute],
    freezes: Sequence[Freeze],
    fact: stripe.TransferReversed,
    posting: Posting,
) -> Moved | None:
    """Book what came back since. `disputes` and `freezes`: all of the milestone's. None: nothing new."""
    amount_minor = fact.reversed_minor - (known.reversed_minor if known else 0)
    if amount_minor <= 0:
        return None
    good, recovered_minor = make_good(disputes, amount_minor, posting)
    again, repaid_minor = platform_refunds.repay(money.given_back(), amount_minor - recovered_minor, posting.posted_at)
    gone_minor = recovered_minor + repaid_minor
    released_minor = ledger.owed_minor(money.entries, "released")
    held_minor = min(amount_minor, released_minor) - gone_minor
    lost_minor = amount_minor - gone_minor - held_minor
    entries = ledger.transfer_reversed(posting, recovered_minor, held_minor, lost_minor, repaid_minor=repaid_minor)
    after = [*money.entries, *entries]
    funding = moved(money.funding, fact.type_name, after)
    row = ReturnedTransfer(
        fact.transfer_id, fact.payout_id, fact.milestone_id, fact.contract_id, fact.reversed_minor, fact.currency,
        posting.posted_at,
    )  # fmt: skip
    now_held_minor = ledger.owed_minor(after, "held")
    event = said.FundsReturned(
        contract_id=fact.contract_id,
        milestone_id=fact.milestone_id,
        payout_id=fact.payout_id,
        transfer_id=fact.transfer_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        amount_minor=amount_minor,
        recovered_minor=recovered_minor,
        held_minor=now_held_minor,
        currency=fact.currency,
    )
    made = Moved((event,), entries, (funding,), disputes=tuple(good), returned=(row,))
    made = made.then(platform_refunds.told_again(again, now_held_minor))
    if not held_minor:
        return made
    reason = "A transfer was reversed: an operator decides about what is held again."
    return made.then(
        freezing.freeze(
            freezes, fact.milestone_id, fact.contract_id, "transfer_reversed", fact.transfer_id, reason, now_held_minor,
            fact.currency, posting.posted_at,
        )
    )  # fmt: skip


def make_good(disputes: Sequence[CardDispute], amount_minor: int, posting: Posting) -> tuple[list[CardDispute], int]:
    """The disputes whose debts it pays, the oldest first, and how much of it."""
    left, changed = amount_minor, []
    for dispute in sorted(disputes, key=lambda d: (d.opened_at, d.dispute_id)):
        part = min(left, dispute.debt_minor)
        if part:
            changed.append(
                dispute._replace(
                    debt_minor=dispute.debt_minor - part,
                    recovered_minor=dispute.recovered_minor + part,
                    changed_at=posting.posted_at,
                )
            )
            left -= part
    return changed, amount_minor - left
