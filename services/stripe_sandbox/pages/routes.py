"""The addresses of the hosted pages."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.stripe_sandbox.currencies import display
from services.stripe_sandbox.pages import checkout, onboarding, three_d_secure
from services.stripe_sandbox.pages.html import message
from services.stripe_sandbox.sandbox import Sandbox

Json = dict[str, Any]


async def _form(request: Request) -> Json:
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def router(sandbox: Sandbox) -> APIRouter:
    """The routes of all pages."""
    routes = APIRouter(default_response_class=Response)

    async def done(response: Response) -> Response:
        await sandbox.settle()
        return response

    @routes.get("/c/pay/{session}")
    async def checkout_page(session: str) -> Response:
        return await done(checkout.show(sandbox, session))

    @routes.post("/c/pay/{session}")
    async def checkout_submit(session: str, request: Request) -> Response:
        return await done(checkout.submit(sandbox, session, await _form(request)))

    @routes.get("/c/pay/{session}/authenticated")
    async def checkout_authenticated(session: str) -> Response:
        return await done(checkout.authenticated(sandbox, session))

    @routes.get("/3ds/{intent}/{secret}")
    async def three_d_secure_page(intent: str, secret: str) -> Response:
        return await done(three_d_secure.show(sandbox, intent, secret))

    @routes.post("/3ds/{intent}/{secret}")
    async def three_d_secure_submit(intent: str, secret: str, request: Request) -> Response:
        return await done(three_d_secure.submit(sandbox, intent, secret, await _form(request)))

    @routes.get("/setup/e/{account}/{token}")
    async def onboarding_link(account: str, token: str) -> Response:
        return await done(onboarding.open_link(sandbox, account, token))

    @routes.get("/setup/s/{token}")
    async def onboarding_page(token: str) -> Response:
        return await done(onboarding.show(sandbox, token))

    @routes.post("/setup/s/{token}")
    async def onboarding_submit(token: str, request: Request) -> Response:
        return await done(onboarding.submit(sandbox, token, await _form(request)))

    @routes.get("/receipts/{charge}")
    async def receipt(charge: str) -> Response:
        found = sandbox.store.get("charge", charge)
        if found is None:
            return message("Page not found", "There is no such receipt.", status=404)
        return message("Receipt", f"{display(found['amount'], found['currency'])}: {found['status']}")

    @routes.get("/express/{account}/{token}")
    async def express(account: str, token: str) -> Response:
        del token
        return message("Express dashboard", f"Account {account}")

    return routes
