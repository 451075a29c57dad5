"""The topics: who writes them, who reads them, how they are keyed and how long they are kept.

All topics have the same number of partitions, so one contract's messages keep their order on each topic.
"""

import os
from typing import NamedTuple

from schemas import approvals, contracts, dead_letters, funding, payouts, stripe
from schemas.base import MESSAGES, Message

__all__ = ["DEFAULT_PARTITIONS", "MESSAGES", "PARTITIONS", "TOPICS", "Topic", "messages_of", "topic_named"]
_MODULES = (
    contracts,
    funding,
    approvals,
    payouts,
    stripe,
    dead_letters,
)  # imported so that every class is registered

DEFAULT_PARTITIONS = 12
PARTITIONS = int(os.environ.get("TRANCHE_PARTITIONS", DEFAULT_PARTITIONS))
"""Of every topic. Chosen once per platform: a change would move contracts between partitions."""

FOR_EVER = -1
_DAYS_MS = 24 * 60 * 60 * 1000


class Topic(NamedTuple):
    """One topic of the platform."""

    name: str
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    purpose: str
    retention_ms: int = FOR_EVER
    """Milliseconds a record is kept; -1: for ever. Facts are kept; commands for as long as anyone may replay them."""

    @property
    def partitions(self) -> int:
        return PARTITIONS


_EVERYBODY = ("analytics", "portal")
_CONTRACT_OR_PARTY = "contract_id, or the party's id for a party's facts; `platform` for the platform's own account"

TOPICS: tuple[Topic, ...] = (
    Topic(
        "contracts.commands",
        "contract_id",
        ("internal services",),
        ("contracts",),
        "Hire, add, amend, cancel, archive.",
        90 * _DAYS_MS,
    ),
    Topic(
        "contracts.events",
        "contract_id",
        ("contracts",),
        ("funding", "approvals", *_EVERYBODY),
        "Contracts, milestones and the status everybody sees.",
    ),
    Topic(
        "funding.commands",
        _CONTRACT_OR_PARTY,
        ("internal services", "funding"),
        ("funding",),
        "Fund, refund, freeze a milestone; payment methods; steps that funding gives itself.",
        90 * _DAYS_MS,
    ),
    Topic(
        "funding.events",
        _CONTRACT_OR_PARTY,
        ("funding",),
        ("contracts", "approvals", "payouts", *_EVERYBODY),
        "Charges and the movements of held money.",
    ),
    Topic(
        "approvals.commands",
        "contract_id",
        ("internal services", "approvals"),
        ("approvals",),
        "Request, withdraw, change, approve, dispute; steps that approvals gives itself.",
        90 * _DAYS_MS,
    ),
    Topic(
        "approvals.events",
        "contract_id",
        ("approvals",),
        ("contracts", "funding", *_EVERYBODY),
        "The review, round by round.",
    ),
    Topic(
        "payouts.commands",
        _CONTRACT_OR_PARTY,
        ("internal services", "payouts"),
        ("payouts",),
        "Payout accounts; steps that payouts gives itself.",
        90 * _DAYS_MS,
    ),
    Topic(
        "payouts.events",
        _CONTRACT_OR_PARTY,
        ("payouts",),
        ("contracts", "funding", *_EVERYBODY),
        "Payout accounts and each release's way to the bank.",
    ),
    Topic(
        "stripe.commands",
        _CONTRACT_OR_PARTY,
        ("funding", "payouts"),
        ("stripe_gateway",),
        "One command per Stripe call.",
        90 * _DAYS_MS,
    ),
    Topic(
        "stripe.events",
        _CONTRACT_OR_PARTY,
        ("stripe_gateway",),
        ("funding", "payouts", *_EVERYBODY),
        "One event per fact that Stripe tells.",
    ),
    *(
        Topic(
            f"{service}.dlq",
            "the dead record's own key",
            (service,),
            ("operators",),
            f"Records that {service} could not handle, with the reason.",
        )
        for service in ("contracts", "funding", "approvals", "payouts", "stripe_gateway")
    ),
    Topic(
        "analytics.figures",
        "minute and currency",
        ("analytics",),
        ("analysts",),
        "What was funded, held, released and refunded, per minute and currency.",
    ),
)


def topic_named(name: str) -> Topic:
    """The topic with this name. Raises KeyError when there is none."""
    return {topic.name: topic for topic in TOPICS}[name]


def messages_of(topic: str) -> tuple[type[Message], ...]:
    """The message classes that a topic carries, in the order they are declared."""
    return tuple(message for message in MESSAGES.values() if message.topic == topic)
