"""Money: nothing is lost in a split, shares round half up, amounts are shown as people write them."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas.money import (
    CURRENCIES,
    MAXIMUM_MINOR,
    AmountMinor,
    CurrencyCode,
    Money,
    WholeMinor,
    check_chargeable,
    currency_of,
    share,
    show,
    split,
)

totals = st.integers(min_value=0, max_value=MAXIMUM_MINOR)
amounts = st.integers(min_value=1, max_value=MAXIMUM_MINOR)
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=30).filter(any)
rates = st.integers(min_value=0, max_value=10_000)
codes = st.sampled_from(sorted(CURRENCIES))
three_decimal = st.sampled_from(sorted(code for code, of in CURRENCIES.items() if of.exponent == 3))
other = st.sampled_from(sorted(code for code, of in CURRENCIES.items() if of.exponent != 3))


@given(totals, weights)
def test_the_parts_of_a_split_sum_to_the_total(total_minor: int, weights: list[int]) -> None:
    assert sum(split(total_minor, weights)) == total_minor


@given(totals, weights)
def test_no_part_is_a_whole_unit_away_from_its_exact_share(total_minor: int, weights: list[int]) -> None:
    for part, weight in zip(split(total_minor, weights), weights, strict=True):
        assert abs(part * sum(weights) - total_minor * weight) < sum(weights)


@given(totals, weights)
def test_a_part_without_weight_gets_nothing(total_minor: int, weights: list[int]) -> None:
    parts = split(total_minor, weights)

    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(totals, weights)
def test_more_weight_never_gets_less(total_minor: int, weights: list[int]) -> None:
    by_weight = sorted(zip(weights, split(total_minor, weights), strict=True))

    assert [part for _, part in by_weight] == sorted(part for _, part in by_weight)


def test_the_odd_cent_goes_to_the_largest_remainder_then_to_the_earlier_part() -> None:
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    assert split(10, [55, 45]) == [6, 4]  # 5.5 and 4.5: a tie
    assert split(10, [14, 86]) == [1, 9]  # 1.4 and 8.6


@pytest.mark.parametrize("weights", [[1], [7]])
def test_a_part_that_stands_alone_gets_all(weights: list[int]) -> None:
    assert split(100, weights) == [100]


@pytest.mark.parametrize(("total_minor", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_a_split_that_makes_no_sense_is_refused(total_minor: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="split needs"):
        split(total_minor, weights)


@given(amounts, rates, other)
def test_a_share_rounds_half_up_to_the_minor_unit(amount_minor: int, basis_points: int, code: str) -> None:
    exact = Decimal(amount_minor) * basis_points / 10_000

    assert share(amount_minor, basis_points, code) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(amounts, rates, three_decimal)
def test_a_share_of_a_three_decimal_currency_rounds_half_up_to_ten(
    amount_minor: int, basis_points: int, code: str
) -> None:
    tens = Decimal(amount_minor) * basis_points / 100_000

    assert share(amount_minor, basis_points, code) == 10 * int(tens.quantize(Decimal(1), ROUND_HALF_UP))


@given(amounts, codes)
def test_nothing_of_an_amount_is_nothing(amount_minor: int, code: str) -> None:
    assert share(amount_minor, 0, code) == 0


@pytest.mark.parametrize(
    ("amount_minor", "basis_points", "code", "expected_minor"),
    [
        (30_000, 1_000, "usd", 3_000),
        (15, 1_000, "usd", 2),  # 1.5
        (14, 1_000, "usd", 1),  # 1.4
        (5_005, 1_000, "jpy", 501),  # 500.5
        (10_050, 1_000, "kwd", 1_010),  # 1,005: half of ten goes up
        (10_040, 1_000, "kwd", 1_000),  # 1,004
    ],
)
def test_a_share_by_hand(amount_minor: int, basis_points: int, code: str, expected_minor: int) -> None:
    assert share(amount_minor, basis_points, code) == expected_minor


@pytest.mark.parametrize(
    ("amount_minor", "code", "shown"),
    [
        (120_000, "usd", "1,200.00 USD"),
        (5, "usd", "0.05 USD"),
        (0, "usd", "0.00 USD"),
        (-995, "usd", "-9.95 USD"),
        (5_000, "jpy", "5,000 JPY"),
        (1_250, "kwd", "1.250 KWD"),
        (-1, "kwd", "-0.001 KWD"),
        (MAXIMUM_MINOR, "eur", "999,999.99 EUR"),
    ],
)
def test_an_amount_is_shown_as_people_write_it(amount_minor: int, code: str, shown: str) -> None:
    assert show(amount_minor, code) == shown


@given(st.integers(min_value=-MAXIMUM_MINOR, max_value=MAXIMUM_MINOR), codes)
def test_what_is_shown_is_the_amount(amount_minor: int, code: str) -> None:
    digits, _, name = show(amount_minor, code).partition(" ")

    assert Decimal(digits.replace(",", "")).scaleb(currency_of(code).exponent) == amount_minor
    assert name == code.upper()


@given(codes)
def test_the_bounds_of_a_charge_are_exact(code: str) -> None:
    minimum_minor = currency_of(code).minimum_minor

    check_chargeable(minimum_minor, code)
    step = 10 if currency_of(code).exponent == 3 else 1
    check_chargeable(MAXIMUM_MINOR // step * step, code)
    with pytest.raises(ValueError, match=rf"amount_minor {minimum_minor}\b"):
        check_chargeable(minimum_minor - 1, code)
    with pytest.raises(ValueError, match="above the most"):
        check_chargeable(MAXIMUM_MINOR + 1, code)


@pytest.mark.parametrize("code", sorted(code for code in CURRENCIES if currency_of(code).exponent == 3))
def test_stripe_charges_no_thousandths_in_a_three_decimal_currency(code: str) -> None:
    check_chargeable(12_340, code)
    with pytest.raises(ValueError, match="must end in 0"):
        check_chargeable(12_345, code)


@pytest.mark.parametrize("code", ["USD", "xxx", "", "us"])
def test_an_unsupported_currency_is_refused_saying_which_are(code: str) -> None:
    with pytest.raises(ValueError, match=r"is not supported; use one of aed, .*usd"):
        currency_of(code)


@pytest.mark.parametrize("currency", CURRENCIES.values(), ids=list(CURRENCIES))
def test_every_currency_has_a_plausible_row(currency: object) -> None:
    code, exponent, minimum_minor = currency  # type: ignore[misc]

    assert len(code) == 3
    assert code == code.lower()
    assert exponent in (0, 2, 3)
    assert 0 < minimum_minor < MAXIMUM_MINOR


@pytest.mark.parametrize("amount_minor", [0, -1, 1.0, 150.5, "15000", True, None, MAXIMUM_MINOR + 1, 49])
def test_money_takes_only_whole_amounts_within_stripes_bounds(amount_minor: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount_minor": amount_minor, "currency": "usd"})


def test_money_takes_no_other_field() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Money.model_validate({"amount_minor": 15_000, "currency": "usd", "amount": 150})


def test_money_reads_what_the_interface_says() -> None:
    assert Money.model_validate_json('{"amount_minor": 15000, "currency": "usd"}') == Money(
        amount_minor=15_000, currency="usd"
    )


class _Fields(BaseModel):
    amount_minor: AmountMinor = 1
    sum_minor: WholeMinor = 0
    currency: CurrencyCode = "usd"


def test_a_sum_may_be_zero_and_an_amount_may_not() -> None:
    assert _Fields(sum_minor=0).sum_minor == 0
    with pytest.raises(ValidationError, match="greater than 0"):
        _Fields(amount_minor=0)


def test_a_sum_is_never_negative() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        _Fields(sum_minor=-1)


def test_a_currency_field_refuses_what_the_table_does_not_have() -> None:
    with pytest.raises(ValidationError, match="is not supported"):
        _Fields(currency="xau")


def test_the_schema_of_a_currency_says_its_form_alone() -> None:
    """So that another currency in the table is not another version of every message."""
    currency = _Fields.model_json_schema()["properties"]["currency"]

    assert currency["pattern"] == "^[a-z]{3}$"
    assert "enum" not in currency
