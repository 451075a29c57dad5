"""What a sandbox holds from the start."""

from services.stripe_sandbox.resources import accounts_v2, balance_settings, webhook_endpoints
from services.stripe_sandbox.sandbox import Context


def platform(ctx: Context) -> None:
    """The platform's own account and its payout settings, unless they are there from an earlier run."""
    if ctx.find("v2.core.account", ctx.account) is not None:
        return
    accounts_v2.make_platform(ctx)
    balance_settings.set_interval(ctx, ctx.sandbox.settings.sandbox_platform_payouts)


def webhook_endpoints_of_settings(ctx: Context) -> None:
    """The two endpoints named in the settings; an address that changed since the last run is taken over."""
    settings = ctx.sandbox.settings
    wanted = (
        ("we_sandbox_platform", settings.sandbox_webhook_url, settings.stripe_webhook_secret, False),
        ("we_sandbox_connect", settings.sandbox_connect_webhook_url, settings.stripe_connect_webhook_secret, True),
    )
    for identifier, url, secret, connect in wanted:
        if url:
            endpoint = webhook_endpoints.make(
                ctx, url=url, enabled_events=["*"], connect=connect, secret=secret, identifier=identifier
            )
            ctx.save(endpoint)
