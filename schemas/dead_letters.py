"""What a service could not handle, with the reason: the topics `<service>.dlq`."""

from typing import ClassVar

from schemas.base import Event, Identifier, Reason


class DeadLetterBody(Event):
    """A record as it was, where it stood and why it is here. Redriving puts it back in its order."""

    versioned: ClassVar[bool] = False

    dead_key: str
    """The record's key; bytes that are no UTF-8 are shown escaped."""
    letter_id: Identifier
    topic_name: str
    partition: int
    offset: int
    headers: dict[str, str]
    body_base64: str
    """The record's body, exactly, in base64."""
    reason: str
    parked: bool
    """True: later messages of this key wait behind it. False: no stream was harmed, the key goes on."""


class ContractsDeadLetter(DeadLetterBody, topic="contracts.dlq", key="dead_key", subject="letter_id"):
    """A record that `contracts` could not handle."""


class FundingDeadLetter(DeadLetterBody, topic="funding.dlq", key="dead_key", subject="letter_id"):
    """A record that `funding` could not handle."""


class ApprovalsDeadLetter(DeadLetterBody, topic="approvals.dlq", key="dead_key", subject="letter_id"):
    """A record that `approvals` could not handle."""


class PayoutsDeadLetter(DeadLetterBody, topic="payouts.dlq", key="dead_key", subject="letter_id"):
    """A record that `payouts` could not handle."""


class StripeGatewayDeadLetter(DeadLetterBody, topic="stripe_gateway.dlq", key="dead_key", subject="letter_id"):
    """A record that `stripe_gateway` could not handle."""


DEAD_LETTERS: dict[str, type[DeadLetterBody]] = {
    "contracts": ContractsDeadLetter,
    "funding": FundingDeadLetter,
    "approvals": ApprovalsDeadLetter,
    "payouts": PayoutsDeadLetter,
    "stripe_gateway": StripeGatewayDeadLetter,
}
"""The class of each service's dead letters."""


class DiscardedBody(Event):
    """An operator gave up a parked record: it will never be handled. The record itself is kept by the service."""

    versioned: ClassVar[bool] = False

    dead_key: str
    discard_id: Identifier
    topic_name: str
    partition: int
    offset: int
    message_id: str
    """The record's `ce_id`; empty when it had none."""
    message_type: str
    """The record's `ce_type`; empty when it had none."""
    parked_reason: str
    """Why it could not be handled."""
    reason: Reason
    """Why it was given up."""
    discarded_by: str
    skipped_versions: int = 0
    """How many versions of its stream are passed over by it without ever having come (0 but after a loss)."""


class ContractsDeadLetterDiscarded(DiscardedBody, topic="contracts.dlq", key="dead_key", subject="discard_id"):
    """A parked record of `contracts` was given up."""


class FundingDeadLetterDiscarded(DiscardedBody, topic="funding.dlq", key="dead_key", subject="discard_id"):
    """A parked record of `funding` was given up."""


class ApprovalsDeadLetterDiscarded(DiscardedBody, topic="approvals.dlq", key="dead_key", subject="discard_id"):
    """A parked record of `approvals` was given up."""


class PayoutsDeadLetterDiscarded(DiscardedBody, topic="payouts.dlq", key="dead_key", subject="discard_id"):
    """A parked record of `payouts` was given up."""


class StripeGatewayDeadLetterDiscarded(DiscardedBody, topic="stripe_gateway.dlq", key="dead_key", subject="discard_id"):
    """A parked record of `stripe_gateway` was given up."""


DISCARDED: dict[str, type[DiscardedBody]] = {
    "contracts": ContractsDeadLetterDiscarded,
    "funding": FundingDeadLetterDiscarded,
    "approvals": ApprovalsDeadLetterDiscarded,
    "payouts": PayoutsDeadLetterDiscarded,
    "stripe_gateway": StripeGatewayDeadLetterDiscarded,
}
"""The class by which each service says that a record was given up."""
