"""Real money and play money never meet (scenario 80)."""

import pytest

from services.runtime.stripe_keys import STRIPE, KeyRefusedError, check_key, is_live

SANDBOX = "http://127.0.0.1:12111"


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


def test_a_key_knows_its_mode() -> None:
    assert is_live("rk_live_1")
    assert not is_live("sk_test_1")
