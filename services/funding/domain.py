"""Where each decision stands. All are pure: rows, a message, the time and fresh ids in; rows and messages out.

States move only along the edges of `states`; money moves only by the postings of `ledger`.

| module | decides |
|---|---|
| `charging` | asking for a charge: who may, by which card, how often, over what sum |
| `charge_answers` | Stripe's answers to it |
| `voiding` | charges that succeeded and must not stand |
| `standing` | which of a milestone's fundings speaks for it, and where its money is |
| `releasing` | held money becomes the trainer's |
| `refunds` | giving money back, and what became of it at Stripe |
| `platform_refunds` | giving back, from the platform's own money, what the trainer has |
| `freezes` | freezing what is held, and lifting that |
| `card_disputes` | a cardholder's dispute at the bank |
| `evidence` | an operator's answer to such a dispute |
| `settlements` | a dispute between the parties is settled |
| `returned_transfers` | a transfer was reversed |
| `given_up_releases` | a release was given up before it was transferred |
| `expiry` | a charge that nobody authenticated in time |
| `holding` | how long held money may stay held |
| `payment_methods` | the employers' cards |
"""

from services.funding import (
    card_disputes,
    charge_answers,
    charging,
    evidence,
    expiry,
    freezes,
    given_up_releases,
    holding,
    payment_methods,
    platform_refunds,
    refunds,
    releasing,
    returned_transfers,
    settlements,
    standing,
    voiding,
)

__all__ = [
    "card_disputes",
    "charge_answers",
    "charging",
    "evidence",
    "expiry",
    "freezes",
    "given_up_releases",
    "holding",
    "payment_methods",
    "platform_refunds",
    "refunds",
    "releasing",
    "returned_transfers",
    "settlements",
    "standing",
    "voiding",
]
