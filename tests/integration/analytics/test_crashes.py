"""kill -9 at any moment, and what it leaves behind: the figures end right."""

import random
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.integration.analytics.facts import declined, funded, released
from tests.integration.analytics.world import CHANGELOG, FACTS, PARTITIONS, Record, Service, World, eventually

_BEGAN = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)
_FACTS = 6_000
_KILLS = 3

Sums = dict[str, int]


class Tally:
    """The exact figures, counted as the facts are made."""

    def __init__(self, world: World, currencies: tuple[str, ...], seed: int = 7) -> None:
        self.figures: dict[tuple[str, str], Sums] = {}
        self._world = world
        self._currencies = currencies
        self._random = random.Random(seed)

    def facts(self, number: int) -> list[Record]:
        """Facts of four minutes across midnight, as they come: more funded than released, some declined."""
        return [self._fact() for _ in range(number)]

    def _fact(self) -> Record:
        pick = self._random
        currency = pick.choice(self._currencies)
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
                "fees_minor": sums["fees_minor"],
                "declines": sums["declines"],
            }
            for (minute, currency), sums in sorted(self.figures.items())
        ]


def lines_of(service: Service, currencies: tuple[str, ...]) -> list[dict[str, object]]:
    return [line for line in service.figures() if line["currency"] in currencies]


def test_killed_in_the_middle_again_and_again_it_ends_with_the_exact_sums(world: World) -> None:
    tally = Tally(world, ("aed", "jpy"))
    repeated = 0
    service = world.start()
    for kill in range(_KILLS):
        before = service.records("counted")
        world.publish(*tally.facts(_FACTS // _KILLS))
        eventually(lambda: service.records("counted") >= before + 100, "it is in the middle of it")  # noqa: B023
        time.sleep(0.15 * kill)
        service.kill()
        service = world.start()
        repeated += service.records("repeated")

    eventually(lambda: lines_of(service, ("aed", "jpy")) == tally.lines(), "the figures are exact")
    assert repeated > 0, "no crash fell between the changelog and the commit: this test has proven nothing"
    published = {key: dict(body) for key, body in world.published().items()}
    assert published == {f"{line['minute']}|{line['currency']}": line for line in tally.lines()}
    service.kill()
    again = world.start()
    assert lines_of(again, ("aed", "jpy")) == tally.lines(), "what the changelog holds is not what was answered"
    again.stop()
