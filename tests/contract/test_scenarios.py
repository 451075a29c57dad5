"""Every failure scenario has a test that names it, or says what is still open."""

from tests.scenarios import PAGE, page, proofs, scenarios


def test_the_numbers_run_on_without_a_gap() -> None:
    assert [scenario.number for scenario in scenarios()] == list(range(1, 83))


def test_a_scenario_is_proven_or_says_what_is_open() -> None:
    proven = {proof.number for proof in proofs()}
    neither = [scenario.number for scenario in scenarios() if scenario.number not in proven and not scenario.open]
    assert neither == [], "mark the test that proves it, or say in tests/scenarios.toml what is open"


def test_no_test_names_a_scenario_that_there_is_not() -> None:
    numbers = {scenario.number for scenario in scenarios()}
    assert [proof for proof in proofs() if proof.number not in numbers] == []


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.scenarios"
