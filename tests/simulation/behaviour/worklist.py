"""What the gateway asks of its database beside decisions: services/stripe_gateway/worklist.py as tests."""

from abc import ABC
from datetime import UTC, datetime, timedelta

from services.runtime.lanes import lane_of
from services.runtime.storage import Database
from services.stripe_gateway.handlers import ATTEMPTS
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.webhooks import DONE, RECEIVED, Word
from services.stripe_gateway.worklist import WorkList

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ALL = frozenset(range(64))


class Gateway(ABC):
    """A gateway's database of one test, and the work list on it."""

    database: Database
    work_list: WorkList


def attempt(number: int, *, lane: int = 1, state: str = "open") -> Attempt:
    identifier = f"cmd_{number}"
    return Attempt(
        identifier, f"arr_{number}", "ctr_1", lane, f"fnd_{number}", "create_payment_intent", "a.type.v1", 1,
        f"key_{number}", "", "{}", state, f"cor_{number}", "", NOW + timedelta(seconds=number), None, None, None, None,
        None, None,
    )  # fmt: skip


def word(number: int, state: str = RECEIVED) -> Word:
    return Word(f"evt_{number}", "account.updated", "", f"acct_{number}", f'{{"n": {number}}}', state)


class WorkListBehaviour:
    """Inherited with a `gateway` fixture."""

    def _there(self, gateway: Gateway, *attempts: Attempt) -> None:
        with gateway.database.transaction() as transaction:
            transaction.insert(ATTEMPTS, attempts)

    def test_open_calls_are_found_in_the_order_of_their_arrival(self, gateway: Gateway) -> None:
        self._there(gateway, attempt(2), attempt(1), attempt(3, state="succeeded"), attempt(4, lane=9), attempt(5))
        lanes = frozenset({1})
        assert [a.attempt_id for a in gateway.work_list.open_calls(lanes, {"cmd_5"}, 10)] == ["cmd_1", "cmd_2"]
        assert gateway.work_list.open_calls(lanes, (), 1) == [attempt(1)]

    def test_a_call_is_open_until_it_is_closed(self, gateway: Gateway) -> None:
        self._there(gateway, attempt(1))
        assert gateway.work_list.is_open("cmd_1")
        with gateway.database.transaction() as transaction:
            transaction.update(ATTEMPTS, [attempt(1)._replace(state="succeeded", closed_at=NOW)])
        assert not gateway.work_list.is_open("cmd_1")
        assert not gateway.work_list.is_open("cmd_none")

    def test_the_figures_are_of_open_and_unknown_calls(self, gateway: Gateway) -> None:
        assert gateway.work_list.figures() == (None, 0)
        self._there(gateway, attempt(1, state="unknown"), attempt(2), attempt(3))
        assert gateway.work_list.figures() == (NOW + timedelta(seconds=2), 1)

    def test_an_unknown_call_is_claimed_once_in_an_interval(self, gateway: Gateway) -> None:
        self._there(gateway, attempt(1, state="unknown"), attempt(2), attempt(3, state="unknown", lane=9))
        lanes, claim = frozenset({1}), gateway.work_list.claim_unknown
        assert claim(lanes, NOW, LATER, 10) == []
        last = LATER + timedelta(minutes=5)
        assert [a.attempt_id for a in claim(lanes, LATER, last, 10)] == ["cmd_1"]
        assert claim(lanes, LATER, last, 10) == []
        assert [a.attempt_id for a in claim(lanes, last, last + timedelta(minutes=5), 10)] == ["cmd_1"]

    def test_a_webhook_is_kept_once(self, gateway: Gateway) -> None:
        assert gateway.work_list.keep(word(1), "platform", "arr_1", NOW)
        assert not gateway.work_list.keep(word(1), "platform", "arr_2", NOW)

    def test_webhooks_wait_in_the_order_of_their_arrival(self, gateway: Gateway) -> None:
        for number, arrival in ((1, "arr_2"), (2, "arr_1"), (3, "arr_3")):
            gateway.work_list.keep(word(number), "platform", arrival, NOW)
        gateway.work_list.keep(word(4, DONE), "platform", "arr_4", NOW)
        assert [w.event_id for w in gateway.work_list.received(ALL, {"evt_3"}, 10)] == ["evt_2", "evt_1"]
        only = frozenset({lane_of("acct_1")})
        found = gateway.work_list.received(only, (), 10)
        assert (found[0].event_id, found[0].object_id, found[0].body) == ("evt_1", "acct_1", '{"n": 1}')

    def test_a_webhook_that_is_closed_does_not_wait(self, gateway: Gateway) -> None:
        gateway.work_list.keep(word(1), "platform", "arr_1", NOW)
        gateway.work_list.close("evt_1", DONE, "", NOW)
        assert gateway.work_list.received(ALL, (), 10) == []

    def test_a_story_is_that_of_the_first_call(self, gateway: Gateway) -> None:
        self._there(gateway, attempt(2)._replace(about="fnd_1"), attempt(1))
        assert gateway.work_list.story_of("fnd_1") == "cor_1"
        assert gateway.work_list.story_of("fnd_9") is None
