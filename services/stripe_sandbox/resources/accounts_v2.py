"""/v2/core/accounts: connected accounts with the recipient configuration."""

from typing import Any

from stripe.params.v2.core._account_close_params import AccountCloseParams
from stripe.params.v2.core._account_create_params import AccountCreateParams
from stripe.params.v2.core._account_list_params import AccountListParams
from stripe.params.v2.core._account_retrieve_params import AccountRetrieveParams
from stripe.params.v2.core._account_update_params import AccountUpdateParams

from services.stripe_sandbox.api import reader
from services.stripe_sandbox.countries import find_country
from services.stripe_sandbox.errors import invalid, parameter_missing
from services.stripe_sandbox.events import emit_thin
from services.stripe_sandbox.render import merge_metadata, page_v2, public
from services.stripe_sandbox.resources import accounts_state
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
PARTS = ("defaults", "future_requirements", "identity", "requirements")
CONFIGURATIONS = ("customer", "merchant", "recipient")
CREATE = "identity dashboard contact_email contact_phone display_name configuration defaults include"


@operation("POST", "/v2/core/accounts", AccountCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """A connected account; its country cannot be changed later."""
    identity = params.get("identity") or {}
    code = identity.get("country")
    if not code:
        raise parameter_missing("identity.country")
    country = find_country(code)
    if country is None:
        raise invalid(
            f"The country {code} is not supported for connected accounts.",
            code="country_unsupported",
            param="identity.country",
        )
    _check_responsibilities(params)
    account = _blank(ctx, ctx.new_id("acct"), country.code, country.currency)
    account["dashboard"] = params.get("dashboard", "none")
    responsibilities = (params.get("defaults") or {}).get("responsibilities") or {}
    account["defaults"] |= {
        "locales": (params.get("defaults") or {}).get("locales"),
        "responsibilities": {
            "fees_collector": responsibilities.get("fees_collector", "application"),
            "losses_collector": responsibilities.get("losses_collector", "application"),
            "requirements_collector": "stripe",
        },
    }
    if currency := (params.get("defaults") or {}).get("currency"):
        account["defaults"]["currency"] = currency
    account["identity"]["entity_type"] = identity.get("entity_type")
    _apply(account, params)
    _configure(account, params.get("configuration") or {})
    account["metadata"] = merge_metadata({}, params.get("metadata"))
    ctx.save(account)
    emit_thin(ctx, "v2.core.account.created", account["id"])
    return shown(account, params.get("include"))


def _check_responsibilities(params: Json) -> None:
    responsibilities = (params.get("defaults") or {}).get("responsibilities") or {}
    if params.get("dashboard") == "express" and (
        responsibilities.get("fees_collector") != "application"
        or responsibilities.get("losses_collector") != "application"
    ):
        raise invalid(
            "Accounts with dashboard `express` need defaults.responsibilities.fees_collector and losses_collector"
            " `application`.",
            param="defaults.responsibilities",
        )


def _blank(ctx: Context, identifier: str, country: str, currency: str) -> Json:
    return {
        "id": identifier,
        "object": "v2.core.account",
        "applied_configurations": [],
        "closed": False,
        "configuration": {"customer": None, "merchant": None, "recipient": None},
        "contact_email": None,
        "contact_phone": None,
        "created": ctx.now_iso,
        "dashboard": "none",
        "defaults": {
            "currency": currency,
            "locales": None,
            "payout_methods": None,
            "profile": None,
            "responsibilities": {
                "fees_collector": "application",
                "losses_collector": "application",
                "requirements_collector": "stripe",
            },
        },
        "display_name": None,
        "future_requirements": {"entries": [], "minimum_transition_date": None, "summary": None},
        "identity": {
            "attestations": None,
            "business_details": None,
            "country": country,
            "entity_type": None,
            "individual": None,
        },
        "livemode": False,
        "metadata": {},
        "requirements": accounts_state.requirements([]),
        "_created_s": ctx.now_s,
        "_details_submitted": False,
    }


def make_platform(ctx: Context) -> None:
    """The platform's own account: verified, with a bank."""
    country = ctx.sandbox.platform_country
    account = _blank(ctx, ctx.account, country.code, country.currency)
    account |= {"display_name": "Sandbox platform", "contact_email": "platform@example.com", "dashboard": "full"}
    _configure(account, {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}})
    for name in accounts_state.CAPABILITIES:
        stripe_balance = account["configuration"]["recipient"]["capabilities"]["stripe_balance"]
        stripe_balance[name] = accounts_state.capability("active", None)
    account["requirements"] = accounts_state.requirements([])
    account["_details_submitted"] = True
    ctx.save(account)
    ctx.save(
        {
            "id": "ba_sandbox_platform",
            "object": "bank_account",
            "account": ctx.account,
            "account_holder_name": "Sandbox platform",
            "account_holder_type": "company",
            "account_type": None,
            "available_payout_methods": ["standard"],
            "bank_name": "STRIPE TEST BANK",
            "country": country.code,
            "currency": country.currency,
            "default_for_currency": True,
            "fingerprint": "SandboxPlatform",
            "last4": "6789",
            "metadata": {},
            "routing_number": "110000000",
            "status": "new",
            "_failure_code": None,
        }
    )


