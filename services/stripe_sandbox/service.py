"""Starts the process."""

import logging
import os

import uvicorn
from pydantic import ValidationError

from services.stripe_sandbox.app import build_app
from services.stripe_sandbox.settings import Settings, is_live_key


def load_settings() -> Settings:
    """Settings from the environment. Exits with one line when a live key is anywhere in it."""
    for name, value in os.environ.items():
        if is_live_key(value.strip()):
            raise SystemExit(f"stripe_sandbox: {name} holds a live Stripe key; refusing to start. Use an sk_test_ key.")
    try:
        return Settings()
    except ValidationError as error:
        raise SystemExit(f"stripe_sandbox: {error}") from None


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = load_settings()
    logging.getLogger(__name__).info("Stripe sandbox on %s", settings.public_url)
    uvicorn.run(
        build_app(settings),
        host=settings.http_host,
        port=settings.http_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
