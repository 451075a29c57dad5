"""`tranche dlq` as it is typed, on a real service's database and decisions."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from deploy.local.layout import CHECKOUT
from schemas.envelope import write_headers
from services.approvals.service import SERVICE
from services.runtime.lanes import lane_of
from services.runtime.processor import Batch
from services.runtime.records import Record, Unreadable
from services.runtime.worker import read_record
from tests.integration.approvals.work import Work
from tests.integration.bench import Bench
from tests.platform.backing import Backing
from tests.platform.local import temporary_root

Dlq = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bench(platform: Backing) -> Iterator[Bench]:
    bench = Bench(SERVICE, platform)
    yield bench
    bench.close()


@pytest.fixture
def dlq(bench: Bench) -> Iterator[Dlq]:
    """Types `tranche dlq ...` for the bench's database, whatever its name is."""
    server, _, name = bench.url.rpartition("/")
    with temporary_root() as root:

        def type_it(*words: str) -> "subprocess.CompletedProcess[str]":
            where = {"TRANCHE_LOCAL_ROOT": str(root), "TRANCHE_DATABASE_URL": f"{server}?dbname={name}"}
            return subprocess.run(
                [sys.executable, "-m", "deploy.local.cli", "dlq", *words],
                cwd=CHECKOUT, env={**os.environ, **where}, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip

        yield type_it


def _park(bench: Bench, work: Work, body: bytes) -> None:
    """The event that adds the milestone comes with this body; then the fact that follows it, whole."""
    added = work.fact("contracts.milestone_added")
    later = work.fact("contracts.milestone_cancelled")
    records = [
        Record(m.topic, lane_of(m.key), offset, m.key.encode(), write_headers(bench.envelope(m)), text)
        for offset, (m, text) in enumerate([(added, body), (later, later.model_dump_json().encode())])
    ]
    envelope = bench.envelope(added)._replace(stream_version=1)
    bench.processor.run(Batch([read_record(records[1])], [Unreadable(records[0], "the body is broken", envelope)]))


def _refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_an_operator_sees_gives_up_and_puts_back_what_waits(bench: Bench, dlq: Dlq) -> None:
    work = Work(bench, "dlq1")
    body = work.fact("contracts.milestone_added").model_dump_json().replace('"currency":"usd"', '"currency":5').encode()
    _park(bench, work, body)
    listed = dlq("list", "approvals").stdout
    assert f"approvals  {work.contract_id}" in listed
    assert "the body is broken" in listed
    shown = dlq("show", "approvals", "1").stdout
    assert "ce_type: contracts.milestone_added.v1" in shown
    assert '"currency":5' in shown
    assert "schema   currency: " in shown
    _refused(dlq("redrive", "approvals", work.contract_id), f"1 of {work.contract_id} cannot be handled", "currency")
    _refused(dlq("discard", "approvals", "2", "--reason", "x"), "message 1 is version 1 of the same stream")
    given_up = dlq("discard", "approvals", "1", "--reason", "sent by hand", "--by", "anna")
    assert f"tranche dlq redrive approvals {work.contract_id}" in given_up.stdout
    assert [m.type_name for m in bench.said(work.contract_id)][-1] == "approvals.approvals_dead_letter_discarded.v1"
    again = dlq("redrive", "approvals", "2")
    assert again.stdout == f"{work.contract_id}: 1 done, 0 were done before, 0 still wait\n", again.stderr
    assert dlq("list", "approvals").stdout == "nothing is parked\n"


def test_what_is_not_there_is_one_line(dlq: Dlq) -> None:
    _refused(dlq("show", "approvals", "7"), "no parked message has the id 7")
    _refused(dlq("redrive", "approvals", "ctr_none"), "nothing of ctr_none is parked")
    _refused(dlq("list", "portal"), "portal has no dead letters", "funding")
    _refused(dlq("discard", "approvals", "7", "--reason", " "), "a reason must be given")