def _apply(account: Json, params: Json) -> None:
    for name in ("contact_email", "contact_phone", "display_name"):
        if name in params:
            account[name] = params[name] or None
    individual = (params.get("identity") or {}).get("individual")
    if individual:
        known = account["identity"]["individual"] or {
            "account": account["id"],
            "created": account["created"],
            "id": account["id"].replace("acct_", "person_"),
            "object": "v2.core.account_person",
            "updated": account["created"],
        }
        account["identity"]["individual"] = {**known, **individual}


def _configure(account: Json, wanted: Json) -> None:
    for name in ("customer", "merchant"):
        if name in wanted:
            raise invalid(
                f"The sandbox has the recipient configuration only, not {name}.", param=f"configuration.{name}"
            )
    recipient = wanted.get("recipient")
    if recipient is None:
        return
    asked = ((recipient.get("capabilities") or {}).get("stripe_balance") or {}).get("stripe_transfers") or {}
    if account["configuration"]["recipient"] is None:
        account["configuration"]["recipient"] = {
            "applied": True,
            "capabilities": {"bank_accounts": None, "cards": None, "stripe_balance": None},
        }
        account["applied_configurations"] = ["recipient"]
    capabilities = account["configuration"]["recipient"]["capabilities"]
    if asked.get("requested") and capabilities["stripe_balance"] is None:
        restricted = accounts_state.capability("restricted", "requirements_past_due")
        capabilities["stripe_balance"] = {"payouts": restricted, "stripe_transfers": restricted}
        entries = [accounts_state.entry(name) for name in accounts_state.FIRST_REQUIREMENTS]
        account["requirements"] = accounts_state.requirements(entries)


def shown(account: Json, include: list[str] | None) -> Json:
    """The account with the parts that were asked for; the others are null."""
    wanted = set(include or [])
    result = public(account)
    for part in PARTS:
        if part not in wanted:
            result[part] = None
    chosen = {name: account["configuration"][name] for name in CONFIGURATIONS if f"configuration.{name}" in wanted}
    result["configuration"] = {**dict.fromkeys(CONFIGURATIONS), **chosen} if chosen else None
    return result


@reader("v2.core.account")
def renew(ctx: Context, identifier: str, params: Json) -> Json:
    """The account as it is now, for the replay of a request."""
    return shown(ctx.require("v2.core.account", identifier), params.get("include"))


@operation("GET", "/v2/core/accounts/{account}", AccountRetrieveParams)
def retrieve(ctx: Context, params: Json, account: str) -> Json:
    """One account."""
    return shown(ctx.require("v2.core.account", account), params.get("include"))


@operation("POST", "/v2/core/accounts/{account}", AccountUpdateParams, CREATE)
def update(ctx: Context, params: Json, account: str) -> Json:
    """Change contact, name, identity and configuration; neither country nor dashboard."""
    found = ctx.require("v2.core.account", account)
    country = (params.get("identity") or {}).get("country")
    if country and country.upper() != found["identity"]["country"]:
        raise invalid("The country of an account cannot be changed.", param="identity.country")
    if params.get("dashboard", found["dashboard"]) != found["dashboard"]:
        raise invalid("The dashboard of an account cannot be changed.", param="dashboard")
    _apply(found, params)
    _configure(found, params.get("configuration") or {})
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    ctx.save(found)
    emit_thin(ctx, "v2.core.account.updated", account)
    return shown(found, params.get("include"))


@operation("POST", "/v2/core/accounts/{account}/close", AccountCloseParams, "applied_configurations")
def close(ctx: Context, params: Json, account: str) -> Json:
    """Close an account without money."""
    del params
    found = ctx.require("v2.core.account", account)
    for currency in ctx.balances.currencies(account):
        if any(ctx.balances.amount_minor(account, currency, bucket) for bucket in ("available", "pending")):
            raise invalid(f"The account still has a balance in {currency}.", param="account")
    found["closed"] = True
    ctx.save(found)
    emit_thin(ctx, "v2.core.account.closed", account)
    return shown(found, None)


@operation("GET", "/v2/core/accounts", AccountListParams, "applied_configurations closed")
def listed(ctx: Context, params: Json) -> Json:
    """Accounts, newest first."""
    found = [
        account
        for account in ctx.store.newest_first("v2.core.account", ctx.account)
        if account["id"] != ctx.sandbox.platform and account["closed"] == params.get("closed", False)
    ]
    closed = f"?closed={str(params['closed']).lower()}" if "closed" in params else ""
    return page_v2(found, params, f"/v2/core/accounts{closed}", shown=lambda account: shown(account, None))
