"""Several payment methods, one of them the default."""

from datetime import timedelta

import pytest

from schemas.funding import (
    DefaultPaymentMethodChanged,
    PaymentMethodAdded,
    PaymentMethodRemoved,
    RemovePaymentMethod,
    SetDefaultPaymentMethod,
)
from schemas.stripe import DetachPaymentMethod
from services.funding import payment_methods
from services.funding.payment_methods import Changed
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import EMPLOYER, NOW, OPERATOR, SERVICE, STRANGER, TRAINER, a_method

FIRST = a_method(payment_method_id="pm_1", is_default=False, added_at=NOW + timedelta(days=1))
SECOND = a_method(payment_method_id="pm_2", is_default=False)
DEFAULT = a_method(payment_method_id="pm_3", added_at=NOW - timedelta(days=1))
THREE = [FIRST, SECOND, DEFAULT]


def changed(found: object) -> Changed:
    assert isinstance(found, tuple), found
    return found


def defaults(methods: list, result: Changed) -> list[str]:  # type: ignore[type-arg]
    """Which methods are the default once the changes are stored."""
    rows = {m.payment_method_id: m for m in [*methods, *result[0]]}
    return [m.payment_method_id for m in rows.values() if m.is_default and not m.removed]


def test_the_newest_becomes_the_only_default() -> None:
    added = payment_methods.add(THREE, a_method(payment_method_id="pm_4", is_default=False))
    assert defaults(THREE, added) == ["pm_4"]
    assert isinstance(added[1][0], PaymentMethodAdded)


def test_another_becomes_the_only_default() -> None:
    result = changed(payment_methods.set_default(THREE, "pm_1"))
    assert defaults(THREE, result) == ["pm_1"]
    assert isinstance(result[1][0], DefaultPaymentMethodChanged)


def test_the_default_stays_what_it_is() -> None:
    assert isinstance(payment_methods.set_default(THREE, "pm_3"), Unchanged)


@pytest.mark.parametrize("methods", [THREE, [a_method(payment_method_id="pm_9", removed=True)]])
def test_a_method_that_is_not_there_cannot_be_the_default(methods: list) -> None:  # type: ignore[type-arg]
    found = payment_methods.set_default(methods, "pm_9")
    assert isinstance(found, Refused)
    assert found.kind == "not_found"


def test_the_newest_of_the_others_inherits_the_default() -> None:
    result = changed(payment_methods.remove(THREE, "pm_3", funding_under_way=True))
    removed, detach = result[1]
    assert defaults(THREE, result) == ["pm_1"]
    assert isinstance(removed, PaymentMethodRemoved)
    assert removed.new_default_id == "pm_1"
    assert isinstance(detach, DetachPaymentMethod)


def test_removing_another_leaves_the_default() -> None:
    result = changed(payment_methods.remove(THREE, "pm_1", funding_under_way=False))
    assert defaults(THREE, result) == ["pm_3"]


def test_the_last_one_stays_while_a_funding_is_under_way() -> None:
    gone = a_method(payment_method_id="pm_2", removed=True)
    found = payment_methods.remove([DEFAULT, gone], "pm_3", funding_under_way=True)
    assert isinstance(found, Refused)
    assert found.code == "payment_method_in_use"


def test_the_last_one_may_go_when_nothing_is_under_way() -> None:
    result = changed(payment_methods.remove([DEFAULT], "pm_3", funding_under_way=False))
    assert result[0][0].removed
    assert defaults([DEFAULT], result) == []


def test_a_detached_one_goes_without_another_call_to_stripe() -> None:
    result = changed(payment_methods.detached(THREE, "pm_3"))
    assert [type(event) for event in result[1]] == [PaymentMethodRemoved]


def test_our_own_removal_heard_back_changes_nothing() -> None:
    assert payment_methods.detached([a_method(removed=True)], "pm_1") is None


@pytest.mark.parametrize("command", [SetDefaultPaymentMethod, RemovePaymentMethod])
def test_only_the_employer_or_somebody_on_its_behalf_changes_methods(
    command: type[SetDefaultPaymentMethod] | type[RemovePaymentMethod],
) -> None:
    allowed = [
        payment_methods.may_change(command(actor=actor, employer_id="emp_1", payment_method_id="pm_1")) is None
        for actor in (EMPLOYER, OPERATOR, SERVICE, STRANGER, TRAINER)
    ]
    assert allowed == [True, True, True, False, False]
