"""`python -m tests.chaos`: one run from the first process to the verdict. Exit code 0: everything holds."""

import argparse
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from deploy.local.layout import CHECKOUT, Layout
from tests.chaos.run import Run
from tests.platform.local import temporary_root


def main() -> None:
    """Parse, run, clean up, also after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long faults happen (default: 600)")
    parser.add_argument("--milestones", type=int, default=2_400, help="of the load (default: 2400)")
    parser.add_argument("--seed", type=int, help="of faults and load (default: drawn, and printed)")
    parser.add_argument("--faults", default="", help="only these kinds, separated by commas; `none`: no faults at all")
    parser.add_argument("--hold", action="store_true", help="when something is broken, leave all running until Ctrl-C")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randint(1, 999_999)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kinds = tuple(filter(None, given.faults.split(",")))
    try:
        with temporary_root() as root:
            run = Run(root, seed, given.seconds, given.milestones, kinds)
            try:
                broken = run.whole()
                if broken:
                    _keep(root, seed)
                    if given.hold:
                        _hold(run)
            finally:
                # Cleaning up is done to its end: a second Ctrl-C would leave supervisors that start what was stopped.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                run.close()
    except KeyboardInterrupt:
        print("interrupted: nothing is left behind", flush=True)
        sys.exit(130)
    sys.exit(1 if broken else 0)


def _keep(root: Path, seed: int) -> None:
    """The logs of a run that broke something outlast it."""
    place = CHECKOUT / ".tranche" / "chaos" / f"seed-{seed}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(Layout(root).logs, place)
    print(f"logs: {place}", flush=True)


def _hold(run: Run) -> None:
    print(
        f"held: TRANCHE_LOCAL_ROOT={run.stage.root}  {run.stage.database_url}  {run.stage.kafka_bootstrap}", flush=True
    )
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
