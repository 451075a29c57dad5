"""The employers' cards."""

from schemas import funding as said
from schemas import stripe
from services.funding import payment_methods, states
from services.funding.handling.common import FUNDINGS, HANDLERS, METHODS, change, methods_of
from services.funding.records import PaymentMethod
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(stripe.PaymentMethodAttached, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def method_attached(ctx: Context, fact: stripe.PaymentMethodAttached) -> Outcome:
    """A set-up page was completed."""
    methods = ctx.find(METHODS, "employer_id", fact.employer_id)
    if any(method.payment_method_id == fact.payment_method_id for method in methods):
        return None
    new = PaymentMethod(
        fact.payment_method_id, fact.employer_id, fact.brand, fact.last4, fact.exp_month, fact.exp_year,
        is_default=True, removed=False, added_at=ctx.now,
    )  # fmt: skip
    change(ctx, payment_methods.add(methods, new))
    return None


@HANDLERS.on(stripe.PaymentMethodDetached, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def method_detached(ctx: Context, fact: stripe.PaymentMethodDetached) -> Outcome:
    """Gone at Stripe: do not charge it again."""
    changed = payment_methods.detached(ctx.find(METHODS, "employer_id", fact.employer_id), fact.payment_method_id)
    if changed is not None:
        change(ctx, changed)
    return None


@HANDLERS.on(stripe.PaymentMethodUpdated, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def method_updated(ctx: Context, fact: stripe.PaymentMethodUpdated) -> Outcome:
    """A card was renewed."""
    method = payment_methods.updated(ctx.find(METHODS, "employer_id", fact.employer_id), fact)
    if method is not None:
        ctx.put(METHODS, method)
    return None


@HANDLERS.on(said.SetDefaultPaymentMethod, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def set_default_method(ctx: Context, command: said.SetDefaultPaymentMethod) -> Outcome:
    """Charge this one from now on."""
    if (refused := payment_methods.may_change(command)) is not None:
        return refused
    methods = ctx.find(METHODS, "employer_id", command.employer_id)
    decided = payment_methods.set_default(methods, command.payment_method_id)
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: methods_of(ctx, command.employer_id), decided.detail)
    change(ctx, decided)
    return Accepted(lambda: methods_of(ctx, command.employer_id))


@HANDLERS.on(said.RemovePaymentMethod, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def remove_method(ctx: Context, command: said.RemovePaymentMethod) -> Outcome:
    """Forget one."""
    if (refused := payment_methods.may_change(command)) is not None:
        return refused
    under_way = any(
        funding.state in states.UNDER_WAY for funding in ctx.find(FUNDINGS, "employer_id", command.employer_id)
    )
    methods = ctx.find(METHODS, "employer_id", command.employer_id)
    decided = payment_methods.remove(methods, command.payment_method_id, funding_under_way=under_way)
    if isinstance(decided, Refused):
        return decided
    change(ctx, decided)
    return Accepted(lambda: methods_of(ctx, command.employer_id))
