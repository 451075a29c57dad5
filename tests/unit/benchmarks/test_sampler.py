"""Which stage a look at a thread stands for."""

import sys

from benchmarks.sampler import Sample, place, summed


class Processor:
    """Named as the runtime's own: what counts is the name on the stack."""

    def _decide(self) -> Sample:
        return helper()


class Worker:
    def _decide(self) -> Sample:
        return Processor()._decide()

    def _step(self) -> Sample:
        return helper()


def helper() -> Sample:
    return place("worker", sys._getframe())


def test_the_narrowest_stage_counts() -> None:
    assert Worker()._decide() == Sample("worker", "decide", "running", "test_sampler.helper")


def test_the_loop_itself_waits_for_kafka() -> None:
    assert Worker()._step().stage == "wait for Kafka"


def test_what_is_in_no_stage_is_other() -> None:
    assert helper().stage == "other"


def test_samples_are_summed_by_stage_and_by_function() -> None:
    told = summed({Sample("worker", "decide", "running", "f"): 3, Sample("worker", "decide", "waiting", "g"): 2})

    assert told["stages"] == {"worker": {"decide": {"running": 3, "waiting": 2}}}
    assert told["functions"] == {"worker": {"f": 3, "g": 2}}
