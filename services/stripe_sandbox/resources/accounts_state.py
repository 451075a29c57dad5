"""The state of a connected account: what is still required, what it may do, and how that changes.

`restricted` until onboarding is submitted, `pending` during the review, then `active`; `rejected` for good. A
payout that fails takes `payouts` back to `restricted` until the bank account is changed.
"""

from datetime import timedelta
from typing import Any, Literal

from services.stripe_sandbox.banks import TestBank
from services.stripe_sandbox.events import emit, emit_thin
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
Capability = Literal["stripe_transfers", "payouts"]
CAPABILITIES: tuple[Capability, ...] = ("stripe_transfers", "payouts")

RESOLUTIONS = {"determining_status": "no_resolution", "requirements_pending_verification": "no_resolution"}
FIRST_REQUIREMENTS = (
    "identity.individual.given_name",
    "identity.individual.surname",
    "identity.individual.date_of_birth",
    "identity.attestations.terms_of_service.account",
    "external_account",
)
ID_NUMBER = "identity.individual.id_numbers"
EXTERNAL_ACCOUNT = "external_account"

DOB_IMMEDIATE = (1902, 1, 1)
DOB_LISTED = (1900, 1, 1)
ID_MISMATCH = "111111111"


def status(account: Json, capability: Capability) -> str:
    """How far a capability of an account is; `unsupported` when it was not requested."""
    held = ((account.get("configuration") or {}).get("recipient") or {}).get("capabilities") or {}
    found = (held.get("stripe_balance") or {}).get(capability)
    return "unsupported" if found is None else str(found["status"])


def capability(state: str, code: str | None) -> Json:
    """A capability's status with its reason."""
    details = [] if code is None else [{"code": code, "resolution": RESOLUTIONS.get(code, "provide_info")}]
    if state == "rejected":
        details = [{"code": code or "rejected_other", "resolution": "contact_stripe"}]
    return {"status": state, "status_details": details}


def entry(description: str, *, error: Json | None = None) -> Json:
    """One requirement."""
    restricted = ["stripe_balance.payouts"]
    if description != EXTERNAL_ACCOUNT or error is None:
        restricted.insert(0, "stripe_balance.stripe_transfers")
    return {
        "awaiting_action_from": "user",
        "description": description,
        "errors": [error] if error else [],
        "impact": {
            "restricts_capabilities": [
                {"capability": name, "configuration": "recipient", "deadline": {"status": "currently_due"}}
                for name in restricted
            ]
        },
        "minimum_deadline": {"status": "currently_due"},
        "reference": None,
        "requested_reasons": [{"code": "routine_verification" if error else "routine_onboarding"}],
    }


def requirements(entries: list[Json]) -> Json:
    """The requirements part of an account."""
    summary = {"minimum_deadline": {"status": "currently_due", "time": None} if entries else None}
    return {"entries": entries, "summary": summary}


def submit(ctx: Context, account: str, person: Json, bank: TestBank) -> Json:
    """The hosted form was submitted: the identity and bank are known, the review begins."""
    platform = ctx.acting_for(ctx.sandbox.platform)
    found = platform.require("v2.core.account", account)
    before = _snapshot(found)
    day, month, year = person["day"], person["month"], person["year"]
    individual: Json = {
        **(found["identity"]["individual"] or {}),
        "account": account,
        "created": platform.now_iso,
        "date_of_birth": {"day": day, "month": month, "year": year},
        "email": person.get("email") or found["contact_email"],
        "given_name": person["given_name"],
        "id": (found["identity"]["individual"] or {}).get("id") or ctx.new_id("person"),
        "object": "v2.core.account_person",
        "surname": person["surname"],
        "updated": platform.now_iso,
    }
    found["identity"] |= {
        "individual": individual,
        "entity_type": found["identity"]["entity_type"] or "individual",
    }
    _add_bank(ctx.acting_for(account), found, bank, f"{person['given_name']} {person['surname']}")
    found["_details_submitted"] = True
    if (year, month, day) == DOB_LISTED:
        _set_both(found, "rejected", "rejected_listed")
        found["requirements"] = requirements([])
    elif person.get("id_number") == ID_MISMATCH:
        problem = {"code": "verification_failed_keyed_identity", "description": "The identity could not be verified."}
        found["requirements"] = requirements([entry(ID_NUMBER, error=problem)])
        _set_both(found, "restricted", "requirements_past_due")
    else:
        found["requirements"] = requirements([])
        review_s = ctx.sandbox.settings.sandbox_onboarding_review_s
        if (year, month, day) == DOB_IMMEDIATE or review_s == 0 or status(found, "stripe_transfers") == "active":
            _set_both(found, "active", None)
        else:
            _set_both(found, "pending", "determining_status")
            platform.later(timedelta(seconds=review_s), "finish_review", account=account)
    return _save(platform, found, before)


