"""/setup/…: the hosted onboarding of a connected account. The link works once; the page it opens is a session
of its own.
"""

from html import escape
from typing import Any

from starlette.responses import Response

from services.stripe_sandbox import banks
from services.stripe_sandbox.banks import FormError
from services.stripe_sandbox.events import emit_thin
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.pages.html import Field, frame, message, redirect
from services.stripe_sandbox.resources import accounts_state
from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]
SESSION_LIFE_S = 2 * 3600
ROUTING_LABEL = {"US": "Routing number", "GB": "Sort code", "AU": "BSB", "CA": "Transit and institution number"}


def open_link(sandbox: Sandbox, account: str, token: str) -> Response:
    """Use up the link and go to the form; a used or expired link leads to the refresh_url."""
    with sandbox.context() as ctx:
        link = ctx.find("_account_link", token)
        if link is None or link["account"] != account:
            return message("Page not found", "There is no such onboarding link.", status=404)
        if link["state"] != "new" or link["expires"] < ctx.at.timestamp():
            return redirect(link["refresh_url"])
        session = random_text(32)
        ctx.save({**link, "state": "used"}, "_account_link")
        ctx.save(
            {**link, "id": session, "state": "session", "expires": ctx.at.timestamp() + SESSION_LIFE_S}, "_account_link"
        )
    return redirect(f"/setup/s/{session}")


def _session(ctx: Context, token: str) -> Json | Response:
    link = ctx.find("_account_link", token)
    if link is None or link["state"] == "new":
        return message("Page not found", "There is no such onboarding page.", status=404)
    if link["state"] == "done":
        return redirect(link["return_url"])
    if link["expires"] < ctx.at.timestamp():
        return redirect(link["refresh_url"])
    return link


def show(sandbox: Sandbox, token: str, *, error: str = "", typed: Json | None = None) -> Response:
    """The form, filled in with values that work."""
    with sandbox.context() as ctx:
        link = _session(ctx, token)
        if isinstance(link, Response):
            return link
        account = ctx.require("v2.core.account", link["account"])
    country = account["identity"]["country"]
    known = account["identity"]["individual"] or {}
    born = known.get("date_of_birth") or {"day": 1, "month": 1, "year": 1901}
    values = {
        "first_name": known.get("given_name") or "Jenny",
        "last_name": known.get("surname") or "Rosen",
        "email": account["contact_email"] or "",
        "dob_day": str(born["day"]),
        "dob_month": str(born["month"]),
        "dob_year": str(born["year"]),
        "id_number": "000000000",
        "routing_number": banks.TEST_ROUTING_NUMBER if country == "US" else "",
        "account_number": banks.suggested_number(country),
        **(typed or {}),
    }
    names = [
        Field("first_name", "First name", values["first_name"], autocomplete="given-name"),
        Field("last_name", "Last name", values["last_name"], autocomplete="family-name"),
    ]
    born_fields = [
        Field("dob_day", "Day", values["dob_day"], inputmode="numeric"),
        Field("dob_month", "Month", values["dob_month"], inputmode="numeric"),
        Field("dob_year", "Year", values["dob_year"], inputmode="numeric"),
    ]
    single = [
        Field("email", "E-mail", values["email"], kind="email", autocomplete="email", required=False),
        Field("id_number", "Identity number", values["id_number"], required=False, hint="111111111 does not match"),
    ]
    bank = [
        Field(
            "routing_number",
            ROUTING_LABEL.get(country, "Bank code"),
            values["routing_number"],
            required=country == "US",
        ),
        Field(
            "account_number",
            "Account number" if country == "US" else "IBAN or account number",
            values["account_number"],
        ),
    ]
    who = account["display_name"] or account["contact_email"] or account["id"]
    body = (
        f"<p>{escape(who)} ({escape(country)}): tell us who you are and where your money goes.</p>"
        f'<form method="post" action="/setup/s/{escape(token)}">'
        f'<div class="row">{"".join(field.html() for field in names)}</div>'
        f"<fieldset><legend>Date of birth</legend>"
        f'<div class="row three">{"".join(field.html() for field in born_fields)}</div>'
        f'<p class="hint">1901-01-01 verifies, 1902-01-01 at once, 1900-01-01 is refused.</p></fieldset>'
        f"{''.join(field.html() for field in [*single, *bank])}"
        f'<button type="submit" id="submit" name="action" value="submit">Agree and submit</button>'
        f'<button type="submit" id="save" class="second" name="action" value="save" formnovalidate>'
        "Save for later</button>"
        f"</form>"
    )
    return frame("Set up your payouts", body, error=error, status=422 if error else 200)


def submit(sandbox: Sandbox, token: str, form: Json) -> Response:
    """Submitted, or saved for later: both go back to the platform."""
    try:
        with sandbox.context() as ctx:
            link = _session(ctx, token)
            if isinstance(link, Response):
                return link
            account = ctx.require("v2.core.account", link["account"])
            if form.get("action") != "save":
                person = _person(form)
                bank = banks.find_bank(
                    account["identity"]["country"], form.get("routing_number", ""), form.get("account_number", "")
                )
                accounts_state.submit(ctx, account["id"], person, bank)
            ctx.save({**link, "state": "done"}, "_account_link")
            returned = {
                "account_id": account["id"],
                "configurations": account["applied_configurations"],
                "use_case": link["use_case"],
            }
            emit_thin(ctx, "v2.core.account_link.returned", account["id"], returned)
            return redirect(link["return_url"])
    except FormError as error:
        return show(sandbox, token, error=str(error), typed=form)


def _person(form: Json) -> Json:
    """What the form says of the person. Raises FormError in words for the page."""
    person = {
        "given_name": form.get("first_name", "").strip(),
        "surname": form.get("last_name", "").strip(),
        "email": form.get("email", "").strip() or None,
        "id_number": form.get("id_number", "").strip(),
    }
    if not person["given_name"] or not person["surname"]:
        raise FormError("Enter your first and last name.")
    try:
        born = {name: int(form.get(f"dob_{name}", "")) for name in ("day", "month", "year")}
    except ValueError:
        raise FormError("Enter your date of birth in numbers.") from None
    if not (1 <= born["day"] <= 31 and 1 <= born["month"] <= 12 and 1900 <= born["year"] <= 2100):
        raise FormError("Enter a real date of birth.")
    return {**person, **born}
