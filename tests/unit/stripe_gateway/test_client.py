"""Real money and play money never meet (scenario 80); the version is pinned; nothing secret is logged."""

import logging

import pytest
import stripe

from services.stripe_gateway.client import API_VERSION, KeyRefusedError, check_key, is_live, open_client
from services.stripe_gateway.logs import HidingFormatter, hide
from services.stripe_gateway.settings import GatewaySettings, secrets_of

SANDBOX = "http://127.0.0.1:12111"
STRIPE = "https://api.stripe.com"


@pytest.mark.scenario(80)
@pytest.mark.parametrize(
    ("key", "base"),
    [
        ("sk_live_1", SANDBOX),
        ("rk_live_1", SANDBOX),
        ("sk_live_1", "https://api.stripe.com.example.com"),
        ("sk_live_1", "http://api.stripe.com"),
        ("sk_test_1", STRIPE),
        ("rk_test_1", f"{STRIPE}/"),
        ("pk_test_1", SANDBOX),
        ("", SANDBOX),
        ("whsec_1", SANDBOX),
    ],
)
def test_keys_and_addresses_that_do_not_belong_together_are_refused(key: str, base: str) -> None:
    with pytest.raises(KeyRefusedError) as refused:
        check_key(key, base)

    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "base", "test_mode"),
    [("sk_live_1", STRIPE, False), ("rk_live_1", f"{STRIPE}/", False), ("sk_test_1", SANDBOX, False),
     ("sk_test_1", STRIPE, True)],
)  # fmt: skip
def test_those_that_belong_together_are_taken(key: str, base: str, test_mode: bool) -> None:
    check_key(key, base, test_mode=test_mode)


def test_test_mode_is_no_way_around_for_a_live_key() -> None:
    with pytest.raises(KeyRefusedError):
        check_key("sk_live_1", SANDBOX, test_mode=True)


@pytest.mark.scenario(82)
def test_the_version_is_the_librarys_own() -> None:
    assert stripe._api_version._ApiVersion.CURRENT == API_VERSION


def test_the_library_sends_no_figures_and_never_retries_by_itself() -> None:
    client, _ = open_client(GatewaySettings(stripe_api_key="sk_test_1", stripe_api_base=SANDBOX))  # type: ignore[arg-type]

    assert stripe.enable_telemetry is False
    assert client._requestor._options.max_network_retries == 0
    assert client._requestor._options.stripe_version == API_VERSION
    assert client._requestor._options.base_addresses["api"] == SANDBOX


def test_a_key_knows_its_mode() -> None:
    assert is_live("rk_live_1")
    assert not is_live("sk_test_1")


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
