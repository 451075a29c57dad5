"""Who is measured, and how each is started."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

DATABASE = "tranche_funding"
"""Every contender has a fresh one of this name: the service's own schema, which the peers use, too."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")


@dataclass(frozen=True)
class Contender:
    """One way to do the work."""

    name: str
    title: str
    module: str
    group: str
    """Its Kafka consumer group."""
    processes: int = 1
    members: int = 1
    """Consumers in the group, of all processes together."""
    share: float = 1.0
    """How many commands it is given, as a part of `--commands`: so that its run is neither over at once nor endless."""
    is_peer: bool = True
    settings: tuple[tuple[str, str], ...] = ()
    """More environment variables of its own."""

    def commands(self, base: int) -> int:
        """How many commands one run of it has."""
        return max(20, round(base * self.share))

    def start_command(self, sampled_to: str | None = None) -> list[str]:
        """The command line. `sampled_to`: a file that tells where the time went (benchmarks/sampler.py)."""
        if sampled_to is not None:
            return [sys.executable, "-m", "benchmarks.sampler", sampled_to, self.module]
        return [sys.executable, "-m", self.module]

    def environment(self, bootstrap: str, server_url: str, http_port: int) -> Mapping[str, str]:
        """The settings of one process; peers read the same names."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "TRANCHE_KAFKA_BOOTSTRAP": bootstrap,
            "TRANCHE_DATABASE_URL": server_url,
            "TRANCHE_AUTH_SECRET": "for the benchmark only, and 32 bytes",
            "TRANCHE_HTTP_PORT": str(http_port),
            **dict(self.settings),
        }


TRANCHE = Contender("tranche", "tranche, one process", "services.funding", "funding", is_peer=False)
TRANCHE_TWO = Contender(
    "tranche_two", "tranche, two processes", "services.funding", "funding", processes=2, members=2, is_peer=False
)
PLAIN = Contender(
    "plain", "(a) plain FastStream + ORM", "benchmarks.peers.plain", "bench-plain", share=0.2,
    settings=(("BENCH_IN_FLIGHT", "1"),),
)  # fmt: skip
PLAIN_KEYED = Contender(
    "plain_keyed", "(a) with 16 in flight by key", "benchmarks.peers.plain", "bench-plain", share=0.2
)
CORE = Contender("core_batches", "(b) Core, batches of 100", "benchmarks.peers.core_batches", "bench-core", members=1)
ON_KAFKA = (TRANCHE, TRANCHE_TWO, PLAIN, PLAIN_KEYED, CORE)
CEILING = "ceiling"
CEILING_TITLE = "(c) ceiling: COPY, no Kafka"
CEILING_SHARE = 3.0
