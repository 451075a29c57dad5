"""Who may decide about a payout: an operator, and nobody else. Pure."""

from schemas import payouts as said
from services.payouts.records import Payout
from services.runtime.decisions import Refused, forbidden, not_found


def asked_of(payout: Payout | None, command: said.ReversePayout | said.GiveUpPayout, does: str) -> Payout | Refused:
    """The payout that a command is about, when its actor may give it. `does`: what an operator does by it."""
    actor = command.actor
    hidden = payout is not None and actor.role == "trainer" and actor.party_id != payout.trainer_id
    if payout is None or payout.contract_id != command.contract_id or hidden:
        return not_found("payout", command.payout_id)
    if actor.role != "operator":
        return forbidden(f"an operator {does}, not the {actor.role}")
    return payout
