"""The table of test cards."""

import pytest

from services.stripe_sandbox.cards import BY_NUMBER, BY_TOKEN, CARDS, _luhn, find_number
from services.stripe_sandbox.errors import ApiError

DOCUMENTED = [
    "4242424242424242",
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000000069",
    "4000000000000127",
    "4000000000000119",
    "4000000000006975",
    "4000000000000341",
    "4000002500003155",
    "4000002760003184",
    "4000003800000446",
    "4000008260003178",
    "4000000000000077",
    "4000000000000259",
    "4000000000002685",
    "4000000000001976",
    "4000000000005423",
    "4000000000007726",
    "4000000000005126",
]


def test_every_documented_card_is_there() -> None:
    assert set(DOCUMENTED) <= set(BY_NUMBER)


def test_numbers_and_tokens_name_one_card_each() -> None:
    tokens = [token for card in CARDS for token in card.tokens]
    assert len(BY_NUMBER) == len(CARDS)
    assert len(BY_TOKEN) == len(tokens)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.number)
def test_every_number_passes_the_check_digit(card: object) -> None:
    assert _luhn(card.number)  # type: ignore[attr-defined]


def test_a_number_is_found_as_a_person_types_it() -> None:
    assert find_number("4242 4242 4242 4242").last4 == "4242"


def test_a_number_with_a_wrong_digit_is_incorrect() -> None:
    with pytest.raises(ApiError) as refused:
        find_number("4242424242424241")
    assert refused.value.code == "incorrect_number"


def test_a_real_card_is_refused_in_test_mode() -> None:
    with pytest.raises(ApiError) as refused:
        find_number("4539578763621486")
    assert refused.value.decline_code == "test_mode_live_card"
