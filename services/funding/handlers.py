"""Which message goes to which decision of funding: the modules of `handling`, each by its purpose."""

from services.funding.handling import (
    charge_answers,
    charges,
    deadlines,
    disputes,
    evidence,
    freezes,
    payment_methods,
    refunds,
    releases,
    terms,
)
from services.funding.handling.common import HANDLERS

__all__ = [
    "HANDLERS",
    "charge_answers",
    "charges",
    "deadlines",
    "disputes",
    "evidence",
    "freezes",
    "payment_methods",
    "refunds",
    "releases",
    "terms",
]
