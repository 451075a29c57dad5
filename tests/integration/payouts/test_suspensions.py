"""While releases in a currency are suspended they wait, and go on by themselves. Each test has its own currency."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.base import Actor, Message
from schemas.payouts import AllowReleases, CheckCover, ResumePayout, SuspendReleases
from schemas.stripe import CreateTransfer
from tests.integration.bench import Bench, problem
from tests.integration.payouts.trainer import Trainer

AUDITOR = Actor(role="service", party_id="auditor")
OPERATOR = ("operator", "opr_1")
_A_DAY = timedelta(days=1)


def suspend(currency: str) -> Message:
    return SuspendReleases(
        actor=AUDITOR, platform="platform", currency=currency, cause="not_covered", short_minor=500, reason="short"
    )


def allow(currency: str) -> Message:
    return AllowReleases(actor=AUDITOR, platform="platform", currency=currency, reason="covered")


def released(trainer: Trainer, currency: str) -> Message:
    return trainer.fact("funding.funds_released", currency=currency)


def check(trainer: Trainer) -> Message:
    """What a release that is held for the cover says to the platform's lane."""
    return CheckCover(platform="platform", payout_id=trainer.payout["payout_id"])


def transfers(bench: Bench, trainer: Trainer) -> list[int]:
    return [call.attempt for call in bench.said(trainer.contract_id) if isinstance(call, CreateTransfer)]


def resumptions(bench: Bench, trainer: Trainer) -> int:
    return sum(isinstance(message, ResumePayout) for message in bench.said(trainer.contract_id))


def shown(bench: Bench, currency: str) -> Any:
    listed = bench.call(OPERATOR, "GET", "/release-suspensions").json()["data"]
    return next(one for one in listed if one["currency"] == currency)


@pytest.mark.scenario(74, 75)
def test_a_release_waits_while_it_is_not_covered_and_goes_on_by_itself(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(suspend("chf"), released(trainer, "chf"))
    bench.hear(check(trainer))

    payout = trainer.payout
    assert (payout["state"], payout["reason"]) == ("held", "releases_suspended")
    assert "by itself" in payout["detail"]
    assert transfers(bench, trainer) == []

    bench.hear(allow("chf"))
    trainer.go_on()
    assert transfers(bench, trainer) == [1]
    assert trainer.payout["state"] == "transferring"


@pytest.mark.scenario(74, 75)
def test_other_currencies_go_on(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(suspend("sek"), released(trainer, "nok"))

    assert transfers(bench, trainer) == [1]


def test_what_is_let_go_in_the_moment_in_which_it_is_held_goes_on_all_the_same(bench: Bench, trainer: Trainer) -> None:
    """The release is decided in the contract's lane, the suspension in the platform's: neither waits for the other."""
    trainer.is_ready()
    bench.hear(suspend("dkk"))
    bench.hear(released(trainer, "dkk"))
    waiting = check(trainer)
    with bench.engine.begin() as connection:  # as if it had been let go before the release was there to be found
        connection.exec_driver_sql("UPDATE suspensions SET state = 'allowed' WHERE currency = 'dkk'")

    bench.hear(waiting)
    trainer.go_on()

    assert transfers(bench, trainer) == [1]


def test_what_is_still_suspended_or_does_not_wait_for_it_is_not_tried(bench: Bench, trainer: Trainer) -> None:
    bench.hear(suspend("pln"), released(trainer, "pln"))
    bench.hear(check(trainer))
    assert trainer.payout["reason"] == "no_payout_account"

    trainer.is_ready()
    trainer.go_on()
    before = resumptions(bench, trainer)
    bench.hear(check(trainer))

    assert trainer.payout["reason"] == "releases_suspended"
    assert (resumptions(bench, trainer), transfers(bench, trainer)) == (before, [])


@pytest.mark.scenario(75)
def test_an_operator_lets_it_go_for_a_day_whatever_the_auditor_says(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(suspend("eur"), released(trainer, "eur"))
    path, body = "/release-suspensions/eur/allow", {"reason": "The top-up is on its way."}
    assert problem(bench.call(trainer.who, "POST", path, body)) == (403, "forbidden")
    assert problem(bench.call(("service", "svc_1"), "POST", path, body)) == (403, "forbidden")

    answer = bench.call(OPERATOR, "POST", path, body)
    bench.hear(suspend("eur"))
    trainer.go_on()

    assert (answer.status_code, answer.json()["state"]) == (202, "waived")
    assert transfers(bench, trainer) == [1]
    found = shown(bench, "eur")
    assert (found["state"], found["changed_by"], found["reason"]) == ("waived", "opr_1", "The top-up is on its way.")

    bench.clock.advance(_A_DAY)
    bench.hear(suspend("eur"))
    assert (shown(bench, "eur")["state"], shown(bench, "eur")["short"]["amount_minor"]) == ("suspended", 500)


def test_there_is_nothing_to_let_go_where_nothing_is_suspended(bench: Bench, trainer: Trainer) -> None:
    answer = bench.call(OPERATOR, "POST", "/release-suspensions/gbp/allow", {"reason": "to be sure"})
    assert problem(answer) == (409, "not_suspended")
    assert problem(bench.call(trainer.who, "GET", "/release-suspensions")) == (403, "forbidden")
