"""How fast Stripe is called, by a clock that the test moves."""

import pytest

from services.stripe_gateway.pace import Bucket, Pace
from services.stripe_gateway.settings import GatewaySettings


def rates(pace: Pace) -> tuple[float, float]:
    return pace._all.rate, pace._of("create_transfer").rate


def test_one_seconds_worth_goes_at_once_and_the_rest_at_the_rate_in_order() -> None:
    bucket = Bucket(10.0, 5.0)

    waits = [bucket.take(100.0) for _ in range(30)]

    assert waits[:10] == pytest.approx([0.0] * 10)
    assert waits[10:] == pytest.approx([n / 10 for n in range(1, 21)])


def test_no_more_than_a_second_is_saved_up() -> None:
    bucket = Bucket(10.0, 5.0)
    bucket.take(0.0)

    waits = [bucket.take(1_000.0) for _ in range(11)]

    assert waits == pytest.approx([0.0] * 10 + [0.1])


def test_a_429_halves_the_rate_once_for_calls_that_were_made_together() -> None:
    bucket = Bucket(20.0, 5.0)
    for _ in range(10):
        bucket.slow(100.0)
    assert bucket.rate == 10.0

    bucket.slow(101.5)

    assert bucket.rate == 5.0


def test_it_never_stands_still() -> None:
    bucket = Bucket(20.0, 5.0)
    for n in range(100):
        bucket.slow(n * 2.0)

    assert bucket.rate == pytest.approx(0.4)
    bucket.take(1_000.0)
    assert bucket.take(1_000.0) <= 2.5


def test_calls_that_go_through_bring_the_rate_back_step_by_step_and_no_further() -> None:
    bucket = Bucket(20.0, 5.0)
    bucket.slow(100.0)

    bucket.well(104.9)
    assert bucket.rate == 10.0
    bucket.well(105.0)
    bucket.well(105.1)
    assert bucket.rate == 12.0
    for n in range(10):
        bucket.well(110.0 + 5 * n)
    assert bucket.rate == 20.0


@pytest.mark.scenario(18)
@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("global-rate", (40.0, 20.0)),
        ("global-concurrency", (40.0, 20.0)),
        ("endpoint-rate", (80.0, 10.0)),
        ("resource-specific", (80.0, 20.0)),
        ("", (40.0, 10.0)),
    ],
)
def test_the_limit_that_stripe_names_is_the_one_that_gives_way(reason: str, expected: tuple[float, float]) -> None:
    pace = Pace(GatewaySettings(), lambda: 100.0)

    pace.too_fast("create_transfer", reason)

    assert rates(pace) == expected


def test_another_kind_of_call_keeps_its_rate() -> None:
    pace = Pace(GatewaySettings(), lambda: 100.0)

    pace.too_fast("read", "endpoint-rate")

    assert rates(pace) == (80.0, 20.0)


def test_the_rates_are_of_all_replicas_and_each_takes_its_part() -> None:
    share = 0.5
    pace = Pace(GatewaySettings(), lambda: 100.0, lambda: share)
    assert rates(pace) == (40.0, 10.0)
    pace.too_fast("create_transfer", "endpoint-rate")

    share = 0.25
    pace._divide()

    assert rates(pace) == (20.0, 2.5)  # what was slowed down stays so
    assert pace._of("read").rate == 5.0
