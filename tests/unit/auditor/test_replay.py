"""In which order messages were taken, which commands are restored from what they said, which ids are given again."""

import json
from datetime import timedelta
from typing import Any

import pytest

from schemas import approvals, contracts, funding, payouts
from schemas.base import MESSAGES, Message, PartyCommand
from schemas.envelope import Envelope
from schemas.fixtures import examples
from services.auditor.replay.order import arrange, by_cause, defer
from services.auditor.replay.rebuild import KnownIds
from services.auditor.replay.restored import NOT_RESTORED, restore
from services.auditor.topics import Said
from tests.unit.auditor.builders import NOW

TERMS = {"milestone_name": "One", "description": "d", "amount_minor": 500, "currency": "usd", "due_date": None}
OF = {"contract_id": "ctr_1", "milestone_id": "mls_1"}


def _taken(name: str, offset: int, *, at_s: int = 0, partition: int = 0, topic: str = "funding.events") -> Said:
    envelope = Envelope(name, "any", "funding", "", NOW + timedelta(seconds=at_s), "", "")
    return Said(topic, partition, offset, "ctr_1", envelope, {})


def _line(cause: str, number: int, *, at_s: int = 0, kind: str = "any", body: dict[str, Any] | None = None) -> Said:
    envelope = Envelope(f"evt_{number}", kind, "contracts", "", NOW + timedelta(seconds=at_s), "", cause, number)
    return Said("contracts.events", 0, number, "ctr_1", envelope, body or {})


def _archive() -> Message:
    return contracts.ArchiveContract.model_validate(
        {"actor": {"role": "service", "party_id": "x"}, "contract_id": "ctr_1"}
    )


def _order(taken: list[Said], own: list[Said], restored: tuple[str, ...] = ()) -> list[str]:
    found = arrange(taken, by_cause(own), dict.fromkeys(restored, _archive()))
    return [item.cause_id for item in found]


def test_what_said_something_comes_in_the_order_of_the_log() -> None:
    taken = [_taken("a", 0), _taken("b", 0, partition=1), _taken("c", 1)]

    assert _order(taken, [_line("b", 1), _line("c", 3), _line("a", 2)]) == ["b", "a", "c"]


def test_a_silent_message_stays_between_its_neighbours() -> None:
    taken = [_taken("a", 0, at_s=0), _taken("silent", 1, at_s=90), _taken("c", 2, at_s=1), _taken("d", 0, partition=1)]
    own = [_line("a", 1, at_s=5), _line("d", 2, at_s=6), _line("c", 3, at_s=7)]

    assert _order(taken, own) == ["a", "d", "silent", "c"]


def test_a_silent_message_is_taken_before_what_was_decided_after_it_was_said_and_not_before_it_was_said() -> None:
    taken = [_taken("early", 0, at_s=3), _taken("late", 1, at_s=8)]
    own = [_line("first", 1, at_s=2), _line("second", 2, at_s=5), _line("third", 3, at_s=9)]

    assert _order(taken, own, ("first", "second", "third")) == ["first", "early", "second", "late", "third"]


def test_silent_messages_of_a_partition_keep_their_order_whatever_their_clocks_say() -> None:
    taken = [_taken("a", 0, at_s=9), _taken("b", 1, at_s=3), _taken("c", 2, at_s=6)]

    assert _order(taken, []) == ["a", "b", "c"]


def test_a_silent_message_that_was_perhaps_taken_later_is_put_behind_the_decision() -> None:
    """A freeze was said just before a request was decided that knew nothing of it yet."""
    taken = [_taken("funded", 0, at_s=0), _taken("frozen", 1, at_s=4), _taken("next", 2, at_s=9)]
    answers = by_cause([_line("request", 1, at_s=5), _line("next", 2, at_s=10)])
    command = {"request": _archive()}

    first = arrange(taken, answers, command)
    deferred = defer(first, {"request"}, {})
    second = arrange(taken, answers, command, deferred)
    further = defer(second, {"request"}, deferred)

    assert [item.cause_id for item in first] == ["funded", "frozen", "request", "next"]
    assert deferred == {"frozen": "request"}
    assert [item.cause_id for item in second] == ["funded", "request", "frozen", "next"]
    assert further == {"funded": "request"}
    third = arrange(taken, answers, command, deferred | further)
    assert [item.cause_id for item in third] == ["request", "funded", "frozen", "next"]
    assert defer(third, {"request"}, deferred | further) == {}


def test_a_message_that_was_said_long_before_was_taken_before() -> None:
    taken = [_taken("frozen", 0, at_s=0)]
    inputs = arrange(taken, by_cause([_line("request", 1, at_s=120)]), {"request": _archive()})

    assert defer(inputs, {"request"}, {}) == {}


def test_the_same_message_under_two_offsets_is_taken_once() -> None:
    assert _order([_taken("a", 0), _taken("a", 7)], [_line("a", 1)]) == ["a"]


