"""Decisions about payment methods: several per employer, one of them the default. Pure."""

from collections.abc import Sequence

from schemas import funding as said
from schemas import stripe
from schemas.base import Message
from services.funding.records import PaymentMethod
from services.runtime.decisions import Refused, Unchanged, conflict, not_found

Changed = tuple[list[PaymentMethod], list[Message]]


def may_change(command: said.SetDefaultPaymentMethod | said.RemovePaymentMethod) -> Refused | None:
    """An employer changes its own methods; operators and services those of any."""
    actor = command.actor
    if actor.role in ("operator", "service") or (actor.role, actor.party_id) == ("employer", command.employer_id):
        return None
    return not_found("payment method", command.payment_method_id)


def add(methods: Sequence[PaymentMethod], new: PaymentMethod) -> Changed:
    """A method was set up. The newest is the default: it is the one the employer has just chosen."""
    changed = [method._replace(is_default=False) for method in methods if method.is_default]
    new = new._replace(is_default=True)
    event = said.PaymentMethodAdded(
        employer_id=new.employer_id,
        payment_method_id=new.payment_method_id,
        brand=new.brand,
        last4=new.last4,
        exp_month=new.exp_month,
        exp_year=new.exp_year,
        is_default=True,
    )
    return [*changed, new], [event]


def set_default(methods: Sequence[PaymentMethod], wanted: str) -> Changed | Refused | Unchanged:
    """Charge this one from now on."""
    chosen = _usable(methods, wanted)
    if chosen is None:
        return not_found("payment method", wanted)
    if chosen.is_default:
        return Unchanged(detail="this is the default already")
    changed = [method._replace(is_default=False) for method in methods if method.is_default]
    event = said.DefaultPaymentMethodChanged(employer_id=chosen.employer_id, payment_method_id=wanted)
    return [*changed, chosen._replace(is_default=True)], [event]


def remove(methods: Sequence[PaymentMethod], wanted: str, *, funding_under_way: bool) -> Changed | Refused:
    """Forget a method here and at Stripe; the last one stays while a funding is under way."""
    chosen = _usable(methods, wanted)
    if chosen is None:
        return not_found("payment method", wanted)
    others = [method for method in methods if not method.removed and method.payment_method_id != wanted]
    if not others and funding_under_way:
        return conflict(
            "payment_method_in_use", "a funding is under way and this is the only payment method: add another first"
        )
    changed, heir = drop(methods, chosen)
    detach = stripe.DetachPaymentMethod(employer_id=chosen.employer_id, payment_method_id=wanted)
    return changed, [_removed(chosen, heir), detach]


def detached(methods: Sequence[PaymentMethod], gone: str) -> Changed | None:
    """Stripe says that it can no longer be charged."""
    chosen = _usable(methods, gone)
    if chosen is None:
        return None
    changed, heir = drop(methods, chosen)
    return changed, [_removed(chosen, heir)]


def updated(methods: Sequence[PaymentMethod], fact: stripe.PaymentMethodUpdated) -> PaymentMethod | None:
    """The network or the bank renewed a card: taken over silently."""
    known = next((m for m in methods if m.payment_method_id == fact.payment_method_id), None)
    if known is None:
        return None
    return known._replace(brand=fact.brand, last4=fact.last4, exp_month=fact.exp_month, exp_year=fact.exp_year)


def drop(methods: Sequence[PaymentMethod], chosen: PaymentMethod) -> tuple[list[PaymentMethod], str | None]:
    """Mark one as removed; where it was the default, the newest of the others inherits."""
    changed = [chosen._replace(removed=True, is_default=False)]
    others = [m for m in methods if not m.removed and m.payment_method_id != chosen.payment_method_id]
    if chosen.is_default and others:
        heir = max(others, key=lambda method: method.added_at)
        changed.append(heir._replace(is_default=True))
        return changed, heir.payment_method_id
    return changed, None


def _removed(chosen: PaymentMethod, heir: str | None) -> said.PaymentMethodRemoved:
    return said.PaymentMethodRemoved(
        employer_id=chosen.employer_id, payment_method_id=chosen.payment_method_id, new_default_id=heir
    )


def _usable(methods: Sequence[PaymentMethod], wanted: str) -> PaymentMethod | None:
    return next((m for m in methods if m.payment_method_id == wanted and not m.removed), None)
