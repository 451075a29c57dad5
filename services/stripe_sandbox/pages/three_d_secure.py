"""/3ds/{intent}/{secret}: the bank's page where the holder authenticates a payment or a set-up."""

from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.responses import Response

from services.stripe_sandbox.currencies import display
from services.stripe_sandbox.ids import kind_of
from services.stripe_sandbox.pages.html import frame, message, redirect
from services.stripe_sandbox.resources import payment_intents, setup_intents
from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]


def _find(ctx: Context, identifier: str, secret: str) -> Json | None:
    """The intent if the link is its own. Authentication belongs to whichever account owns the intent."""
    kind = kind_of(identifier)
    if kind not in ("payment_intent", "setup_intent"):
        return None
    found = ctx.store.get(kind, identifier)
    if found is None or found["client_secret"] != f"{identifier}_secret_{secret}":
        return None
    return found


def show(sandbox: Sandbox, identifier: str, secret: str) -> Response:
    """The page with its two buttons."""
    with sandbox.context() as ctx:
        intent = _find(ctx, identifier, secret)
        if intent is None:
            return message("Page not found", "There is nothing to authenticate here.", status=404)
        if intent["status"] != "requires_action":
            return _leave(intent) or message("Nothing to do", "This payment does not need authentication any more.")
    what = (
        f"Confirm a payment of {display(intent['amount'], intent['currency'])}."
        if intent["object"] == "payment_intent"
        else "Confirm that your card may be saved for later payments."
    )
    body = (
        f"<p>{escape(what)} This page stands for your bank's 3D Secure page.</p>"
        f'<form method="post" action="/3ds/{escape(identifier)}/{escape(secret)}">'
        f'<button type="submit" id="complete" name="outcome" value="complete">Complete authentication</button>'
        f'<button type="submit" id="fail" class="second" name="outcome" value="fail">Fail authentication</button>'
        "</form>"
    )
    return frame("3D Secure authentication", body)


def submit(sandbox: Sandbox, identifier: str, secret: str, form: Json) -> Response:
    """One of the buttons was pressed."""
    passed = form.get("outcome") == "complete"
    with sandbox.context() as ctx:
        intent = _find(ctx, identifier, secret)
        if intent is None:
            return message("Page not found", "There is nothing to authenticate here.", status=404)
        if intent["status"] == "requires_action":
            owner = ctx.acting_for(ctx.store.owner(intent["object"], identifier) or ctx.account)
            resource = payment_intents if intent["object"] == "payment_intent" else setup_intents
            intent = resource.authenticated(owner, intent, passed=passed)
    said = "The payment went through." if intent["status"] == "succeeded" else "The authentication failed."
    return _leave(intent) or message("Done", f"{said} You may close this page.")


def _leave(intent: Json) -> Response | None:
    """Back to the shop with the outcome in the address, as Stripe does; None when no return_url was given."""
    url = intent.get("_return_url")
    if not url:
        return None
    outcome = "succeeded" if intent["status"] == "succeeded" else "failed"
    query = urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": outcome,
        }
    )
    parts = urlsplit(url)
    return redirect(urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query)))
