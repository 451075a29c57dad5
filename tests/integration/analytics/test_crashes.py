"""kill -9 at any moment, and what it leaves behind: the figures end right."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.integration.analytics.facts import declined, funded, released
from tests.integration.analytics.world import Record, Service, World, eventually

_BEGAN = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)
COMMIT_S = 1.0
"""How far apart commits are."""
LIVES_S = (0.2, 1.4, 0.6, 1.1, 1.7)
"""How long each life lasts in the stream of facts. As many of them as it takes until a crash has hit between changelog
and commit, which two mostly do."""

Sums = dict[str, int]


class Tally:
    """The exact figures, counted as the facts are made."""

    def __init__(self, world: World, currencies: tuple[str, ...], seed: int = 7) -> None:
        self.figures: dict[tuple[str, str], Sums] = {}
        self._world = world
        self.currencies = currencies
        self._random = random.Random(seed)

    def facts(self, number: int) -> list[Record]:
        """Facts of four minutes across midnight, as they come: more funded than released, some declined."""
        return [self._fact() for _ in range(number)]

    def _fact(self) -> Record:
        pick = self._random
        currency = pick.choice(self.currencies)
        moment = _BEGAN + timedelta(seconds=pick.uniform(0, 240))
        key = (moment.replace(second=0, microsecond=0).isoformat().replace("+00:00", "Z"), currency)
        sums = self.figures.setdefault(key, defaultdict(int))
        amount_minor = pick.randint(1, 99_999)
        match pick.randrange(4):
            case 0:
                sums["released_minor"] += amount_minor
                return self._world.fact(released(currency, amount_minor), moment)
            case 1:
                sums["declines"] += 1
                return self._world.fact(declined(currency), moment)
            case _:
                sums["funded_minor"] += amount_minor
                sums["fees_minor"] += amount_minor // 10
                return self._world.fact(funded(currency, amount_minor, amount_minor // 10), moment)

    def lines(self) -> list[dict[str, object]]:
        """As the service answers."""
        return [
            {
                "minute": minute,
                "currency": currency,
                "funded_minor": sums["funded_minor"],
                "held_change_minor": sums["funded_minor"] - sums["released_minor"],
                "released_minor": sums["released_minor"],
                "refunded_minor": 0,
                "charged_back_minor": 0,
                "fees_minor": sums["fees_minor"],
                "declines": sums["declines"],
            }
            for (minute, currency), sums in sorted(self.figures.items())
        ]


def lines_of(service: Service, tally: Tally) -> list[dict[str, object]]:
    """What the service answers, in the currencies of this tally."""
    return [line for line in service.figures() if line["currency"] in tally.currencies]


def published_of(world: World, tally: Tally) -> list[dict[str, object]]:
    """What the latest records of `analytics.figures` say, in the currencies of this tally."""
    latest = sorted(world.published().items())
    assert all(key == f"{body['minute']}|{body['currency']}" for key, body in latest)
    return [body for _, body in latest if body["currency"] in tally.currencies]


@contextmanager
def publishing(world: World, tally: Tally) -> Iterator[None]:
    """Facts keep coming, whether the service lives or not: fewer than it counts on a loaded machine, so that what has
    come while it was dead is soon made up for."""
    ended = threading.Event()

    def publish() -> None:
        while not ended.wait(0.04):
            world.publish(*tally.facts(4))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        yield
    finally:
        ended.set()
        publisher.join()


def test_killed_in_the_middle_again_and_again_it_ends_with_the_exact_sums(world: World) -> None:
    tally = Tally(world, ("aed", "jpy"))
    repeated = 0
    service = world.running()
    with publishing(world, tally):
        for life_s in LIVES_S:
            eventually(service.has_counted(100), "it is in the middle of it")
            time.sleep(life_s)
            service.kill()
            assert world.committed_and_not_kept() == []
            service = world.start()
            repeated += service.records("repeated")
            if repeated and life_s >= COMMIT_S:
                break

    eventually(lambda: lines_of(service, tally) == tally.lines(), "the figures are exact")
    assert repeated > 0, "no crash fell between the changelog and the commit: this test has proven nothing"
    assert published_of(world, tally) == tally.lines(), "the published figures are not those that are answered"


def test_facts_repeated_from_the_very_first_change_nothing(world: World) -> None:
    """A crash after the changelog was written and before anything was committed, at its most extreme."""
    tally = Tally(world, ("bhd",))
    service = world.running()
    world.publish(*tally.facts(300))
    eventually(lambda: lines_of(service, tally) == tally.lines(), "the figures are exact")
    service.stop()

    world.forget_commits()
    service = world.start()

    assert service.records("counted") == 0
    assert service.records("repeated") >= 300
    assert lines_of(service, tally) == tally.lines()


def test_a_lost_changelog_is_made_again_from_the_facts(world: World) -> None:
    """Changelog records that never arrived, nothing of them committed, at its most extreme; and how to begin anew."""
    tally = Tally(world, ("clp",))
    service = world.running()
    world.publish(*tally.facts(300))
    eventually(lambda: lines_of(service, tally) == tally.lines(), "the figures are exact")
    service.stop()

    world.forget_changelog()
    world.forget_commits()
    service = world.start()

    assert service.records("repeated") == 0
    assert lines_of(service, tally) == tally.lines()


def test_a_late_word_of_a_replaced_process_takes_nothing_back(world: World) -> None:
    """A process that was suspended, replaced and woken writes to the changelog what it knew."""
    tally = Tally(world, ("dkk",))
    service = world.running()
    world.publish(*tally.facts(200))
    eventually(lambda: lines_of(service, tally) == tally.lines(), "the figures are exact")
    early = [(key, value) for key, value in world.changelog() if key and b"dkk" in key]
    world.publish(*tally.facts(200))
    eventually(lambda: lines_of(service, tally) == tally.lines(), "the figures are exact")
    service.stop()

    world.write_changelog(early)
    service = world.start()

    assert lines_of(service, tally) == tally.lines()
