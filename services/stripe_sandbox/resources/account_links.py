"""/v2/core/account_links: the way to the hosted onboarding page; one use, short life."""

from datetime import timedelta
from typing import Any

from stripe.params.v2.core._account_link_create_params import AccountLinkCreateParams

from services.stripe_sandbox.errors import invalid, parameter_missing
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context, iso

Json = dict[str, Any]
LIFE = timedelta(minutes=5)


@operation("POST", "/v2/core/account_links", AccountLinkCreateParams, "account use_case")
def create(ctx: Context, params: Json) -> Json:
    """A link for onboarding, or for an update of what is due."""
    account = ctx.require("v2.core.account", params["account"], param="account")
    if account["closed"]:
        raise invalid("The account is closed.", param="account")
    use_case = params["use_case"]
    kind = use_case["type"]
    if kind not in ("account_onboarding", "account_update"):
        raise invalid("Invalid use_case.type: must be one of account_onboarding, account_update", param="use_case.type")
    details = use_case.get(kind)
    if details is None:
        raise parameter_missing(f"use_case.{kind}")
    if kind == "account_update" and account["dashboard"] in ("express", "full"):
        raise invalid(
            "You cannot create `account_update` links for accounts whose requirements Stripe collects; use"
            " `account_onboarding`.",
            param="use_case.type",
        )
    token = random_text(32)
    expires = ctx.at + LIFE
    ctx.save(
        {
            "id": token,
            "account": account["id"],
            "refresh_url": details["refresh_url"],
            "return_url": details.get("return_url") or details["refresh_url"],
            "expires": expires.timestamp(),
            "state": "new",
            "use_case": kind,
        },
        "_account_link",
    )
    return {
        "object": "v2.core.account_link",
        "account": account["id"],
        "created": ctx.now_iso,
        "expires_at": iso(expires),
        "livemode": False,
        "url": f"{ctx.sandbox.settings.public_url}/setup/e/{account['id']}/{token}",
        "use_case": {"type": kind, kind: details},
    }
