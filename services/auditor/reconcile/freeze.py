"""Freezes the milestones that differ, and no others: a command to funding each, as an operator gives it. Pure."""

from collections.abc import Mapping, Sequence

from schemas.base import Actor
from schemas.funding import FreezeFunds
from services.auditor.reconcile.findings import Difference, show

ACTOR = Actor(role="service", party_id="reconciliation")


def commands(found: Mapping[tuple[str, str], Sequence[Difference]]) -> list[FreezeFunds]:
    """A command for each milestone (with its contract) that has unexplained differences."""
    return [
        FreezeFunds(
            actor=ACTOR,
            contract_id=contract_id,
            milestone_id=milestone_id,
            cause="reconciliation",
            reason="; ".join(
                f"{one.between}: {one.what} {one.id} differs by {show(one.amount_minor, one.currency)}"
                for one in differences
            )[:2_000],
        )
        for (milestone_id, contract_id), differences in sorted(found.items())
    ]
