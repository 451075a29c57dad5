"""Two hundred seeds in `make test`; `make simulate` runs ten thousand."""

import os
import subprocess
import sys

import pytest

from tests.simulation.run import run

SEEDS = int(os.environ.get("TRANCHE_TEST_SEEDS", "200"))
_A_TEST = 10


@pytest.mark.scenario(77)
@pytest.mark.parametrize("first", range(1, SEEDS + 1, _A_TEST))
def test_whatever_is_killed_repeated_delayed_or_refused_everything_holds(first: int) -> None:
    for seed in range(first, first + _A_TEST):
        failure = run(seed).failure
        assert failure is None, f"{failure}\nagain: python -m tests.simulation --seed {seed}"


def test_a_seed_is_a_whole_history() -> None:
    """In this process and in others, however they hash: the same seed has the same trace."""
    here = [run(seed).world.trace.digest() for seed in (3, 5)]
    assert here == [run(seed).world.trace.digest() for seed in (3, 5)]
    assert len(set(here)) == 2
    for hashing in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "5"],
            env={**os.environ, "PYTHONHASHSEED": hashing}, capture_output=True, text=True, check=True, timeout=120,
        ).stdout  # fmt: skip
        assert f"trace {here[1][:16]}" in told