def _add_bank(connected: Context, account: Json, bank: TestBank, holder: str) -> None:
    for old in list(connected.store.newest_first("bank_account", connected.account)):
        connected.store.delete("bank_account", old["id"])
        emit(connected, "account.external_account.deleted", old)
    made: Json = {
        "id": connected.new_id("ba"),
        "object": "bank_account",
        "account": connected.account,
        "account_holder_name": holder,
        "account_holder_type": "individual",
        "account_type": None,
        "available_payout_methods": ["standard", "instant"] if bank.instant else ["standard"],
        "bank_name": "STRIPE TEST BANK",
        "country": account["identity"]["country"],
        "currency": account["defaults"]["currency"],
        "default_for_currency": True,
        "fingerprint": f"Sandbox{bank.last4}",
        "future_requirements": None,
        "last4": bank.last4,
        "metadata": {},
        "requirements": None,
        "routing_number": bank.routing_number,
        "status": "new",
        "_failure_code": bank.failure_code,
    }
    connected.save(made)
    emit(connected, "account.external_account.created", made)


def finish_review(ctx: Context, account: str) -> None:
    """The review ends well."""
    found = ctx.require("v2.core.account", account)
    if status(found, "stripe_transfers") != "pending":
        return
    before = _snapshot(found)
    _set_both(found, "active", None)
    _save(ctx, found, before)


def disable_bank(ctx: Context, bank: str) -> None:
    """A payout failed: no more payouts until the bank account is changed."""
    found = ctx.require("bank_account", bank)
    before = found["status"]
    found["status"] = "errored"
    ctx.save(found)
    emit(ctx, "account.external_account.updated", found, {"status": before})
    platform = ctx.acting_for(ctx.sandbox.platform)
    account = platform.require("v2.core.account", ctx.account)
    state = _snapshot(account)
    _set(account, "payouts", "restricted", "requirements_past_due")
    problem = {"code": "external_account_failed", "description": "A payout to this bank account failed."}
    entries = [item for item in account["requirements"]["entries"] if item["description"] != EXTERNAL_ACCOUNT]
    account["requirements"] = requirements([*entries, entry(EXTERNAL_ACCOUNT, error=problem)])
    _save(platform, account, state)


def control(ctx: Context, account: str, wanted: Json) -> Json:
    """Set capabilities or close the account, as the control interface asks."""
    found = ctx.require("v2.core.account", account)
    before = _snapshot(found)
    for name in CAPABILITIES:
        if name in wanted:
            _set(found, name, wanted[name], None if wanted[name] == "active" else wanted["code"])
    if wanted.get("closed") is not None:
        found["closed"] = wanted["closed"]
    _save(ctx, found, before)
    if wanted.get("closed"):
        emit_thin(ctx, "v2.core.account.closed", account)
    return {name: status(found, name) for name in CAPABILITIES}


def _set_both(account: Json, state: str, code: str | None) -> None:
    for name in CAPABILITIES:
        _set(account, name, state, code)


def _set(account: Json, name: Capability, state: str, code: str | None) -> None:
    recipient = account["configuration"]["recipient"]
    if recipient is not None:
        recipient["capabilities"]["stripe_balance"][name] = capability(state, code)


def _snapshot(account: Json) -> Json:
    states: Json = {name: status(account, name) for name in CAPABILITIES}
    return {**states, "requirements": account["requirements"], "identity": account["identity"].copy()}


def _save(ctx: Context, account: Json, before: Json) -> Json:
    """Store an account and tell what changed, thin for v2 and as a snapshot for v1."""
    from services.stripe_sandbox.resources import payouts  # noqa: PLC0415 - payouts ask for an account's state

    ctx.save(account)
    identifier = account["id"]
    for name in CAPABILITIES:
        if status(account, name) != before[name]:
            emit_thin(
                ctx,
                "v2.core.account[configuration.recipient].capability_status_updated",
                identifier,
                {"updated_capability": f"stripe_balance.{name}"},
            )
    if account["requirements"] != before["requirements"]:
        emit_thin(ctx, "v2.core.account[requirements].updated", identifier)
    if account["identity"] != before["identity"]:
        emit_thin(ctx, "v2.core.account[identity].updated", identifier)
    if _snapshot(account) != before:
        connected = ctx.acting_for(identifier)
        emit(connected, "account.updated", account, {})
        payouts.plan(connected)
    return account
