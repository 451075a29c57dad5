"""What the peers share: the decision (funding's own pure one, so that the rows are the very same), and its wording.

They are given for nothing what a team would have to find out first: ids that rise with time, the rules loaded once.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from schemas.base import Message
from schemas.envelope import Envelope
from schemas.funding import CommandRejected, CommandUnchanged, FundMilestone
from services.funding import charging, tables
from services.funding.fees import fees_for, load_rules
from services.funding.ledger import Entry, Posting
from services.funding.records import Attempt, Decided, Funding, Milestone, PaymentMethod
from services.runtime.decisions import Refused, Unchanged
from services.runtime.ids import IdSource

_RULES = load_rules(Path(charging.__file__).with_name("fees.toml"))
_IDS = IdSource()
_FUNDING_NAMES = tuple(column.name for column in tables.fundings.columns)
_FUNDING_VALUES = attrgetter(*_FUNDING_NAMES)
_ENTRY_NAMES = tuple(column.name for column in tables.ledger_entries.columns)
_ENTRY_VALUES = attrgetter(*_ENTRY_NAMES)

Row = dict[str, Any]


def fund(
    command: FundMilestone,
    envelope: Envelope,
    now: datetime,
    milestone: Milestone | None,
    of_contract: Sequence[Funding],
    methods: Sequence[PaymentMethod],
    attempts: Sequence[Attempt] = (),
) -> Decided | Refused | Unchanged:
    """Whether and how to begin the charge, as services/funding/handlers.py asks its domain."""
    refused = charging.may_fund(milestone, command)
    if refused is not None or milestone is None:
        return refused or Unchanged()
    method = charging.choose_method(methods, command.payment_method_id, now)
    if isinstance(method, Refused):
        return method
    own = [funding for funding in of_contract if funding.milestone_id == milestone.milestone_id]
    last = max(own, key=lambda funding: (funding.requested_at, funding.funding_id), default=None)
    tried = charging.check_tries(attempts, method.payment_method_id, now)
    if tried is not None:
        return tried
    others = [funding for funding in of_contract if funding.milestone_id != milestone.milestone_id]
    first = not any(funding.initiation_fee_minor and funding.state != "failed" for funding in others)
    fees = fees_for(_RULES, now, milestone.amount_minor, milestone.currency, first=first)
    posting = Posting(
        _IDS.new("pst", now), "charge_requested", milestone.milestone_id, milestone.contract_id, milestone.currency,
        envelope.id, now,
    )  # fmt: skip
    return charging.begin(milestone, last, method, fees, command.type_name, _IDS.new("fnd", now), posting)


def words(decided: Decided | Refused | Unchanged, command: FundMilestone, envelope: Envelope) -> Sequence[Message]:
    """What is published: the event and the call to Stripe, or why not."""
    if isinstance(decided, Decided):
        return decided.said
    about = {"asked_of": command.key, "command_id": envelope.id, "command_type": envelope.type}
    if isinstance(decided, Refused):
        return [CommandRejected(**about, code=decided.code, detail=decided.detail)]
    return [CommandUnchanged(**about, detail=decided.detail)]


def funding_row(funding: Funding) -> Row:
    """A funding as a row of its table."""
    return dict(zip(_FUNDING_NAMES, _FUNDING_VALUES(funding), strict=True))


def entry_row(entry: Entry) -> Row:
    """A ledger entry as a row of its table."""
    return dict(zip(_ENTRY_NAMES, _ENTRY_VALUES(entry), strict=True))


def outbox_row(message: Message, envelope: Envelope, now: datetime) -> Row:
    """A message as a row of the outbox."""
    return {
        "topic": message.topic,
        "key": message.key,
        "type": message.type_name,
        "subject": message.subject,
        "event_id": _IDS.new("evt", now),
        "time": now,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.id,
        "body": message.model_dump_json(),
    }
