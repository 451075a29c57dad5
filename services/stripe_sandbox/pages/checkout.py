"""/c/pay/{session}: the hosted page of a Checkout Session, where a card is saved or a purchase is paid for."""

from html import escape
from typing import Any

from starlette.responses import Response

from services.stripe_sandbox.cards import find_number
from services.stripe_sandbox.currencies import display
from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.pages.html import Field, frame, message, redirect
from services.stripe_sandbox.resources import checkout_sessions, payment_intents, payment_methods, setup_intents
from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]


def _open_session(ctx: Context, identifier: str) -> Json | Response:
    """The session if a card can be saved in it, else what to show instead."""
    session = ctx.find("checkout.session", identifier)
    if session is None:
        return message("Page not found", "There is no such checkout session.", status=404)
    if session["status"] == "complete":
        return redirect(success_url(session))
    if session["status"] == "expired":
        return message("This page has expired", "Go back to the shop and start again.", status=410)
    return session


def success_url(session: Json) -> str:
    """Where the session leads when it is complete."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def show(sandbox: Sandbox, identifier: str, *, error: str = "", typed: Json | None = None) -> Response:
    """The form."""
    with sandbox.context() as ctx:
        session = _open_session(ctx, identifier)
        if isinstance(session, Response):
            return session
        values = typed or {}
        number = Field(
            "cardNumber", "Card number", values.get("cardNumber", ""), inputmode="numeric", autocomplete="cc-number",
            placeholder="1234 1234 1234 1234", hint="A test card, such as 4242 4242 4242 4242",
        )  # fmt: skip
        expiry = Field(
            "cardExpiry", "Expiry", values.get("cardExpiry", ""), inputmode="numeric", autocomplete="cc-exp",
            placeholder="MM / YY",
        )  # fmt: skip
        cvc = Field("cardCvc", "CVC", inputmode="numeric", autocomplete="cc-csc", placeholder="CVC")
        holder = Field(
            "billingName", "Name on card", values.get("billingName", ""), autocomplete="cc-name", required=False
        )
        email = (session["customer_details"] or {}).get("email") or ""
        cancel = session["cancel_url"]
        back = f'<a class="back" id="cancel" href="{escape(cancel)}">Cancel and go back</a>' if cancel else ""
        title, button, about = _purpose(session)
        body = (
            f"{about}<p>{escape(email) or 'Your card is kept for later payments.' * (session['mode'] == 'setup')}</p>"
            f'<form method="post" action="/c/pay/{escape(identifier)}">{number.html()}'
            f'<div class="row">{expiry.html()}{cvc.html()}</div>{holder.html()}'
            f'<button type="submit" id="submit">{escape(button)}</button></form>{back}'
        )
        return frame(title, body, error=error, status=402 if error else 200)


def _purpose(session: Json) -> tuple[str, str, str]:
    """What the page is for: its title, the words on its button, and the HTML of what is bought."""
    if session["mode"] == "setup":
        return "Save your card", "Save card", ""
    currency = session["currency"]
    rows = "".join(
        f"<tr><td>{item['quantity']} × {escape(item['description'])}</td>"  # noqa: RUF001 - a multiplication sign
        f"<td>{display(item['amount_total'], currency)}</td></tr>"
        for item in session["_items"]
    )
    total = display(session["amount_total"], currency)
    return f"Pay {total}", f"Pay {total}", f'<table id="items">{rows}</table>'


def submit(sandbox: Sandbox, identifier: str, form: Json) -> Response:
    """The form was sent: save the card, ask for authentication, or show the form again with what is wrong."""
    with sandbox.context() as ctx:
        session = _open_session(ctx, identifier)
        if isinstance(session, Response):
            return session
        try:
            payment_method = _payment_method(ctx, form)
            intent = checkout_sessions.intent_of(ctx, session)
            intent["payment_method"] = payment_method["id"]
            finish = f"{sandbox.settings.public_url}/c/pay/{identifier}/authenticated"
            if session["mode"] == "setup":
                intent = setup_intents.confirm_with(ctx, intent, finish)
            else:
                intent = payment_intents.confirm_with(ctx, intent, {"return_url": finish})
        except ApiError as error:
            if error.type != "card_error":
                raise
            declined = error.message
        else:
            if intent["status"] == "requires_action":
                return redirect(intent["next_action"]["redirect_to_url"]["url"])
            checkout_sessions.complete(ctx, session)
            return redirect(success_url(session))
    return show(sandbox, identifier, error=declined, typed=form)


def _payment_method(ctx: Context, form: Json) -> Json:
    card = find_number(form.get("cardNumber", ""))
    month, _, year = form.get("cardExpiry", "").replace(" ", "").replace("-", "/").partition("/")
    if not year and len(month) == 4:
        month, year = month[:2], month[2:]
    if not (month.isdigit() and year.isdigit()):
        raise ApiError(402, "card_error", "Your card's expiration date is incomplete.", "invalid_expiry_month")
    payment_methods.check_expiry(ctx, int(month), int(year))
    cvc = form.get("cardCvc", "").strip()
    if not cvc.isdigit() or len(cvc) not in (3, 4):
        raise ApiError(402, "card_error", "Your card's security code is invalid.", "invalid_cvc")
    made = payment_methods.make(
        ctx, card, month=int(month), year=int(year), billing={"name": form.get("billingName") or None}
    )
    made["allow_redisplay"] = "limited"
    return ctx.save(made)


def authenticated(sandbox: Sandbox, identifier: str) -> Response:
    """Back from 3D Secure: complete the session, or show the form again."""
    with sandbox.context() as ctx:
        session = _open_session(ctx, identifier)
        if isinstance(session, Response):
            return session
        intent = checkout_sessions.intent_of(ctx, session)
        if intent["status"] == "succeeded":
            checkout_sessions.complete(ctx, session)
            return redirect(success_url(session))
        problem = intent["last_setup_error" if session["mode"] == "setup" else "last_payment_error"]
    text = "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    return show(sandbox, identifier, error=text if problem else "")
