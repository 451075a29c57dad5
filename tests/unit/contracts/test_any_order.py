"""Any story of approvals and funding about one milestone, heard in any order between the two, ends the same."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.contracts.builders import a_fact, approved, funded, refused, released
from tests.unit.contracts.test_held_money import (
    DISPUTED,
    REQUESTED,
    STOPPED,
    asked,
    frozen,
    given_up,
    made,
    refund,
    settled,
    taken,
    unfrozen,
    won,
)
from tests.unit.contracts.test_progress import HELD, after

ENDED = a_fact("approvals.release_request_withdrawn", because="the money went back to the employer")


@dataclass
class World:
    """The two services at work. Approvals knows at once what the ledger says; contracts hears of both whenever."""

    reviews: list[Any] = field(default_factory=list)
    ledger: list[Any] = field(default_factory=lambda: [a_fact("funding.funding_requested"), funded(HELD)])
    both: list[Any] = field(default_factory=lambda: [a_fact("funding.funding_requested"), funded(HELD)])
    held: int = HELD
    released: int = 0
    refunds: dict[str, tuple[str, int]] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    """Of the refunds."""
    charged_back: int = 0
    card: str = "none"
    review: str = "opened"
    waiting: list[tuple[str, int]] = field(default_factory=list)
    """Approved and not answered, or (named `refund`) the employer's by a settled dispute."""
    frozen: bool = False
    number: int = 0

    @property
    def free(self) -> int:
        return self.held - sum(minor for _, minor in self.waiting)

    def say(self, fact: Any) -> None:
        (self.reviews if fact.topic == "approvals.events" else self.ledger).append(fact)
        self.both.append(fact)

    def name(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}_{self.number}"

    def allowed(self) -> list[str]:
        """The moves that mean something now."""
        calm = self.free > 0 and self.card == "none"
        moves = {
            "request": self.review == "opened" and calm,
            "withdraw": self.review == "requested",
            "changes": self.review == "requested",
            "approve": self.review != "disputed" and calm,
            "dispute": self.review != "disputed" and calm,
            "settle": self.review == "disputed",
            "give_up": self.released > 0 and self.card == "none",
            "answer": bool(self.waiting),
            "refund": self.free > 0,
            "refund_answer": any(state == "pending" for state, _ in self.refunds.values()),
            "card_dispute": self.card == "none" and self.free == self.held,
            "card_answer": self.card == "open",
            "freeze": True,
        }
        return [move for move, may in moves.items() if may]

    def step(self, move: str, part: float, *, yes: bool) -> None:
        """One move."""
        some = max(1, int(self.free * part))
        match move:
            case "request":
                self.review = "requested"
                self.say(REQUESTED)
            case "withdraw" | "changes":
                self.review = "opened"
                kind = "release_request_withdrawn" if move == "withdraw" else "changes_requested"
                self.say(a_fact(f"approvals.{kind}", because=""))
            case "approve":
                self.review = "opened"
                self.waiting.append((self.name("rel"), some))
                self.say(approved(some, self.free, self.waiting[-1][0]))
            case "dispute":
                self.review = "disputed"
                self.say(DISPUTED)
            case "settle":
                self.settle(some if yes else 0)
            case "answer":
                self.answer(*self.waiting.pop(0), yes=yes)
            case "give_up":
                self.give_up(max(1, int(self.released * part)))
            case "refund":
                self.give_back(some, "operator")
            case "refund_answer":
                self.refund_answered(yes=yes)
            case "card_dispute":
                self.take()
            case "card_answer":
                self.bank_decided(won_it=yes)
            case "freeze":
                self.frozen = not self.frozen
                fact = frozen("review") if self.frozen else unfrozen("review")
                self.say(fact.model_copy(update={"held_minor": self.held}))

    def settle(self, to_trainer: int) -> None:
        self.review = "opened"
        parts = {self.name("rel"): to_trainer, "refund": self.free - to_trainer}
        self.say(settled(*parts.values()))
        self.waiting += [(name, minor) for name, minor in parts.items() if minor]

    def answer(self, name: str, minor: int, *, yes: bool) -> None:
        if name == "refund" and yes:
            self.give_back(minor, "dispute_decided")
        elif name == "refund":
            self.not_given_back(self.name("rfd"), minor, "dispute_decided")
        elif yes:
            self.held -= minor
            self.released += minor
            self.say(released(minor, self.held, name))
        else:
            self.say(refused(minor, self.held, name))

    def give_up(self, minor: int) -> None:
        """Of what was released and never paid out."""
        self.released -= minor
        self.held += minor
        self.say(given_up(minor, self.held))

    def give_back(self, minor: int, cause: str) -> None:
        name = self.name("rfd")
        self.held -= minor
        self.refunds[name], self.causes[name] = ("pending", minor), cause
        self.say(asked(minor, self.held, name, cause=cause))
        self.close()

    def close(self) -> None:
        """Approvals hears that nothing is left."""
        if self.free <= 0 and self.review == "requested":
            self.review = "opened"
            self.say(ENDED)
        if self.free <= 0 and self.review == "disputed":
            self.review = "opened"
            self.say(STOPPED)

    def refund_answered(self, *, yes: bool) -> None:
        name = next((name for name, (state, _) in self.refunds.items() if state == "pending"), None)
        if name is None:
            return
        minor = self.refunds[name][1]
        if yes:
            self.refunds[name] = ("made", minor)
            self.say(made(minor, self.held, name))
        else:
            del self.refunds[name]
            self.held += minor
            self.not_given_back(name, minor, self.causes[name])

    def not_given_back(self, name: str, minor: int, cause: str) -> None:
        self.say(refund("refund_failed", minor, self.held, name, owed=False, cause=cause))

    def take(self) -> None:
        self.card, self.charged_back, self.held = "open", self.held, 0
        self.say(taken(self.charged_back, 0, final=False))
        if self.review == "disputed":
            self.review = "opened"
            self.say(STOPPED)

    def bank_decided(self, *, won_it: bool) -> None:
        self.card = "none" if won_it else "lost"
        if won_it:
            restored, self.charged_back = self.charged_back, 0
            self.held += restored
            self.say(won(self.held, restored))
        else:
            self.say(taken(self.charged_back, self.held, final=True))
            self.close()

    @property
    def status(self) -> str:
        """What everybody must see once all that was said is heard."""
        if self.review == "disputed" or self.card == "open":
            return "DISPUTED"
        if self.free > 0:
            return "PENDING_APPROVAL" if self.review == "requested" else "ACTIVE_FUNDED"
        if self.released or self.approved:
            return "PAID"
        pending = any(state == "pending" for state, _ in self.refunds.values())
        return "ACTIVE_FUNDED" if pending or self.waiting else "REFUNDED"

    @property
    def approved(self) -> int:
        """For the trainer, and not answered."""
        return sum(minor for name, minor in self.waiting if name != "refund")

    @property
    def funding_state(self) -> str:
        if self.card in ("open", "lost"):
            return "charged_back"
        if any(state == "pending" for state, _ in self.refunds.values()):
            return "refund_pending"
        return "refunded" if self.refunds and not self.held and not self.released else "funded"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    for _ in range(draw(st.integers(2, 12))):
        move = draw(st.sampled_from(world.allowed()))
        world.step(move, draw(st.sampled_from([0.3, 1.0])), yes=draw(st.booleans()))
    all_answered = draw(st.booleans())
    while all_answered and world.waiting:
        world.step("answer", 1.0, yes=draw(st.booleans()))
    return world


@settings(max_examples=500, deadline=None)
@given(world=worlds(), data=st.data())
def test_no_order_between_two_services_ends_in_another_status(world: World, data: st.DataObject) -> None:
    turns = data.draw(st.permutations([True] * len(world.reviews) + [False] * len(world.ledger)))
    streams = {True: iter(world.reviews), False: iter(world.ledger)}
    start = data.draw(st.sampled_from(["NOT_FUNDED", "CANCELLED"]))
    milestone = after(*(next(streams[turn]) for turn in turns), funding_state="none", status=start)
    assert (milestone.status, milestone.funding_state) == (world.status, world.funding_state)
    returning = sum(minor for name, minor in world.waiting if name == "refund")
    assert (milestone.unsettled_minor, milestone.returning_minor) == (world.approved, returning)
    assert (milestone.held_minor, milestone.released_minor) == (world.held, world.released)
    assert (
        milestone.held_minor + milestone.released_minor + milestone.refunded_minor + milestone.charged_back_minor
        == HELD
    )
    in_turn = after(*world.both, funding_state="none", status=start)
    assert in_turn.status == milestone.status
