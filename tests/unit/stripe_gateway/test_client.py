"""The version is pinned; nothing secret is logged."""

import logging

import pytest
import stripe

from services.stripe_gateway.client import API_VERSION, open_client
from services.stripe_gateway.logs import HidingFormatter, hide
from services.stripe_gateway.settings import GatewaySettings, secrets_of

SANDBOX = "http://127.0.0.1:12111"


@pytest.mark.scenario(82)
def test_the_version_is_the_librarys_own() -> None:
    assert stripe._api_version._ApiVersion.CURRENT == API_VERSION


def test_the_library_sends_no_figures_and_never_retries_by_itself() -> None:
    client, _ = open_client(GatewaySettings(stripe_api_key="sk_test_1", stripe_api_base=SANDBOX))  # type: ignore[arg-type]

    assert stripe.enable_telemetry is False
    assert client._requestor._options.max_network_retries == 0
    assert client._requestor._options.stripe_version == API_VERSION
    assert client._requestor._options.base_addresses["api"] == SANDBOX


def test_settings_show_no_secret() -> None:
    settings = GatewaySettings(stripe_api_key="sk_test_hush", stripe_webhook_secret="whsec_hush")  # type: ignore[arg-type]

    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()


def test_several_secrets_are_read_and_blank_ones_are_none() -> None:
    settings = GatewaySettings(stripe_webhook_secret="whsec_a, whsec_b,, ")  # type: ignore[arg-type]

    assert secrets_of(settings.stripe_webhook_secret) == ("whsec_a", "whsec_b")


@pytest.mark.scenario(81)
@pytest.mark.parametrize(
    "secret",
    [
        "sk_test_51Habc",
        "rk_live_9zZ",
        "whsec_0123abcd",
        "pi_3Nabc_secret_XyZ",
        "seti_1_secret_abc",
        "http://localhost:8000/v1/hosted/eyJh.eyJz.sig-_x",
        "https://checkout.stripe.com/c/pay/cs_test_a1#fid",
        "http://127.0.0.1:12111/c/pay/cs_test_1",
        "http://127.0.0.1:12111/3ds/pi_1/XyZ",
        "http://127.0.0.1:12111/setup/e/acct_1/token",
    ],
)
def test_what_opens_something_is_hidden(secret: str) -> None:
    shown = hide(f"GET {secret} failed")

    assert secret not in shown
    assert "***" in shown
    assert shown.endswith(" failed")


@pytest.mark.parametrize("text", ["pi_3Nabc is paid", "/v1/hosted/done/setup", "fund:fnd_1:confirm:2", "req_1 402"])
def test_what_opens_nothing_is_shown(text: str) -> None:
    assert hide(text) == text


def test_arguments_and_tracebacks_are_covered() -> None:
    formatter = HidingFormatter(logging.Formatter("%(message)s"))
    try:
        int("sk_test_abc123")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "saw %s", ("whsec_abc",), (type(error), error, None))

    shown = formatter.format(record)

    assert "abc" not in shown
    assert "ValueError" in shown
