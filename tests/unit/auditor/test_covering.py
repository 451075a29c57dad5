"""Whether releases may leave: what several looks come to, what payouts is told, and when it is looked at."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from schemas.base import Command
from schemas.payouts import AllowReleases, SuspendReleases
from services.auditor import metrics
from services.auditor.covering.sides import Glance
from services.auditor.covering.verdict import Look, Standing, Verdict, commands, verdicts
from services.auditor.covering.watch import LOOKS, PAUSE_S, Watch
from services.auditor.reconcile.findings import Cover
from tests.unit.auditor.builders import NOW

EVERY = timedelta(seconds=300)
SHORT = Verdict("usd", "not_covered", 500, "USD: 5.00 USD is missing")
RIGHT = Verdict("usd", None, -500, "USD: held 95.00 USD <= available 100.00 USD")


def look(short_minor: int = -500, interval: str = "manual", currency: str = "usd") -> Look:
    return Look([Cover(currency, {"held": 10_000 + short_minor}, 10_000, 0, 0, 0)], interval)


# -- the verdict -----------------------------------------------------------------------------------------------


@pytest.mark.scenario(74, 75)
@pytest.mark.parametrize(
    ("looks", "cause", "short_minor"),
    [
        ([look()], None, -500),
        ([look(0)], None, 0),
        ([look(1)], "not_covered", 1),
        ([look(900), look(500), look(700)], "not_covered", 500),
        ([look(900), look(-1), look(900)], None, -1),
        ([look(interval="daily")], "payouts_not_manual", -500),
        ([look(500, "daily")], "not_covered", 500),
        ([look(interval="daily"), look()], None, -500),
    ],
    ids=[
        "covered",
        "to the cent",
        "a cent short",
        "short in all looks",
        "only for a moment",
        "swept",
        "both",
        "mended",
    ],
)
def test_what_is_missing_in_every_look_is_not_covered(
    looks: Sequence[Look], cause: str | None, short_minor: int
) -> None:
    (verdict,) = verdicts(looks)

    assert (verdict.currency, verdict.cause, verdict.short_minor) == ("usd", cause, short_minor)


def test_each_currency_has_its_own_and_one_that_no_contract_may_have_has_none() -> None:
    euro, dollar, unknown = look(700, currency="eur"), look(currency="usd"), look(currency="xxx")
    both = Look([*euro.covers, *dollar.covers, *unknown.covers], "manual")

    assert [(one.currency, one.cause) for one in verdicts([both])] == [("eur", "not_covered"), ("usd", None)]


def test_the_reason_says_what_is_owed_and_what_is_there() -> None:
    (verdict,) = verdicts([look(500)])
    assert verdict.reason == "USD: held 105.00 USD > available 100.00 USD + pending 0.00 USD: 5.00 USD is missing"
    (swept,) = verdicts([look(interval="daily")])
    assert "are daily, not manual" in swept.reason


# -- what payouts is told --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (None, True),
        (Standing("allowed", "not_covered", None), True),
        (Standing("suspended", "not_covered", None), False),
        (Standing("suspended", "payouts_not_manual", None), True),
        (Standing("waived", "not_covered", NOW + timedelta(seconds=1)), False),
        (Standing("waived", "not_covered", NOW), True),
    ],
    ids=["never", "allowed", "already", "for another cause", "waived", "the waiver has lapsed"],
)
def test_what_is_not_covered_is_suspended_unless_it_is_so_or_an_operator_lets_it_go(
    standing: Standing | None, told: bool
) -> None:
    found = commands([SHORT], {"usd": standing} if standing else {}, NOW)

    assert [type(command) for command in found] == [SuspendReleases] * told
    for command in found:
        assert isinstance(command, SuspendReleases)
        assert (command.currency, command.cause, command.short_minor) == ("usd", "not_covered", 500)
        assert (command.actor.role, command.reason) == ("service", SHORT.reason)


@pytest.mark.parametrize(
    ("standing", "told"),
    [(None, False), ("allowed", False), ("suspended", True), ("waived", True)],
)
def test_what_is_covered_again_is_let_go(standing: str | None, told: bool) -> None:
    stands = {"usd": Standing(standing, "not_covered", None)} if standing else {}

    assert [type(command) for command in commands([RIGHT], stands, NOW)] == [AllowReleases] * told


def test_a_balance_that_is_swept_though_it_is_covered_lacks_nothing() -> None:
    (command,) = commands([Verdict("usd", "payouts_not_manual", -500, "swept")], {}, NOW)

    assert isinstance(command, SuspendReleases)
    assert command.short_minor == 0


# -- the turn --------------------------------------------------------------------------------------------------


class Sides:
    """What the test says; counts how often it was looked at."""

    def __init__(self, *looks: Look) -> None:
        self.looks = list(looks)
        self.seen: Glance = ()
        self.looked = 0
        self.stands: dict[str, Standing] = {}

    def glance(self) -> Glance:
        return self.seen

    def look(self) -> Look:
        self.looked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def standing(self) -> Mapping[str, Standing]:
        return self.stands


class Bench:
    """A watch whose clock stands at `time`."""

    def __init__(self, sides: Sides, every: timedelta = EVERY) -> None:
        self.time = NOW
        self.told: list[Command] = []
        self.paused: list[float] = []
        self.watch = Watch(sides, self, every, lambda wanted, now: self.told.extend(wanted))

    def now(self) -> datetime:
        return self.time

    def turn(self, later: timedelta = timedelta(0)) -> None:
        self.time += later
        self.watch.take_turn(self.paused.append)


@pytest.mark.scenario(74, 75)
def test_what_is_missing_is_looked_at_several_times_before_releases_are_suspended() -> None:
    sides = Sides(look(500))
    bench = Bench(sides)

    bench.turn()

    assert (sides.looked, bench.paused) == (LOOKS, [PAUSE_S] * (LOOKS - 1))
    assert [type(command) for command in bench.told] == [SuspendReleases]
    assert metrics.COVER_SHORT.labels("usd")._value.get() == 500


def test_what_is_missing_for_a_moment_suspends_nothing() -> None:
    sides = Sides(look(500), look(-1))
    bench = Bench(sides)

    bench.turn()

    assert (sides.looked, bench.told) == (2, [])
    assert metrics.COVER_SHORT.labels("usd")._value.get() == -1


def test_it_is_looked_at_when_it_is_time_and_not_before() -> None:
    sides = Sides(look())
    bench = Bench(sides)

    bench.turn()
    bench.turn(EVERY - timedelta(seconds=1))
    assert sides.looked == 1
    bench.turn(timedelta(seconds=1))
    assert sides.looked == 2
    assert metrics.COVER_LOOKED_AT._value.get() == bench.time.timestamp()


def test_it_is_looked_at_at_once_when_stripe_told_of_the_platforms_account() -> None:
    sides = Sides(look())
    bench = Bench(sides)
    bench.turn()

    sides.seen = (("usd", "1", "0", "0"),)
    bench.turn()
    bench.turn()

    assert sides.looked == 2


def test_while_something_is_wrong_the_next_look_comes_sooner_and_lets_go_what_is_covered_again() -> None:
    sides = Sides(*[look(500)] * LOOKS, look())
    bench = Bench(sides)
    bench.turn()
    sides.stands = {"usd": Standing("suspended", "not_covered", None)}

    bench.turn(EVERY / 10 - timedelta(seconds=1))
    assert len(bench.told) == 1
    bench.turn(timedelta(seconds=1))
    assert [type(command) for command in bench.told] == [SuspendReleases, AllowReleases]


def test_every_zero_is_never() -> None:
    sides = Sides(look(500))
    Bench(sides, timedelta(0)).turn()

    assert sides.looked == 0
