"""Facts of funding, with no more said than what counts here."""

from schemas import funding


def funded(
    currency: str, held_minor: int, marketplace_fee_minor: int = 0, initiation_fee_minor: int = 0
) -> funding.MilestoneFunded:
    return funding.MilestoneFunded(
        contract_id="ctr_1",
        milestone_id="mls_1",
        funding_id="fnd_1",
        employer_id="emp_1",
        trainer_id="trn_1",
        attempt=1,
        held_minor=held_minor,
        marketplace_fee_minor=marketplace_fee_minor,
        initiation_fee_minor=initiation_fee_minor,
        charge_minor=held_minor + marketplace_fee_minor + initiation_fee_minor,
        stripe_fee_minor=30,
        currency=currency,
        payment_intent_id="pi_1",
        charge_id="ch_1",
    )


def released(currency: str, amount_minor: int) -> funding.FundsReleased:
    return funding.FundsReleased(
        contract_id="ctr_1",
        milestone_id="mls_1",
        release_id="rel_1",
        employer_id="emp_1",
        trainer_id="trn_1",
        amount_minor=amount_minor,
        still_held_minor=0,
        currency=currency,
        charge_id="ch_1",
    )


def declined(currency: str, attempt: int = 1) -> funding.FundingFailed:
    return funding.FundingFailed(
        contract_id="ctr_1",
        milestone_id="mls_1",
        funding_id="fnd_1",
        employer_id="emp_1",
        attempt=attempt,
        code="card_declined",
        reason="The card was declined. Use another card.",
        advice="use_another_method",
        can_retry=False,
        amount_minor=100,
        currency=currency,
    )
