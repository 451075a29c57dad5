"""The states of a trainer's payout account, and of one release on its way to the trainer's bank.

An account's `when` is what Stripe says of it: it can receive money (`able`), something is due (`wanting`), it never
will (`barred`), or its page was not completed yet (`unfinished`).

A payout moves by facts of Stripe that are read anew each time, so an old word finds no edge and is dropped. What
Stripe tells of a bank payout comes as a command of our own (`record_bank_payout`), in the order of the contract.
"""

from services.runtime.states import Edge, StateTable

NONE = "none"

STARTED = "started"
RESTRICTED = "restricted"
READY = "ready"
DISABLED = "disabled"

ABLE = "able"
WANTING = "wanting"
BARRED = "barred"
UNFINISHED = "unfinished"

HELD = "held"
TRANSFERRING = "transferring"
INITIATED = "initiated"
IN_TRANSIT = "in_transit"
PAID = "paid"
FAILED = "failed"
REVERSED = "reversed"
GIVEN_UP = "given_up"

NOT_ABLE = "not_able"
AGAIN = "again"
WAIT = "wait"
OVERDUE = "overdue"
STOPPED = "stopped"
NOT_COVERED = "not_covered"
PART = "part"
WHOLE = "whole"

SUSPENDED = "suspended"
WAIVED = "waived"
ALLOWED = "allowed"

ANOTHER_CAUSE = "another_cause"
LAPSED = "lapsed"
COVERED = "covered"
BY_OPERATOR = "by_operator"

_START = "payouts.start_payout_account.v1"
_UPDATED = "stripe.account_updated.v1"
_CREATED = "payouts.payout_account_created.v1"
_ACCOUNT = "payouts.payout_account_updated.v1"
_REFUSED = "stripe.call_refused.v1"
_RELEASED = "funding.funds_released.v1"
_RESUME = "payouts.resume_payout.v1"
_TRANSFERRED = "stripe.transfer_created.v1"
_NOT_TRANSFERRED = "stripe.transfer_failed.v1"
_BANK = "payouts.record_bank_payout.v1"
_TRANSFER = "stripe.create_transfer.v1"
_REVERSE = "payouts.reverse_payout.v1"
_GIVE_UP = "payouts.give_up_payout.v1"
_REVERSED = "stripe.transfer_reversed.v1"
_SAID_REVERSED = "payouts.payout_reversed.v1"
_SUSPEND = "payouts.suspend_releases.v1"
_ALLOW = "payouts.allow_releases.v1"
_SAID_SUSPENDED = "payouts.releases_suspended.v1"
_SAID_ALLOWED = "payouts.releases_allowed.v1"

WITH_THE_TRAINER = (INITIATED, IN_TRANSIT, PAID, FAILED)
"""The money is on the trainer's account at Stripe, or further: it can be taken back from there."""

ACCOUNT = StateTable(
    name="payout account",
    initial=NONE,
    terminal=(),
    edges=(
        Edge(NONE, _START, STARTED, _CREATED),
        Edge(STARTED, _REFUSED, DISABLED, _ACCOUNT),
        # Stripe did not open the account, so another try, in another country too, is a first one.
        Edge(DISABLED, _START, STARTED, _CREATED, when=UNFINISHED),
        Edge(STARTED, _UPDATED, STARTED, _ACCOUNT, when=UNFINISHED),
        Edge(STARTED, _UPDATED, RESTRICTED, _ACCOUNT, when=WANTING),
        Edge(STARTED, _UPDATED, READY, _ACCOUNT, when=ABLE),
        Edge(STARTED, _UPDATED, DISABLED, _ACCOUNT, when=BARRED),
        Edge(RESTRICTED, _UPDATED, RESTRICTED, _ACCOUNT, when=UNFINISHED),
        Edge(RESTRICTED, _UPDATED, RESTRICTED, _ACCOUNT, when=WANTING),
        Edge(RESTRICTED, _UPDATED, READY, _ACCOUNT, when=ABLE),
        Edge(RESTRICTED, _UPDATED, DISABLED, _ACCOUNT, when=BARRED),
        Edge(READY, _UPDATED, RESTRICTED, _ACCOUNT, when=UNFINISHED),
        Edge(READY, _UPDATED, RESTRICTED, _ACCOUNT, when=WANTING),
        Edge(READY, _UPDATED, READY, _ACCOUNT, when=ABLE),
        Edge(READY, _UPDATED, DISABLED, _ACCOUNT, when=BARRED),
        Edge(DISABLED, _UPDATED, RESTRICTED, _ACCOUNT, when=UNFINISHED),
        Edge(DISABLED, _UPDATED, RESTRICTED, _ACCOUNT, when=WANTING),
        Edge(DISABLED, _UPDATED, READY, _ACCOUNT, when=ABLE),
        Edge(DISABLED, _UPDATED, DISABLED, _ACCOUNT, when=BARRED),
    ),
)

