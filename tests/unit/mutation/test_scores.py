"""How faults are counted, and that those in state tables are really planted."""

import importlib
import sys
import types
from pathlib import Path

import pytest

from services.runtime.states import Edge, StateTable
from tests.mutation import __main__ as command
from tests.mutation import functions, measured, report, tables
from tests.mutation.measured import Measured
from tests.mutation.mutants import Mutant, Outcome, score


def mutant(before: str = "a + b", after: str = "a - b", outcome: Outcome = "survived", where: str = "split") -> Mutant:
    return Mutant("schemas.money", where, before, after, outcome)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('forbidden("not the trainer")', 'forbidden("XXnot the trainerXX")'),
        ('forbidden("not the trainer")', 'forbidden("NOT THE TRAINER")'),
        ("raise ValueError('no rule')", "raise ValueError('NO RULE')"),
    ],
)
def test_letters_of_a_message_are_wording(before: str, after: str) -> None:
    assert mutant(before, after).is_wording


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('conflict("not_covered", "too much")', 'conflict("NOT_COVERED", "too much")'),
        ('conflict("not_covered", "too much")', 'conflict("not_covered", None)'),
        ('forbidden("not the trainer")', 'forbidden("the trainer")'),
        ('", ".join(names)', '"XX, XX".join(names)'),
        ("a + b", "a - b"),
    ],
    ids=["a code", "no message", "another message", "a separator", "arithmetic"],
)
def test_everything_else_is_not(before: str, after: str) -> None:
    assert not mutant(before, after).is_wording


def test_only_what_tests_were_asked_about_is_in_the_score() -> None:
    caught, mistyped = mutant(outcome="caught"), mutant(outcome="mistyped")
    wording = mutant('f("to be or not")', 'f("TO BE OR NOT")')
    found = score("schemas.money", [caught, caught, caught, mutant(), wording, mistyped])
    assert (found.caught, found.survived, found.wording, found.mistyped) == (3, 1, 1, 1)
    assert (found.percent, found.percent_of_all) == (75.0, 60.0)


def test_without_faults_nothing_is_missing() -> None:
    assert score("schemas.money", []).percent == 100.0


def test_a_module_below_the_goal_is_named() -> None:
    caught = mutant(outcome="caught")
    assert list(report.complaints([caught] * 4 + [mutant()], [])) == []
    assert list(report.complaints([caught] * 3 + [mutant()], [])) == ["below 80 %: schemas.money"]


def test_faults_that_were_not_tried_are_counted_and_said_how_to_go_on_with() -> None:
    run = [mutant(outcome="caught"), mutant(outcome="untried"), mutant(outcome="untried")]
    assert list(report.complaints(run, [])) == ["2 of 3 faults were not tried: `make mutate` goes on with them"]
    (complaint,) = report.complaints(run, ["schemas.money", "services.funding.fees"])
    assert '`make mutate ARGS="schemas.money services.funding.fees"`' in complaint


@pytest.mark.parametrize(("outcome", "code"), [("caught", 0), ("untried", 1), ("survived", 1)])
def test_a_run_succeeds_only_when_every_fault_was_tried_and_noticed(
    outcome: Outcome, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["mutation", "--report"])
    monkeypatch.setattr(functions, "results", lambda: [mutant(outcome=outcome)])
    monkeypatch.setattr(tables, "results", list)
    assert command.main() == code


# -- what is kept ------------------------------------------------------------------------------------------


def test_a_module_of_which_a_fault_was_not_tried_keeps_the_result_it_had() -> None:
    known = measured.with_run({}, [mutant(outcome="caught"), mutant(outcome="mistyped"), mutant()], "aaa")
    assert known == {"schemas.money": Measured("schemas.money", "aaa", 1, 1, (mutant(),))}
    stopped = [mutant(outcome="caught"), mutant(outcome="untried")]
    assert measured.with_run(known, stopped, "bbb") == known
    assert measured.with_run(known, [mutant(outcome="caught")], "ccc") == {
        "schemas.money": Measured("schemas.money", "ccc", 1, 0, ())
    }


def test_what_is_kept_is_read_again_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "_FILE", tmp_path / "measured.json")
    assert measured.load() == {}
    known = measured.with_run({}, [mutant(outcome="caught"), mutant()], "aaa")
    measured.save(known)
    assert measured.load() == known


def test_the_page_gives_each_survivor_its_reason_or_says_that_there_is_none() -> None:
    why = [
        report.Reason("schemas.money", "split", "a - b", "the same for zero"),
        report.Reason("schemas.money", "share", "gone", "old"),
    ]
    page = report.page(known(mutant(), mutant(where="show"), mutant(outcome="caught")), ["schemas.money"], why)
    assert "| `schemas.money` | 3 | 1 | 2 | 0 | 0 | 33.3 % | aaa |" in page
    assert "- `split`: the same for zero\n  - `a + b` as `a - b`" in page
    assert "- `show`: **no test notices it**" in page
    assert "Reasons without a survivor" in page
    assert "`schemas.money` `share`: `gone`" in page


def test_the_page_names_the_modules_without_a_whole_result_and_judges_no_reason_of_theirs() -> None:
    why = [report.Reason("services.funding.fees", "load_rules", "None", "the same")]
    page = report.page(known(mutant(outcome="caught")), ["schemas.money", "services.funding.fees"], why)
    assert "**1 of 2 modules have no whole result yet**: `services.funding.fees`." in page
    assert "Reasons without a survivor" not in page
    assert "no whole result" not in report.page(known(mutant(outcome="caught")), ["schemas.money"], why)


def known(*run: Mutant) -> dict[str, Measured]:
    return measured.with_run({}, run, "aaa")


def test_every_reason_on_file_can_be_read() -> None:
    assert all(reason.reason for reason in report.reasons())


@pytest.fixture
def states() -> types.ModuleType:
    module = types.ModuleType("states")
    open_, done = Edge("open", "answered", "done", "funding.funds_released.v1"), Edge("open", "gone", "lost")
    module.TABLES = (StateTable("call", "open", ("done", "lost"), (open_, done)),)  # type: ignore[attr-defined]
    module.UNDER_WAY = frozenset({"open"})  # type: ignore[attr-defined]
    return module


def test_a_table_is_faulted_edge_by_edge_and_set_by_set(states: types.ModuleType) -> None:
    assert [(fault.before, fault.after) for fault in tables.faults_of(states)] == [
        ("open --answered--> done / funding.funds_released.v1", "no edge"),
        ("open --answered--> done / funding.funds_released.v1", "open --answered--> lost / funding.funds_released.v1"),
        ("open --answered--> done / funding.funds_released.v1", "open --answered--> done / nothing"),
        ("open --gone--> lost / nothing", "no edge"),
        ("open --gone--> lost / nothing", "open --gone--> open / nothing"),
        ("UNDER_WAY", "UNDER_WAY without open"),
    ]


def test_a_planted_fault_is_what_everybody_sees(states: types.ModuleType) -> None:
    gone, elsewhere, *_, less = tables.faults_of(states)
    table = states.TABLES[0]
    gone.plant()
    assert table.edge("open", "answered") is None
    elsewhere.plant()
    assert table.edge("open", "answered").target == "lost"
    less.plant()
    assert frozenset() == states.UNDER_WAY


@pytest.mark.parametrize("service", ["approvals", "contracts", "funding", "payouts", "stripe_gateway"])
def test_no_two_faults_of_a_service_have_one_name(service: str) -> None:
    faults = [fault.name for fault in tables.faults_of(importlib.import_module(f"services.{service}.states"))]
    assert len(set(faults)) == len(faults) > 0
