"""Stand-ins outside a simulation: nobody else runs, so a wait would be for ever."""

from tests.simulation.hub import Hub, Signal


class WouldWaitError(Exception):
    """Another holds what is wanted."""


class StillHub(Hub):
    """A hub on which whoever calls goes straight through."""

    def __init__(self) -> None:
        super().__init__(seed=0)

    def step(self, what: str) -> None:
        pass

    def wait(self, signal: Signal, timeout_s: float | None = None) -> None:
        if timeout_s is None:
            raise WouldWaitError
        self.time_s += timeout_s
