"""What the employer is told of a decline."""

import pytest

from services.funding.declines import explain


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "fraudulent", "pickup_card", "merchant_blacklist"])
@pytest.mark.parametrize("advice", ["", "try_again_later"])
@pytest.mark.scenario(35)
def test_a_reported_card_is_told_like_any_other_and_never_tried_again(code: str, advice: str) -> None:
    told = explain("card_declined", code, advice)
    assert (told.code, told.advice, told.can_retry) == ("card_declined", "do_not_try_again", False)
    assert told.reason == explain("card_declined", "something_new").reason


@pytest.mark.parametrize(
    ("decline_code", "advice", "can_retry"),
    [
        ("insufficient_funds", "try_again_later", True),
        ("expired_card", "use_another_method", False),
        ("incorrect_cvc", "confirm_card_data", True),
        ("processing_error", "try_again_later", True),
        ("authentication_required", "try_again_later", True),
    ],
)
@pytest.mark.scenario(35)
def test_a_known_code_says_what_helps(decline_code: str, advice: str, can_retry: bool) -> None:
    told = explain("card_declined", decline_code)
    assert (told.code, told.advice, told.can_retry) == (decline_code, advice, can_retry)


@pytest.mark.scenario(35)
def test_the_networks_advice_overrides_ours() -> None:
    assert explain("card_declined", "insufficient_funds", "do_not_try_again").advice == "do_not_try_again"
    assert explain("expired_card", "", "confirm_card_data").advice == "confirm_card_data"


def test_an_unknown_advice_is_left_aside() -> None:
    assert explain("card_declined", "insufficient_funds", "sing_a_song").advice == "try_again_later"


def test_the_code_speaks_where_there_is_no_decline_code() -> None:
    assert explain("expired_card").code == "expired_card"


def test_an_unknown_code_is_told_generically() -> None:
    assert explain("card_declined", "secret_reason").code == "card_declined"
