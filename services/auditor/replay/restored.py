"""Commands that came over HTTP are on no topic. What they changed is: from these facts they are restored. Pure.

Each fact names its cause, so all that one command said is found together, and says enough to ask for the same again. A
command that changed nothing said nothing, and is not missed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from schemas import approvals, contracts, funding, payouts
from schemas.base import Actor, Message
from services.auditor.topics import Said

Body = Mapping[str, Any]
Bodies = Mapping[str, Body]
"""What one command said, by type; the first of each."""

_SERVICE = Actor(role="service", party_id="replay")


NOT_RESTORED: Mapping[type[Message], str] = {
    payouts.ReversePayout: "who asked, and why, is said nowhere",
    funding.RecordManualRefund: "the bank's reference is said nowhere",
}
"""What cannot be asked again from what it said, and why."""


def restore(lines: Sequence[Said]) -> Message | None:
    """The command that said these lines; None: nothing here says what was asked."""
    said: dict[str, Body] = {}
    for line in lines:
        said.setdefault(line.envelope.type, line.body)
    for kind, build in _RESTORERS.items():
        if kind in said:
            try:
                return build(said[kind], said)
            except ValidationError:
                return None  # a fact that follows from no such command: what froze is a bank, not an operator
    return None


def _party(body: Body, party_id: str) -> Actor:
    """Whoever has this id, in the role that it has in the contract."""
    if party_id == body.get("employer_id"):
        return Actor(role="employer", party_id=party_id)
    if party_id == body.get("trainer_id"):
        return Actor(role="trainer", party_id=party_id)
    return Actor(role="operator", party_id=party_id)


def _of_milestone(body: Body) -> dict[str, str]:
    return {"contract_id": body["contract_id"], "milestone_id": body["milestone_id"]}


def _terms(body: Body) -> dict[str, Any]:
    names = ("milestone_name", "description", "amount_minor", "currency", "due_date")
    return {name: body.get(name) for name in names}


def _create_contract(body: Body, said: Bodies) -> Message:
    first = said["contracts.milestone_added.v1"]
    about = ("contract_id", "job_id", "employer_id", "trainer_id", "title", "auto_approve_after_days")
    return contracts.CreateContract.model_validate(
        {
            **{name: body.get(name) for name in about},
            **_terms(first),
            "milestone_id": first["milestone_id"],
            "fund": first["fund"],
            "actor": _SERVICE,
        }
    )


def _terms_command(command: type[Message]) -> Callable[[Body, Bodies], Message]:
    return lambda body, _: command.model_validate({**_of_milestone(body), **_terms(body), "actor": _SERVICE})


def _plain(command: type[Message], *more: str) -> Callable[[Body, Bodies], Message]:
    """A command about a milestone, by nobody in particular, with some of the fact's fields."""
    return lambda body, _: command.model_validate(
        {**_of_milestone(body), **{name: body.get(name) for name in more}, "actor": _SERVICE}
    )


def _by(command: type[Message], by: str, *more: str) -> Callable[[Body, Bodies], Message]:
    """A command about a milestone, by the party that a field of the fact names."""
    return lambda body, _: command.model_validate(
        {**_of_milestone(body), **{name: body.get(name) for name in more}, "actor": _party(body, body[by])}
    )