PAYOUT = StateTable(
    name="payout",
    initial=NONE,
    terminal=(REVERSED, GIVEN_UP),
    edges=(
        Edge(NONE, _RELEASED, TRANSFERRING, _TRANSFER, when=ABLE),
        Edge(NONE, _RELEASED, HELD, "payouts.payout_held.v1", when=NOT_ABLE),
        Edge(HELD, _RESUME, TRANSFERRING, _TRANSFER),
        Edge(HELD, _RESUME, HELD, "payouts.payout_held.v1", when=OVERDUE),
        Edge(HELD, _RESUME, HELD, "payouts.payout_held.v1", when=STOPPED),
        Edge(HELD, _RESUME, HELD, "payouts.payout_held.v1", when=NOT_ABLE),
        Edge(HELD, _RESUME, HELD, "payouts.payout_held.v1", when=NOT_COVERED),
        # From here alone: what is on its way to Stripe may move at any moment.
        Edge(HELD, _GIVE_UP, GIVEN_UP, "payouts.payout_given_up.v1"),
        Edge(TRANSFERRING, _NOT_TRANSFERRED, TRANSFERRING, _TRANSFER, when=AGAIN),
        Edge(TRANSFERRING, _NOT_TRANSFERRED, HELD, "payouts.payout_held.v1", when=WAIT),
        Edge(TRANSFERRING, _REFUSED, HELD, "payouts.payout_held.v1"),
        Edge(TRANSFERRING, _TRANSFERRED, INITIATED, "payouts.payout_initiated.v1"),
        # The answer was given up too early: money that moved counts.
        Edge(HELD, _TRANSFERRED, INITIATED, "payouts.payout_initiated.v1"),
        Edge(INITIATED, _BANK, IN_TRANSIT, "payouts.payout_in_transit.v1", when=IN_TRANSIT),
        Edge(INITIATED, _BANK, PAID, "payouts.payout_paid.v1", when=PAID),
        Edge(INITIATED, _BANK, FAILED, "payouts.payout_failed.v1", when=FAILED),
        # Another bank payout carries it now: the one before must have failed.
        Edge(IN_TRANSIT, _BANK, IN_TRANSIT, "payouts.payout_in_transit.v1", when=IN_TRANSIT),
        Edge(IN_TRANSIT, _BANK, PAID, "payouts.payout_paid.v1", when=PAID),
        Edge(IN_TRANSIT, _BANK, FAILED, "payouts.payout_failed.v1", when=FAILED),
        # "Paid" is Stripe's expectation: the bank may send it back within five business days.
        Edge(PAID, _BANK, FAILED, "payouts.payout_failed.v1", when=FAILED),
        Edge(FAILED, _BANK, IN_TRANSIT, "payouts.payout_in_transit.v1", when=IN_TRANSIT),
        Edge(FAILED, _BANK, PAID, "payouts.payout_paid.v1", when=PAID),
        *(Edge(state, _REVERSE, state, "stripe.reverse_transfer.v1") for state in WITH_THE_TRAINER),
        *(Edge(state, _REVERSED, state, _SAID_REVERSED, when=PART) for state in WITH_THE_TRAINER),
        *(Edge(state, _REVERSED, REVERSED, _SAID_REVERSED, when=WHOLE) for state in WITH_THE_TRAINER),
    ),
)

SUSPENSION = StateTable(
    name="suspension of a currency's releases",
    initial=NONE,
    terminal=(),
    edges=(
        Edge(NONE, _SUSPEND, SUSPENDED, _SAID_SUSPENDED),
        Edge(ALLOWED, _SUSPEND, SUSPENDED, _SAID_SUSPENDED),
        Edge(SUSPENDED, _SUSPEND, SUSPENDED, _SAID_SUSPENDED, when=ANOTHER_CAUSE),
        # An operator's word goes before the auditor's, until it lapses.
        Edge(WAIVED, _SUSPEND, SUSPENDED, _SAID_SUSPENDED, when=LAPSED),
        Edge(SUSPENDED, _ALLOW, ALLOWED, _SAID_ALLOWED, when=COVERED),
        Edge(WAIVED, _ALLOW, ALLOWED, _SAID_ALLOWED, when=COVERED),
        Edge(SUSPENDED, _ALLOW, WAIVED, _SAID_ALLOWED, when=BY_OPERATOR),
        Edge(WAIVED, _ALLOW, WAIVED, _SAID_ALLOWED, when=BY_OPERATOR),
    ),
)

TABLES = (ACCOUNT, PAYOUT, SUSPENSION)
