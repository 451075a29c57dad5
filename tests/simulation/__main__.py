"""`python -m tests.simulation --seed N`: one seed with its trace. `--seeds N`: many, on all cores."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import run


def _outcome(seed: int) -> tuple[int, str]:
    failure = run(seed).failure
    return seed, "" if failure is None else f"{type(failure).__name__}: {failure}"


def main() -> None:
    """Exits with 1 when a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and print what happened")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many to run")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        result = run(arguments.seed)
        print(result.world.trace.text())
        print(f"\nseed {result.seed}: {result.steps} steps, trace {result.world.trace.digest()[:16]}")
        if result.failure is not None:
            print(f"FAILED: {type(result.failure).__name__}: {result.failure}")
        sys.exit(result.failure is not None)
    began, failed = time.monotonic(), 0
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for seed, failure in pool.map(_outcome, seeds, chunksize=20):
            if failure:
                failed += 1
                print(f"seed {seed} FAILED: {failure}\n  again: python -m tests.simulation --seed {seed}", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(seeds)} seeds, {failed} failed, {1000 * seconds * arguments.processes / len(seeds):.0f} ms a seed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
