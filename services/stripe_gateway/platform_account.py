"""The platform's own account at Stripe: its balance, and what an operator must look at. Pure."""

from schemas import stripe
from schemas.base import PlatformKey
from services.stripe_gateway import states
from services.stripe_gateway.local_commands import RecordAlarm
from services.stripe_gateway.readings import BalanceReading, IntentReading
from services.stripe_gateway.records import Alarm, Balance, Intent
from services.stripe_gateway.told import Told

PLATFORM: PlatformKey = "platform"
"""The key of facts about the platform's own account, and the name under which it is read."""


def balance_read(balance: Balance | None, reading: BalanceReading) -> Told:
    """The balance in one currency: told when a sum changed."""
    new = Balance(reading.currency, states.NONE, reading.available_minor, reading.pending_minor, reading.reserved_minor)
    base = balance or new
    now = new._replace(state=base.move(states.SEEN) or base.state)
    if now == base:
        return Told(base)
    event = stripe.PlatformBalanceChanged(
        platform=PLATFORM,
        available_minor=now.available_minor,
        pending_minor=now.pending_minor,
        reserved_minor=now.reserved_minor,
        currency=now.currency,
    )
    return Told(now, (event,))


def alarm_read(alarm: Alarm | None, code: str, about: str, detail: str, *, wrong: bool) -> Told:
    """Something is wrong, or right again: told once until it was right again."""
    base = alarm or Alarm(alarm_id(code, about), code, about, states.NONE)
    target = base.move(states.SEEN if wrong else states.MENDED)
    if target is None:
        return Told(base)
    raised = stripe.PlatformAlarm(platform=PLATFORM, code=code, about=about, detail=detail)
    return Told(base._replace(state=target), (raised,) if wrong else ())


def wrong_charge(intent: Intent, reading: IntentReading) -> RecordAlarm | None:
    """The alarm that a charge is not what was asked for: Stripe converted it, or somebody changed its sum at Stripe."""
    charge, converted = reading.charge, reading.converted
    if converted is not None:
        return RecordAlarm(
            platform=PLATFORM,
            code="charge_converted",
            about=intent.funding_id,
            detail=f"{converted.charge_id} charged {converted.charge_minor} {converted.currency} (minor units), and "
            f"{converted.settled_minor} {converted.settled_currency} came to the balance: it is not kept in "
            f"{converted.currency}. It is set aside: refund it at Stripe, and give the platform a bank account in "
            f"{converted.currency} or take no contracts in it.",
        )
    if charge is None or charge.charge_minor == intent.charge_minor:
        return None
    return RecordAlarm(
        platform=PLATFORM,
        code="charged_another_sum",
        about=intent.funding_id,
        detail=f"{reading.payment_intent_id} charged {charge.charge_minor} {charge.currency} (minor units) where "
        f"{intent.charge_minor} was asked for: see what was changed at Stripe, and refund or fund the difference.",
    )


def alarm_id(code: str, about: str) -> str:
    """One alarm for each thing that is wrong with something."""
    return f"{code}:{about}"
