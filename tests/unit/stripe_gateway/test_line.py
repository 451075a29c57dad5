"""How single tries are made: bounded, again after trouble, and not at all while the key is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import stripe
from prometheus_client import REGISTRY

from services.stripe_gateway.answers import Verdict
from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.settings import GatewaySettings
from tests.unit.stripe_gateway.builders import error

REFUSED_KEY = error(stripe.AuthenticationError, 401)
NO_ANSWER = error(stripe.APIConnectionError, None)
DEFECT = error(stripe.InvalidRequestError, 400, code="parameter_unknown")


class Stripe:
    """Answers as it is told, then well."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.now = self.most = 0

    async def __call__(self) -> str:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.answers:
            raise self.answers.pop(0)
        return "done"


def play(scenario: Callable[[Line], Awaitable[Any]], **settings: Any) -> Any:
    async def within() -> Any:
        given = {"stripe_backoff_first_s": 0.001, "stripe_backoff_most_s": 0.002, **settings}
        return await scenario(Line(GatewaySettings(**given)))

    return asyncio.run(asyncio.wait_for(within(), 5))


def test_one_try_tells_its_trouble() -> None:
    theirs = Stripe(NO_ANSWER)

    with pytest.raises(TroubleError) as trouble:
        play(lambda line: line.ask("read", theirs))

    assert (trouble.value.judged.verdict, theirs.asked) == (Verdict.RETRY, 1)


def test_reading_goes_on_until_there_is_an_answer() -> None:
    theirs = Stripe(NO_ANSWER, error(stripe.APIError, 500), error(stripe.RateLimitError, 429))

    assert play(lambda line: line.patiently("read", theirs)) == "done"
    assert theirs.asked == 4


def test_reading_does_not_go_on_after_a_refusal() -> None:
    theirs = Stripe(DEFECT)

    with pytest.raises(TroubleError):
        play(lambda line: line.patiently("read", theirs))

    assert theirs.asked == 1


def test_no_more_calls_at_once_than_allowed() -> None:
    theirs = Stripe()

    async def many(line: Line) -> None:
        await asyncio.gather(*(line.ask("read", theirs) for _ in range(50)))

    play(many, stripe_parallel_calls=4)

    assert (theirs.asked, theirs.most) == (50, 4)


def test_a_refused_key_is_waited_out() -> None:
    theirs = Stripe(REFUSED_KEY, REFUSED_KEY, REFUSED_KEY)

    assert play(lambda line: line.ask("read", theirs)) == "done"
    assert theirs.asked == 4


def test_while_a_key_is_refused_the_others_wait_for_one_that_tries() -> None:
    theirs = Stripe(*[REFUSED_KEY] * 3)

    async def many(line: Line) -> None:
        first = asyncio.create_task(line.ask("read", theirs))
        while not theirs.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(line.ask("read", theirs)) for _ in range(20)]
        await asyncio.gather(first, *others)

    play(many, stripe_backoff_first_s=0.02, stripe_backoff_most_s=0.02)

    assert theirs.asked == 3 + 21


def test_a_lost_connection_says_nothing_about_a_refused_key_and_locks_nobody_out() -> None:
    theirs = Stripe(REFUSED_KEY, NO_ANSWER)

    async def twice(line: Line) -> None:
        with pytest.raises(TroubleError):
            await line.ask("read", theirs)
        assert REGISTRY.get_sample_value("tranche_stripe_halted") == 1
        await line.ask("read", theirs)
        assert REGISTRY.get_sample_value("tranche_stripe_halted") == 0

    play(twice, stripe_timeout_s=0.05)


def test_a_pause_is_never_longer_than_its_bound_and_not_always_the_same() -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    async def pauses(line: Line) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("services.stripe_gateway.line.asyncio.sleep", note)
            for tries in range(60):
                await line.pause(tries)

    play(pauses, stripe_backoff_first_s=0.5, stripe_backoff_most_s=30)

    assert all(pause <= min(30, 0.5 * 2**tries) for tries, pause in enumerate(waited))
    assert len(set(waited)) > 50
    assert max(waited) > 15
