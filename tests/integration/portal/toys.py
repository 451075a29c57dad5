"""Small services that say what reached them."""

from collections.abc import AsyncIterator
from hashlib import sha256

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from services.runtime.problems import Problem, install


def heard(request: Request, body: bytes) -> dict[str, object]:
    return {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.headers.raw],
        "sha256": sha256(body).hexdigest(),
        "length": len(body),
    }


def a_service(name: str) -> FastAPI:
    """One that is well and answers its own call."""
    app = FastAPI(title=name)
    install(app)

    @app.get("/health/ready", include_in_schema=False)
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.get(f"/v1/{name}/known", summary=name)
    def known() -> dict[str, str]:
        return {"service": name}

    return app


def contracts() -> FastAPI:
    app = a_service("contracts")

    @app.post("/v1/contracts", status_code=201)
    async def hire(request: Request) -> JSONResponse:
        answer = JSONResponse(heard(request, await request.body()), 201, {"Idempotency-Replayed": "true"})
        answer.headers.append("Set-Cookie", "a=1")
        answer.headers.append("Set-Cookie", "b=2")
        answer.headers["Connection"] = "X-Private"
        answer.headers["X-Private"] = "of this connection alone"
        return answer

    @app.get("/v1/contracts/{contract_id}")
    async def get(contract_id: str, request: Request) -> dict[str, object]:
        if contract_id == "ctr_nobody":
            raise Problem(404, "not_found", "there is no contract ctr_nobody")
        return heard(request, await request.body())

    @app.get("/v1/long")
    async def long() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(50):
                yield b"%d\n" % number * 10_000

        return StreamingResponse(parts(), media_type="text/csv")

    @app.delete("/v1/contracts/{contract_id}", status_code=204)
    async def delete(contract_id: str) -> Response:
        return Response(status_code=204)

    return app


def gateway() -> FastAPI:
    app = a_service("stripe_gateway")

    @app.get("/v1/hosted/{token}", include_in_schema=False)
    async def hosted(token: str) -> RedirectResponse:
        return RedirectResponse(f"https://connect.stripe.com/setup/{token}", 303)

    @app.post("/webhooks/stripe", include_in_schema=False)
    @app.post("/webhooks/stripe/connect", include_in_schema=False)
    async def webhook(request: Request) -> dict[str, object]:
        return heard(request, await request.body())

    return app
