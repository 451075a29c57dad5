"""Whether Stripe is there: many failures in a row shut the line, one try at a time finds out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import stripe

from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.settings import GatewaySettings
from tests.unit.stripe_gateway.builders import error

DOWN = error(stripe.APIConnectionError, None)
BROKEN = error(stripe.APIError, 503)
DECLINED = error(stripe.CardError, 402, code="card_declined")


def play(scenario: Callable[[Line], Awaitable[Any]]) -> Any:
    async def within() -> Any:
        settings = GatewaySettings(
            stripe_backoff_first_s=0.2,
            stripe_backoff_most_s=0.2,
            stripe_breaker_failures=3,
            stripe_timeout_s=100,
            stripe_breaker_of_one=2,
        )
        return await scenario(Line(settings))

    return asyncio.run(asyncio.wait_for(within(), 5))


async def tries(line: Line, *answers: Exception | None, one: str = "") -> None:
    for answer in answers:

        async def request(answer: Exception | None = answer) -> None:
            if answer is not None:
                raise answer

        try:
            await line.ask("read", request, one=one)
        except TroubleError:
            continue


@pytest.mark.parametrize(
    ("answers", "down"),
    [
        ((DOWN, DOWN), False),
        ((DOWN, BROKEN, DOWN), True),
        ((DOWN, DOWN, None, DOWN, DOWN), False),
        ((DOWN, DOWN, DECLINED, DOWN, DOWN), False),
    ],
)
def test_only_failures_in_a_row_shut_it(answers: tuple[Exception | None, ...], down: bool) -> None:
    async def scenario(line: Line) -> bool:
        await tries(line, *answers)
        return line.is_down

    assert play(scenario) is down


@pytest.mark.parametrize("answer", [None, DECLINED])
def test_any_answer_opens_it_for_all(answer: Exception | None) -> None:
    async def scenario(line: Line) -> bool:
        await tries(line, DOWN, DOWN, DOWN)
        waiting = [asyncio.create_task(tries(line, None)) for _ in range(5)]
        await tries(line, answer)
        await asyncio.gather(*waiting)
        return line.is_down

    assert play(scenario) is False


def test_while_it_is_shut_one_tries_and_the_others_wait() -> None:
    under_way = 0
    most = 0

    async def scenario(line: Line) -> int:
        await tries(line, DOWN, DOWN, DOWN)
        release = asyncio.Event()

        async def probe() -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await release.wait()
            under_way -= 1

        waiting = [asyncio.create_task(line.ask("read", probe)) for _ in range(5)]
        while under_way == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # longer than the pause: the others still wait for the one
        seen = most
        release.set()
        await asyncio.gather(*waiting)
        return seen

    assert play(scenario) == 1


@pytest.mark.parametrize(
    ("answer", "others", "down"),
    [
        (BROKEN, (), False),
        (BROKEN, ("another",), True),
        (DOWN, (), True),
    ],
)
def test_one_call_that_stripe_cannot_do_is_not_everybodys_trouble(
    answer: Exception, others: tuple[str, ...], down: bool
) -> None:
    async def scenario(line: Line) -> bool:
        await tries(line, *[answer] * 10, one="this")
        for other in others:
            await tries(line, answer, one=other)
        return line.is_down

    assert play(scenario) is down


def test_who_looks_is_told_how_it_is() -> None:
    async def scenario(line: Line) -> list[str]:
        notes = [line.note]
        await tries(line, DOWN, DOWN, DOWN)
        notes.append(line.note)
        await tries(line, None)
        return [*notes, line.note]

    first, down, last = play(scenario)
    assert (first, last) == ("answers", "answers")
    assert down.startswith("does not answer")