def test_an_input_carries_all_that_was_said_to_it() -> None:
    (item,) = arrange([_taken("a", 0)], by_cause([_line("a", 4, at_s=5), _line("a", 3, at_s=5)]), {})

    assert [line.envelope.sequence for line in item.said] == [3, 4]
    assert item.at == NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (
            [
                ("contracts.contract_created.v1", {"contract_id": "ctr_1", "job_id": "j", "employer_id": "e",
                 "trainer_id": "t", "title": "T", "currency": "usd", "auto_approve_after_days": 9}),
                ("contracts.milestone_added.v1", {**OF, **TERMS, "fund": True}),
            ],
            contracts.CreateContract(
                actor={"role": "service", "party_id": "replay"}, job_id="j", employer_id="e", trainer_id="t", title="T",
                fund=True, auto_approve_after_days=9, **OF, **TERMS,
            ),
        ),
        (
            [("contracts.milestone_cancelled.v1", OF), ("contracts.milestone_status_changed.v1", OF)],
            contracts.CancelMilestone(actor={"role": "service", "party_id": "replay"}, **OF),
        ),
        (
            [("approvals.milestone_approved.v1", {**OF, "employer_id": "e", "trainer_id": "t", "amount_minor": 5,
              "currency": "usd", "approved_by": "e"})],
            approvals.ApproveMilestone(
                actor={"role": "employer", "party_id": "e"}, amount_minor=5, currency="usd", **OF
            ),
        ),
        (
            [("approvals.milestone_disputed.v1", {**OF, "employer_id": "e", "trainer_id": "t", "opened_by": "t",
              "reason": "r"})],
            approvals.DisputeMilestone(actor={"role": "trainer", "party_id": "t"}, reason="r", **OF),
        ),
        (
            [("funding.funding_requested.v1", {**OF, "payment_method_id": "pm_1"}),
             ("stripe.create_payment_intent.v1", OF)],
            funding.FundMilestone(
                actor={"role": "service", "party_id": "replay"}, payment_method_id="pm_1", **OF
            ),
        ),
        (
            [("payouts.payout_account_created.v1", {"trainer_id": "t", "country": "US"})],
            payouts.StartPayoutAccount(actor={"role": "trainer", "party_id": "t"}, trainer_id="t", country="US"),
        ),
        (
            [("payouts.payout_given_up.v1", {"contract_id": "ctr_1", "payout_id": "pay_1", "given_up_by": "opr_1",
              "reason": "r"})],
            payouts.GiveUpPayout(
                actor={"role": "operator", "party_id": "opr_1"}, contract_id="ctr_1", payout_id="pay_1", reason="r"
            ),
        ),
        (
            [("funding.platform_refund_requested.v1", {**OF, "decided_by": "opr_1", "lost_minor": 5, "currency": "usd",
              "reason": "r"}), ("stripe.create_refund.v1", OF)],
            funding.RefundFromPlatform(
                actor={"role": "operator", "party_id": "opr_1"}, amount_minor=5, currency="usd", reason="r", **OF
            ),
        ),
        (
            [("funding.dispute_evidence_given.v1", {**OF, "dispute_id": "du_1", "given_by": "opr_1", "statement": ""})],
            funding.SubmitDisputeEvidence(actor={"role": "operator", "party_id": "opr_1"}, dispute_id="du_1", **OF),
        ),
        ([("funding.somebody_spoke.v1", OF)], None),
    ],
)  # fmt: skip
def test_a_command_is_restored_from_what_it_said(lines: list[tuple[str, dict[str, Any]]], command: object) -> None:
    said = [_line("cmd_1", number, kind=kind, body=body) for number, (kind, body) in enumerate(lines)]

    assert restore(said) == command


def test_ids_that_were_published_are_given_again_and_others_are_made_up() -> None:
    ids = KnownIds()
    ids.know({"funding_id": "fnd_old"})
    ids.expect([_line("a", 1, body=json.loads('{"a": "fnd_old", "b": ["rel_1", {"c": "fnd_new"}], "d": "rel_2"}'))])

    assert [ids.new(prefix, NOW) for prefix in ("fnd", "rel", "rel")] == ["fnd_new", "rel_1", "rel_2"]
    assert ids.new("fnd", NOW) not in ("fnd_old", "fnd_new")
    assert ids.new("pst", NOW).startswith("pst_")


def test_an_answer_is_not_given_the_id_of_the_command_that_it_names() -> None:
    ids = KnownIds(events=True)
    ids.expect([_line("evt_1", 2, body={"command_id": "evt_1"})])

    assert ids.new("evt", NOW) == "evt_2"


def _frozen_by(cause: str) -> Said:
    body = {**OF, "cause": cause, "about": "op_1", "held_minor": 5, "currency": "usd", "reason": "odd"}
    return _line("cmd_1", 1, kind="funding.funds_frozen.v1", body=body)


def test_what_a_bank_froze_is_no_command_of_an_operator() -> None:
    assert restore([_frozen_by("card_dispute")]) is None
    assert isinstance(restore([_frozen_by("reconciliation")]), funding.FreezeFunds)


def _asked_of_the_rebuilt() -> set[type[Message]]:
    """Every command that a party, an operator or a service can give to a service that is rebuilt."""
    topics = {"contracts.commands", "funding.commands", "approvals.commands", "payouts.commands"}
    return {found for found in MESSAGES.values() if issubclass(found, PartyCommand) and found.topic in topics}


def test_every_command_can_be_restored_or_it_is_said_why_not() -> None:
    said = [_line("cmd_1", 1, kind=found[0].type_name, body=found[0].body) for found in examples().values()]
    said.append(_frozen_by("operator"))
    # A contract is created with its first milestone: the two are said together.
    restored = {type(restore([line])) for line in said if line.envelope.type != "contracts.contract_created.v1"}
    restored.add(type(restore(said)))

    assert restored - {type(None)} == _asked_of_the_rebuilt() - set(NOT_RESTORED)