_RESTORERS: Mapping[str, Callable[[Body, Bodies], Message]] = {
    "contracts.contract_created.v1": _create_contract,
    "contracts.milestone_added.v1": _terms_command(contracts.AddMilestone),
    "contracts.milestone_amended.v1": _terms_command(contracts.AmendMilestone),
    "contracts.milestone_cancelled.v1": _plain(contracts.CancelMilestone),
    "contracts.contract_archived.v1": lambda body, _: contracts.ArchiveContract(
        actor=_SERVICE, contract_id=body["contract_id"]
    ),
    "approvals.release_requested.v1": _by(approvals.RequestRelease, "trainer_id", "note", "links"),
    "approvals.release_request_withdrawn.v1": _plain(approvals.WithdrawRequest),
    "approvals.changes_requested.v1": _plain(approvals.RequestChanges, "reason"),
    "approvals.dispute_resolved.v1": _by(
        approvals.ResolveDispute, "resolved_by", "dispute_id", "to_trainer_minor", "to_employer_minor", "currency",
        "reason",
    ),
    "approvals.milestone_disputed.v1": _by(approvals.DisputeMilestone, "opened_by", "reason"),
    "approvals.milestone_approved.v1": _by(approvals.ApproveMilestone, "approved_by", "amount_minor", "currency"),
    "funding.funding_requested.v1": _plain(funding.FundMilestone, "payment_method_id"),
    "funding.refund_requested.v1": lambda body, _: funding.RefundMilestone(
        actor=_party(body, body["requested_by"]),
        contract_id=body["contract_id"],
        milestone_id=body["milestone_id"],
        amount_minor=body["amount_minor"],
        currency=body["currency"],
        reason=body.get("reason") or None,
    ),
    "funding.platform_refund_requested.v1": lambda body, _: funding.RefundFromPlatform(
        actor=Actor(role="operator", party_id=body["decided_by"]),
        contract_id=body["contract_id"],
        milestone_id=body["milestone_id"],
        amount_minor=body["lost_minor"],
        currency=body["currency"],
        reason=body["reason"],
    ),
    "funding.dispute_evidence_given.v1": lambda body, _: funding.SubmitDisputeEvidence(
        actor=Actor(role="operator", party_id=body["given_by"]),
        contract_id=body["contract_id"],
        milestone_id=body["milestone_id"],
        dispute_id=body["dispute_id"],
        statement=body.get("statement") or None,
    ),
    "funding.default_payment_method_changed.v1": lambda body, _: funding.SetDefaultPaymentMethod(
        actor=Actor(role="employer", party_id=body["employer_id"]),
        employer_id=body["employer_id"],
        payment_method_id=body["payment_method_id"],
    ),
    "funding.payment_method_removed.v1": lambda body, _: funding.RemovePaymentMethod(
        actor=Actor(role="employer", party_id=body["employer_id"]),
        employer_id=body["employer_id"],
        payment_method_id=body["payment_method_id"],
    ),
    "payouts.payout_account_created.v1": lambda body, _: payouts.StartPayoutAccount(
        actor=Actor(role="trainer", party_id=body["trainer_id"]),
        trainer_id=body["trainer_id"],
        country=body["country"],
    ),
    "payouts.payout_given_up.v1": lambda body, _: payouts.GiveUpPayout(
        actor=Actor(role="operator", party_id=body["given_up_by"]),
        contract_id=body["contract_id"],
        payout_id=body["payout_id"],
        reason=body["reason"],
    ),
    "payouts.releases_suspended.v1": lambda body, _: payouts.SuspendReleases(
        actor=Actor(role="service", party_id=body["by"]),
        platform=body["platform"],
        currency=body["currency"],
        cause=body["cause"],
        short_minor=body["short_minor"],
        reason=body["reason"],
    ),
    "payouts.releases_allowed.v1": lambda body, _: payouts.AllowReleases(
        actor=Actor(role="operator" if body.get("waived_until") else "service", party_id=body["by"]),
        platform=body["platform"],
        currency=body["currency"],
        reason=body["reason"],
    ),
    "funding.funds_frozen.v1": lambda body, _: funding.FreezeFunds(
        actor=Actor(role="operator", party_id=body["about"]),
        contract_id=body["contract_id"],
        milestone_id=body["milestone_id"],
        cause=body["cause"],
        reason=body["reason"],
    ),
    "funding.funds_unfrozen.v1": lambda body, _: funding.UnfreezeFunds(
        actor=Actor(role="operator", party_id="replay"),
        contract_id=body["contract_id"],
        milestone_id=body["milestone_id"],
        reason=body["reason"],
    ),
}  # fmt: skip
"""By what a command said: how it is asked again. The first of these types among its lines decides."""
