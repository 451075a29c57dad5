"""The simulated Stripe as one value: its store, clock, money, schedule and deliveries, and the context of one
request.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.stripe_sandbox.balances import Balances
from services.stripe_sandbox.clock import AdvanceableClock, sandbox_clock
from services.stripe_sandbox.countries import COUNTRIES, Country
from services.stripe_sandbox.errors import no_such
from services.stripe_sandbox.faults import Faults
from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.limits import Limiter, Limits, stripes_own
from services.stripe_sandbox.metrics import Metrics
from services.stripe_sandbox.scheduler import Scheduler
from services.stripe_sandbox.settings import PLATFORM_ACCOUNT, Settings
from services.stripe_sandbox.store import Store
from services.stripe_sandbox.webhooks import Webhooks

Json = dict[str, Any]
log = logging.getLogger(__name__)
KEPT_REQUESTS = 2_000


class Sandbox:
    """Everything the simulator holds. One event loop owns it; handlers never wait in the middle of a change."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock: AdvanceableClock = sandbox_clock(settings.clock_file)
        self.store = Store(settings.sandbox_state)
        self.balances = Balances(self.store)
        self.scheduler = Scheduler(self.store)
        self.metrics = Metrics()
        self.webhooks = Webhooks(self)
        self.faults = Faults()
        self.limiter = Limiter(stripes_own() if settings.sandbox_limits else Limits())
        self.requests: deque[Json] = deque(maxlen=KEPT_REQUESTS)
        self.settlement_currencies = settings.settlement_currencies
        self.seed()

    @property
    def platform(self) -> str:
        """The id of the platform's own account."""
        return PLATFORM_ACCOUNT

    @property
    def platform_country(self) -> Country:
        """The platform's country. Raises KeyError when the setting names none."""
        return COUNTRIES[self.settings.sandbox_country.upper()]

    def now_s(self) -> int:
        """The sandbox's time in unix seconds."""
        return int(self.clock.now().timestamp())

    def seed(self) -> None:
        """What is there from the start: the platform's account and the webhook endpoints of the settings."""
        from services.stripe_sandbox import seed  # noqa: PLC0415 - the resources know the sandbox, not the other way

        with self.context() as ctx:
            seed.platform(ctx)
            seed.webhook_endpoints_of_settings(ctx)

    def reset(self) -> None:
        """Forget everything but the settings; the clock stays where it is."""
        self.store.clear()
        self.scheduler.reload()
        self.faults.clear()
        self.limiter.reset()
        self.settlement_currencies = self.settings.settlement_currencies
        self.requests.clear()
        self.webhooks.reset()
        self.seed()

    @contextmanager
    def context(
        self,
        account: str | None = None,
        *,
        at: datetime | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Iterator["Context"]:
        """One transaction: kept when the block ends well, undone when it raises."""
        from services.stripe_sandbox.resources import reserves  # noqa: PLC0415 - as for the jobs in tick

        ctx = Context(
            sandbox=self,
            account=account or self.platform,
            at=at or self.clock.now(),
            request_id=request_id,
            idempotency_key=idempotency_key,
        )
        try:
            yield ctx
            reserves.settle(ctx)
            self.balances.assert_balanced()
        except BaseException:
            self.balances.take_changed()
            self.store.rollback()
            self.scheduler.reload()
            raise
        self.store.commit()

    def tick(self) -> int:
        """Do what is due by the clock, in order of time; each job is a transaction. Gives the number of jobs done."""
        from services.stripe_sandbox.jobs import JOBS  # noqa: PLC0415 - jobs know the resources, which know the sandbox

        done = 0
        now = self.clock.now()
        while (job := self.scheduler.next_due(now)) is not None:
            due = datetime.fromtimestamp(job["due"], UTC)
            try:
                with self.context(job["account"], at=due) as ctx:
                    self.scheduler.finish(job["id"])
                    JOBS[job["action"]](ctx, **job["args"])
            except Exception:
                # A defect in one job must not stop the clock of all others: set it aside, where /_sim shows it.
                log.exception("the job %s failed", job)
                with self.context(job["account"]):
                    self.scheduler.set_aside(job)
            done += 1
        return done

    async def settle(self) -> None:
        """Do what is due and start the deliveries that are."""
        self.tick()
        self.webhooks.pump()

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward and do what became due."""
        now = self.clock.advance(timedelta(seconds=seconds))
        self.tick()
        return now

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()


@dataclass
class Context:
    """One request, page visit or job: for whom, when, and why."""

    sandbox: Sandbox
    account: str
    at: datetime
    request_id: str | None = None
    idempotency_key: str | None = None
    notes: Json = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.sandbox.store

    @property
    def balances(self) -> Balances:
        return self.sandbox.balances

    @property
    def now_s(self) -> int:
        """This moment in unix seconds."""
        return int(self.at.timestamp())

    @property
    def now_iso(self) -> str:
        """This moment as v2 writes it."""
        return iso(self.at)

    @property
    def is_platform(self) -> bool:
        return self.account == self.sandbox.platform

    def acting_for(self, account: str) -> "Context":
        """The same request seen from another account (the connected side of a transfer)."""
        return Context(self.sandbox, account, self.at, self.request_id, self.idempotency_key, self.notes)

    def save(self, item: Json, kind: str | None = None, identifier: str | None = None) -> Json:
        """Store an object of this account; gives it back."""
        self.store.put(kind or item["object"], self.account, item, identifier)
        return item

    def find(self, kind: str, identifier: str) -> Json | None:
        """An object of this account, or None: another account's objects are not seen."""
        if self.store.owner(kind, identifier) != self.account:
            return None
        return self.store.get(kind, identifier)

    def require(self, kind: str, identifier: str, *, param: str | None = None, label: str | None = None) -> Json:
        """An object of this account. Raises resource_missing."""
        found = self.find(kind, identifier)
        if found is None:
            raise no_such(label or kind.rpartition(".")[2], identifier, param)
        return found

    def later(self, delay: timedelta | datetime, action: str, **args: Any) -> None:
        """Schedule a job of this account after a delay or at a moment."""
        due = delay if isinstance(delay, datetime) else self.at + delay
        self.sandbox.scheduler.add(due, self.account, action, args)

    def new_id(self, prefix: str) -> str:
        """A new identifier."""
        return new_id(prefix)


def iso(moment: datetime) -> str:
    """A moment as the v2 API writes it: 2026-11-24T10:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
