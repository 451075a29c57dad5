"""A turn that meets trouble is taken again; one that breaks ends the process; one that is stopped is given up."""

import threading

from services.auditor.audit import AuditError
from services.auditor.rounds import Pause, Rounds, StoppedError


def test_what_is_away_is_asked_again() -> None:
    came = threading.Event()
    turns: list[int] = []

    def turn(pause: Pause) -> None:
        turns.append(1)
        if len(turns) < 3:
            raise AuditError("the database of funding does not answer")
        came.set()

    rounds = Rounds("trying", turn, every_s=0.001, again_s=0.001)
    rounds.start()
    assert came.wait(10)
    rounds.stop()
    rounds.join(10)
    assert rounds.failure is None


def test_what_nobody_foresaw_is_a_failure() -> None:
    def turn(pause: Pause) -> None:
        raise LookupError("a fault of ours")

    rounds = Rounds("breaking", turn)
    rounds.start()
    rounds.join(10)
    assert isinstance(rounds.failure, LookupError)


def test_a_turn_that_waits_is_given_up_at_the_end() -> None:
    waits, given_up = threading.Event(), threading.Event()

    def turn(pause: Pause) -> None:
        waits.set()
        try:
            pause(3_600)
        except StoppedError:
            given_up.set()
            raise

    rounds = Rounds("waiting", turn)
    rounds.start()
    assert waits.wait(10)
    rounds.stop()
    rounds.join(10)
    assert given_up.is_set()
    assert rounds.failure is None
