"""/v1/accounts: the older view of the same accounts, with external accounts and login links."""

from typing import Any

from stripe.params._account_external_account_list_params import AccountExternalAccountListParams
from stripe.params._account_external_account_retrieve_params import AccountExternalAccountRetrieveParams
from stripe.params._account_list_params import AccountListParams
from stripe.params._account_login_link_create_params import AccountLoginLinkCreateParams
from stripe.params._account_retrieve_params import AccountRetrieveParams
from stripe.params._account_update_params import AccountUpdateParams

from services.stripe_sandbox.errors import ApiError, check_modelled, invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import empty_list, merge_metadata, page, public
from services.stripe_sandbox.resources import accounts_state, balance_settings
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
V1_CAPABILITY = {"active": "active", "pending": "pending"}
PAYOUT_SETTINGS = {"debit_negative_balances", "schedule", "statement_descriptor"}
PAYOUT_SCHEDULE = {"interval", "weekly_payout_days", "monthly_payout_days"}
OLD_NAMES = {
    "identity.individual.given_name": "individual.first_name",
    "identity.individual.surname": "individual.last_name",
    "identity.individual.date_of_birth": "individual.dob.year",
    "identity.individual.id_numbers": "individual.id_number",
    "identity.attestations.terms_of_service.account": "tos_acceptance.date",
}


def v1_view(ctx: Context, account: Json) -> Json:
    """A v2 account as the v1 API shows it."""
    identifier = account["id"]
    connected = ctx.acting_for(identifier)
    banks = [public(bank) for bank in ctx.store.newest_first("bank_account", identifier, ("account", identifier))]
    due = [OLD_NAMES.get(entry["description"], entry["description"]) for entry in account["requirements"]["entries"]]
    rejected = accounts_state.status(account, "stripe_transfers") == "rejected"
    responsibilities = account["defaults"]["responsibilities"]
    lists = {"currently_due": due, "eventually_due": due, "past_due": [], "pending_verification": []}
    payments = balance_settings.of(connected)["payments"]
    dashboard = account["dashboard"]
    return {
        "id": identifier,
        "object": "account",
        "business_profile": None,
        "business_type": account["identity"]["entity_type"],
        "capabilities": {
            "transfers": V1_CAPABILITY.get(accounts_state.status(account, "stripe_transfers"), "inactive")
        },
        "charges_enabled": False,
        "controller": {
            "fees": {"payer": responsibilities["fees_collector"] or "application"},
            "is_controller": True,
            "losses": {"payments": responsibilities["losses_collector"] or "application"},
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": dashboard},
            "type": "application",
        },
        "country": account["identity"]["country"],
        "created": account["_created_s"],
        "default_currency": account["defaults"]["currency"],
        "details_submitted": account["_details_submitted"],
        "email": account["contact_email"],
        "external_accounts": {**empty_list(f"/v1/accounts/{identifier}/external_accounts"), "data": banks},
        "future_requirements": {
            "alternatives": [],
            "current_deadline": None,
            "currently_due": [],
            "disabled_reason": None,
            "errors": [],
            "eventually_due": [],
            "past_due": [],
            "pending_verification": [],
        },
        "metadata": account["metadata"],
        "payouts_enabled": accounts_state.status(account, "payouts") == "active",
        "requirements": {
            **lists,
            "alternatives": [],
            "current_deadline": None,
            "disabled_reason": "rejected.listed" if rejected else "requirements.past_due" if due else None,
            "errors": [],
        },
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": account["display_name"], "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": None},
            "payouts": {
                "debit_negative_balances": bool(payments["debit_negative_balances"]),
                "schedule": {
                    "delay_days": payments["settlement_timing"]["delay_days"],
                    "interval": payments["payouts"]["schedule"]["interval"],
                },
                "statement_descriptor": payments["payouts"]["statement_descriptor"],
            },
        },
        "tos_acceptance": {"date": account["_created_s"] if account["_details_submitted"] else None},
        "type": {"express": "express", "full": "standard"}.get(dashboard, "none"),
    }


