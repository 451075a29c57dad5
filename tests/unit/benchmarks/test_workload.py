"""What the contenders are given."""

from collections import Counter
from datetime import UTC, datetime

from benchmarks.peers.ceiling import make_chunks
from benchmarks.workload import SENT_TWICE, make_orders, with_copies
from schemas.envelope import read_body, read_headers
from schemas.funding import FundMilestone

ORDERS = make_orders(1_000)


def test_each_order_is_about_its_own_contract() -> None:
    assert len({order.contract_id for order in ORDERS}) == len(ORDERS)


def test_one_in_a_hundred_is_sent_twice_and_none_is_missing() -> None:
    sent = Counter(order.command_id for order in with_copies(ORDERS))

    assert sent.keys() == {order.command_id for order in ORDERS}
    assert Counter(sent.values()) == {1: 990, 2: len(ORDERS) // SENT_TWICE}


def test_a_copy_comes_after_what_it_copies() -> None:
    sent = [order.command_id for order in with_copies(ORDERS)]
    twice = [name for name, count in Counter(sent).items() if count == 2]

    assert all(sent[sent.index(name) + 1 :].index(name) > 10 for name in twice)


def test_a_command_is_readable_to_every_service() -> None:
    order = ORDERS[0]
    command = order.command

    envelope = read_headers(order.headers(datetime.now(UTC)))

    assert (envelope.id, envelope.type) == (order.command_id, FundMilestone.type_name)
    assert read_body(envelope.type, command.model_dump_json().encode()) == command


def test_the_ceiling_writes_the_rows_that_funding_writes() -> None:
    chunks = make_chunks(ORDERS + make_orders(500))

    assert [chunk.commands for chunk in chunks] == [1_000, 500]
    assert {table: text.count("\n") for table, text in chunks[1].texts.items()} == {
        "fundings": 500,
        "ledger_entries": 1_000,
        "streams": 500,
        "event_log": 1_000,
    }
