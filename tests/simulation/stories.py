"""What happens to a contract: hire, fund, ask for release, approve, and whatever may come between."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas import approvals, contracts, funding, payouts
from schemas.base import Actor
from services.approvals.service import SERVICE as APPROVALS
from services.contracts.service import SERVICE as CONTRACTS
from services.funding.service import SERVICE as FUNDING
from services.payouts.service import SERVICE as PAYOUTS
from tests.simulation.people import People

GOOD_CARDS = ("pm_card_visa", "pm_card_mastercard")
DECLINING_CARD = "pm_card_chargeCustomerFail"
DISPUTED_CARDS = ("pm_card_createDispute", "pm_card_createDisputeProductNotReceived", "pm_card_createDisputeInquiry")
_OPERATOR = Actor(role="operator", party_id="ops_1")
_AUDITOR = Actor(role="service", party_id="auditor")
_AMOUNTS_MINOR = (5_000, 99_999, 120_000)


@dataclass
class Contract:
    """One contract of one milestone, and who is in it."""

    people: People
    number: int

    def __post_init__(self) -> None:
        self.world = self.people.world
        self.chance = self.world.random
        self.employer_id, self.trainer_id = f"emp_{self.number:03}", f"trn_{self.number:03}"
        self.employer = Actor(role="employer", party_id=self.employer_id)
        self.trainer = Actor(role="trainer", party_id=self.trainer_id)
        self.id, self.milestone = f"ctr_{self.number:03}", f"mls_{self.number:03}"
        self.about = {"contract_id": self.id, "milestone_id": self.milestone}
        self.amount_minor = self.chance.choice(_AMOUNTS_MINOR)

    # -- what is so

    def held_minor(self) -> int | None:
        """By the ledger; None: nothing was ever held."""
        held = self._booked("held")
        return -sum(held) if held else None

    def _booked(self, account: str) -> list[int]:
        entries = self.world.databases[FUNDING.name].table("ledger_entries", milestone_id=self.milestone)
        return [entry.amount_minor for entry in entries if entry.account == account]

    def _part(self) -> dict[str, object]:
        """All of it, or a third of what it was."""
        if self.chance.random() < 0.7:
            return {}
        return {"amount_minor": self.amount_minor // 3, "currency": "usd"}

    # -- steps

    def hire(self, *, fund: bool) -> None:
        command = contracts.CreateContract(
            **self.about, actor=self.employer, job_id=f"job_{self.number:03}", employer_id=self.employer_id,
            trainer_id=self.trainer_id, title="A job", currency="usd", description="Work",
            amount_minor=self.amount_minor, fund=fund,
        )  # fmt: skip
        self.people.ask(CONTRACTS, command, self.employer)

    def fund(self) -> None:
        """Until money is held, or patience ends; with the card that was saved last."""
        database = self.world.databases[FUNDING.name]
        for _ in range(4):
            if self.people.until(self.held_minor, 30.0):
                return
            methods = database.table("payment_methods", employer_id=self.employer_id)
            card = methods[-1].payment_method_id if methods else None
            command = funding.FundMilestone(**self.about, actor=self.employer, payment_method_id=card)
            self.people.ask(FUNDING, command, self.employer)

    def request_release(self) -> None:
        self.people.ask(APPROVALS, approvals.RequestRelease(**self.about, actor=self.trainer), self.trainer)

    def request_changes(self) -> None:
        command = approvals.RequestChanges(**self.about, actor=self.employer, reason="More")
        self.people.ask(APPROVALS, command, self.employer)

    def approve(self) -> None:
        command = approvals.ApproveMilestone(**self.about, **self._part(), actor=self.employer)
        for _ in range(self.chance.choice((1, 1, 2))):
            self.people.ask(APPROVALS, command, self.employer)

    def give_back(self) -> None:
        """The trainer refunds, perhaps at the very moment when the employer approves."""
        command = funding.RefundMilestone(**self.about, **self._part(), actor=self.trainer, reason="Sorry")
        self.people.ask(FUNDING, command, self.trainer)

    def dispute(self) -> None:
        """A party disputes; an operator settles what is held then, somehow."""
        who = self.chance.choice((self.employer, self.trainer))
        self.people.ask(APPROVALS, approvals.DisputeMilestone(**self.about, actor=who, reason="No"), who)
        database = self.world.databases[APPROVALS.name]
        self.people.until(lambda: database.table("disputes", milestone_id=self.milestone), 20.0)
        self.people.think()
        held_minor = self.held_minor() or 0
        to_trainer_minor = self.chance.choice((0, held_minor // 2, held_minor))
        for found in database.table("disputes", milestone_id=self.milestone):
            command = approvals.ResolveDispute(
                **self.about, actor=_OPERATOR, dispute_id=found.dispute_id, to_trainer_minor=to_trainer_minor,
                to_employer_minor=held_minor - to_trainer_minor, currency="usd", reason="So it is",
            )  # fmt: skip
            self.people.ask(APPROVALS, command, _OPERATOR)

    def take_back(self) -> None:
        """An operator reverses a payout, perhaps in parts."""
        for payout in self.world.databases[PAYOUTS.name].table("payouts", milestone_id=self.milestone)[:1]:
            for _ in range(self.chance.choice((1, 1, 2))):
                command = payouts.ReversePayout(
                    contract_id=self.id, payout_id=payout.payout_id, **self._part(), actor=_OPERATOR, reason="A mistake"
                )
                self.people.ask(PAYOUTS, command, _OPERATOR)

    def give_from_platform(self) -> None:
        """An operator gives the employer what the trainer has, at its own loss; perhaps it is made good later."""
        self.people.until(lambda: self._booked("transferred"), 30.0)
        command = funding.RefundFromPlatform(**self.about, **self._part(), actor=_OPERATOR, reason="A complaint")
        self.people.ask(FUNDING, command, _OPERATOR)
        if self.chance.random() < 0.5:
            self.people.think()
            self.take_back()

    def give_up(self) -> None:
        """An operator gives up a payout that waits for long, perhaps at the very moment when the account is ready."""
        database = self.world.databases[PAYOUTS.name]

        def waiting() -> list[str]:
            of_it = database.table("payouts", milestone_id=self.milestone)
            return [payout.payout_id for payout in of_it if payout.overdue]

        self.people.until(waiting, 120.0)
        for payout_id in waiting():
            command = payouts.GiveUpPayout(contract_id=self.id, payout_id=payout_id, actor=_OPERATOR, reason="Too long")
            self.people.ask(PAYOUTS, command, _OPERATOR)

    def answer_the_bank(self) -> None:
        """An operator gives evidence where the bank asks for it."""
        database = self.world.databases[FUNDING.name]
        self.people.until(lambda: database.table("card_disputes", milestone_id=self.milestone), 30.0)
        for dispute in database.table("card_disputes", milestone_id=self.milestone):
            command = funding.SubmitDisputeEvidence(
                **self.about, actor=_OPERATOR, dispute_id=dispute.dispute_id, statement="It was delivered"
            )
            self.people.ask(FUNDING, command, _OPERATOR)

    def watch(self) -> None:
        """Wait a while for the ledger to move."""
        before = self.held_minor()
        self.people.until(lambda: self.held_minor() != before, 20.0)


def a_milestone(people: People, number: int) -> None:
    """From hire to payout, with detours."""
    contract, chance = Contract(people, number), people.world.random
    account_first = chance.random() < 0.5
    if account_first:
        people.open_account(contract.trainer_id)
    declines = chance.random() < 0.25
    disputed = chance.random() < 0.15
    good = chance.choice(DISPUTED_CARDS if disputed else GOOD_CARDS)
    people.save_card(contract.employer_id, DECLINING_CARD if declines else good)
    contract.hire(fund=chance.random() < 0.5)
    people.think()
    if declines:
        people.save_card(contract.employer_id, good)
    contract.fund()
    for _ in range(4):
        if contract.held_minor() == 0:
            break
        people.think()
        contract.request_release()
        people.think()
        _one_of(chance.random(), contract)
        contract.watch()
    if disputed and chance.random() < 0.5:
        contract.answer_the_bank()
    if not account_first:
        _account_comes_late(contract)
    if chance.random() < 0.15:
        contract.take_back()
    if chance.random() < 0.15:
        contract.give_from_platform()


def _account_comes_late(contract: Contract) -> None:
    """What was released waits for it; an operator may lose patience before, or at the same moment."""
    people, chance = contract.people, contract.chance
    if chance.random() < 0.5:
        contract.give_up()
        people.think()
        if chance.random() < 0.5:
            contract.approve()
    people.open_account(contract.trainer_id)


def an_auditor(people: People, times: int) -> None:
    """What is owed is found not covered now and then, and covered again; an operator may let it go before."""
    chance, about = people.world.random, {"platform": "platform", "currency": "usd"}
    for _ in range(times):
        people.world.hub.sleep(chance.choice((0.5, 5.0, 30.0, 90.0)))
        short = {"cause": "not_covered", "short_minor": 1, "reason": "It is short"}
        people.tell(PAYOUTS, payouts.SuspendReleases(**about, **short, actor=_AUDITOR))
        more = _releases(people) + 1
        people.until(lambda more=more: _releases(people) >= more, chance.choice((0.5, 30.0, 90.0)))
        if chance.random() < 0.3:
            people.ask(PAYOUTS, payouts.AllowReleases(**about, actor=_OPERATOR, reason="Let it go"), _OPERATOR)
        people.tell(PAYOUTS, payouts.AllowReleases(**about, actor=_AUDITOR, reason="It is there"))


def _releases(people: People) -> int:
    """How many releases the ledger has decided."""
    entries = people.world.databases[FUNDING.name].table("ledger_entries")
    return sum((entry.kind, entry.account) == ("funds_released", "released") for entry in entries)


def _one_of(draw: float, contract: Contract) -> None:
    """What an employer may answer, and what a trainer may think of meanwhile."""
    answers: tuple[tuple[float, tuple[Callable[[], None], ...]], ...] = (
        (0.55, (contract.approve,)),
        (0.65, (contract.request_changes,)),
        (0.75, (contract.approve, contract.give_back)),
        (0.82, (contract.give_back, contract.approve)),
        (0.92, (contract.dispute,)),
        (1.00, (contract.give_back,)),
    )
    for answer in next(steps for bound, steps in answers if draw < bound):
        answer()