def _one(ctx: Context, identifier: str) -> Json:
    """An account that the caller may see: itself, or one of the platform's."""
    found = ctx.store.get("v2.core.account", identifier)
    if found is None or (not ctx.is_platform and identifier != ctx.account):
        raise ApiError(
            403,
            "invalid_request_error",
            f"The provided key does not have access to account '{identifier}' (or that account does not exist).",
            code="account_invalid",
        )
    return found


@operation("GET", "/v1/account", AccountRetrieveParams)
def retrieve_own(ctx: Context, params: Json) -> Json:
    """The account of the key, or of Stripe-Account."""
    del params
    return v1_view(ctx, _one(ctx, ctx.account))


@operation("GET", "/v1/accounts/{account}", AccountRetrieveParams)
def retrieve(ctx: Context, params: Json, account: str) -> Json:
    """One connected account."""
    del params
    return v1_view(ctx, _one(ctx, account))


@operation("POST", "/v1/accounts/{account}", AccountUpdateParams, "email settings")
def update(ctx: Context, params: Json, account: str) -> Json:
    """Change e-mail, metadata and how a connected account is paid out (`settings.payouts`)."""
    found = _one(ctx, account)
    if account == ctx.sandbox.platform:
        raise invalid("You cannot update your own account with the API: use the Dashboard.", param="account")
    connected = ctx.acting_for(account)
    settings = dict(params.get("settings") or {})
    payouts = dict(settings.pop("payouts", {}))
    check_modelled(settings, (), "settings")
    check_modelled(payouts, PAYOUT_SETTINGS, "settings[payouts]")
    check_modelled(payouts.get("schedule", {}), PAYOUT_SCHEDULE, "settings[payouts][schedule]")
    wanted: Json = {"payouts": {name: payouts[name] for name in PAYOUT_SETTINGS if name in payouts}}
    if "debit_negative_balances" in payouts:
        wanted["debit_negative_balances"] = wanted["payouts"].pop("debit_negative_balances")
    if payouts:
        balance_settings.change(connected, wanted)
    if "email" in params:
        found["contact_email"] = params["email"] or None
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    ctx.save(found)
    emit(connected, "account.updated", found, {})
    return v1_view(ctx, found)


@operation("GET", "/v1/accounts", AccountListParams)
def listed(ctx: Context, params: Json) -> Json:
    """Connected accounts, newest first."""
    return page(
        ctx,
        "v2.core.account",
        {name: value for name, value in params.items() if name != "created"},
        "/v1/accounts",
        matching=lambda account: account["id"] != ctx.sandbox.platform,
        shown=lambda account: v1_view(ctx, account),
    )


@operation("GET", "/v1/accounts/{account}/external_accounts", AccountExternalAccountListParams, "object")
def external_accounts(ctx: Context, params: Json, account: str) -> Json:
    """The bank accounts of an account."""
    _one(ctx, account)
    url = f"/v1/accounts/{account}/external_accounts"
    return page(ctx.acting_for(account), "bank_account", params, url)


@operation("GET", "/v1/accounts/{account}/external_accounts/{bank}", AccountExternalAccountRetrieveParams)
def external_account(ctx: Context, params: Json, account: str, bank: str) -> Json:
    """One bank account of an account."""
    del params
    _one(ctx, account)
    return ctx.acting_for(account).require("bank_account", bank, label="external account")


@operation("POST", "/v1/accounts/{account}/login_links", AccountLoginLinkCreateParams)
def login_link(ctx: Context, params: Json, account: str) -> Json:
    """A link into the Express dashboard, for accounts that have it and have submitted their details."""
    del params
    found = _one(ctx, account)
    if found["dashboard"] != "express" or not found["_details_submitted"]:
        raise invalid("Cannot create a login link for an account that has not completed onboarding.")
    url = f"{ctx.sandbox.settings.public_url}/express/{account}/{random_text(12)}"
    return {"object": "login_link", "created": ctx.now_s, "url": url}
