"""The caller: makes the calls that are open, and writes down their outcome.

The open calls are the work list, after a crash as in any other moment. A call is made again with the same key and the
same parameters until Stripe has answered it; where the key cannot be relied on, we look first. No transaction is open
while Stripe is asked.
"""

import asyncio
import json
import logging
from datetime import timedelta
from functools import partial

from stripe import StripeClient

from services.runtime.clock import Clock
from services.runtime.decisions import Refused as RefusedOutcome
from services.runtime.records import Delivery
from services.runtime.service import Runtime
from services.stripe_gateway import handlers, metrics, platform_account, reads
from services.stripe_gateway.answers import Judged, Verdict
from services.stripe_gateway.calls import send
from services.stripe_gateway.keyed import Keyed
from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.listener import AGAIN_S, DATABASE_TROUBLE, woken
from services.stripe_gateway.local_commands import RecordAccount, RecordAnswer
from services.stripe_gateway.looks import Look, look
from services.stripe_gateway.readings import Answer, Answered, CardTrouble, Declined, IntentReading, Reading, Unanswered
from services.stripe_gateway.recorder import NotRecordedError, Recorder
from services.stripe_gateway.records import Attempt, Intent, Record
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.translate import UnexpectedObjectError
from services.stripe_gateway.worklist import WorkList

logger = logging.getLogger(__name__)

MOST_IN_HAND = 2_000
_GUARD_S = 0.5
_OBSERVE_S = 2.0
_MOST_LOOKS = 2
"""Looks that find nothing while Stripe goes on answering 5xx: then an operator must see it."""
_DONE_ANEW = frozenset({"create_account"})
"""v2 executes a request that it answered with an error once more, under the same key (STRIPE.md 2.3): after a try that
may have been executed we look first."""
_V2_KEY_LIFE = timedelta(days=29)
"""Stripe keeps v2 keys for 30 days, v1 keys for one."""


class _TooLateError(Exception):
    """A call became old while it waited for its turn."""


class Caller:
    """Runs the open calls of this replica's lanes. Belongs to one event loop."""

    def __init__(
        self,
        runtime: Runtime,
        work_list: WorkList,
        settings: GatewaySettings,
        client: StripeClient,
        line: Line,
        recorder: Recorder,
    ) -> None:
        self._runtime = runtime
        self._work_list = work_list
        self._clock: Clock = runtime.clock
        self._client = client
        self._line = line
        self._recorder = recorder
        self._look_after = timedelta(seconds=settings.stripe_look_after_s)
        self._server_errors = settings.stripe_server_errors
        self._lanes: frozenset[int] = frozenset()
        self._ours_since = self._clock.now()
        """What was opened before may have been tried by another: a process that died, or the lane's last owner."""
        self._keyed: Keyed[Attempt] = Keyed(self._work)

    async def run(self, wake: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            lanes = self._runtime.lanes()
            if lanes != self._lanes:
                self._lanes, self._ours_since = lanes, self._clock.now()
            in_hand = self._keyed.in_hand
            try:
                if lanes and len(in_hand) < MOST_IN_HAND:
                    most = MOST_IN_HAND - len(in_hand)
                    for attempt in await asyncio.to_thread(self._work_list.open_calls, lanes, in_hand, most):
                        self._keyed.add(attempt.key, attempt.attempt_id, attempt)
            except DATABASE_TROUBLE as error:
                logger.warning("looking for open calls again: %s", error)
                await asyncio.sleep(AGAIN_S)
            await woken(wake, _GUARD_S)

    async def close(self, patience_s: float) -> None:
        """Let the calls under way end."""
        await self._keyed.close(patience_s)

    async def observe(self) -> None:
        """Keep the figures about open calls, until cancelled."""
        while True:
            metrics.OPEN.set(len(self._keyed.in_hand))
            try:
                opened_at, unknown = await asyncio.to_thread(self._work_list.figures)
            except DATABASE_TROUBLE:
                logger.debug("no figures now")  # whoever works says it louder
            else:
                age_s = (self._clock.now() - opened_at).total_seconds() if opened_at else 0.0
                metrics.OLDEST.set(max(0.0, age_s))
                metrics.UNKNOWN.set(unknown)
            await asyncio.sleep(_OBSERVE_S)

    # -- one call ------------------------------------------------------------------------------------------

    async def _work(self, attempt: Attempt) -> None:
        answer = await self._settle(attempt)
        if answer is None:
            return
        if isinstance(answer, Unanswered):
            logger.error("nobody knows the outcome of %s: %s", attempt.idempotency_key, answer.reason)
        await self.write_down(attempt, answer)

    async def write_down(self, attempt: Attempt, answer: Answer) -> None:
        """Close a call and tell what its answer means, in one transaction. Raises NotRecordedError."""
        if isinstance(answer, Answered) and answer.reading.kind == "intent" and answer.reading.status == "succeeded":
            await self._compare_sums(attempt, answer.reading)
        outcome = await self._recorder.record(self._delivery(attempt, answer))
        if isinstance(outcome, RefusedOutcome):
            raise NotRecordedError(f"{attempt.idempotency_key} was answered, but {outcome.code}: {outcome.detail}")

    async def _compare_sums(self, attempt: Attempt, reading: IntentReading) -> None:
        record = await asyncio.to_thread(self._record_of, attempt)
        alarm = platform_account.wrong_charge(record, reading) if isinstance(record, Intent) else None
        if alarm is not None:
            await self._recorder.record(self._runtime.processor.delivery(alarm))

    async def _settle(self, attempt: Attempt) -> Answer | None:
        """Call until there is an answer. None: somebody else closed it, or the lane is another replica's now."""
        tries = server_errors = fruitless = 0
        doubtful = attempt.opened_at < self._ours_since
        ours = True
        while ours:
            look_first = self._is_old(attempt) or (doubtful and attempt.operation in _DONE_ANEW)
            try:
                if look_first:
                    found = await self.look(attempt)
                    if found is not Look.ABSENT:
                        return _answer_of(found)
                reading = await self._line.ask(
                    attempt.operation, partial(self._send, attempt, looked=look_first), one=attempt.attempt_id
                )
                return Answered(reading=reading)
            except _TooLateError:
                ours = await asyncio.to_thread(self._is_ours, attempt)
                continue
            except UnexpectedObjectError as error:
                return Unanswered(reason=str(error))
            except TroubleError as trouble:
                judged = trouble.judged
            doubtful = doubtful or judged.http_status not in range(400, 500)
            if judged.verdict is Verdict.SERVER_ERROR:
                server_errors += 1
                if server_errors % self._server_errors == 0:
                    fruitless += 1
                    found = await self.look(attempt)
                    if found is not Look.ABSENT or fruitless >= _MOST_LOOKS:
                        return _answer_of(found)
            elif judged.verdict is not Verdict.RETRY:
                return await self._final(attempt, judged)
            await self._line.pause(tries)
            tries += 1
            ours = await asyncio.to_thread(self._is_ours, attempt)
        return None

    async def _send(self, attempt: Attempt, *, looked: bool) -> Reading:
        """Raises _TooLateError, and calls nothing: its turn may have taken days to come (Stripe was down, or did not
        accept our key), and by then Stripe has forgotten the key of a try that it may have executed."""
        if not looked and self._is_old(attempt):
            raise _TooLateError
        return await send(self._client, attempt)

    async def _final(self, attempt: Attempt, judged: Judged) -> Answer:
        """The answer that an error is."""
        if judged.verdict is Verdict.DECLINE:
            return judged.declined()
        if judged.verdict is Verdict.LOOK:
            found = await self.look(attempt)
            if isinstance(found, Look) and judged.http_status < 500:
                return judged.refused()
            return _answer_of(found)
        if attempt.operation == "create_transfer" and judged.http_status == 400 and not judged.code:
            return await self._refused_transfer(attempt, judged)
        logger.error("Stripe refused %s: %s %s", attempt.idempotency_key, judged.reason, judged.message)
        return judged.refused()

    async def _refused_transfer(self, attempt: Attempt, judged: Judged) -> Answer:
        """A destination that cannot receive is refused without a code (STRIPE.md 1.4): the account itself tells."""
        account_id = str(json.loads(attempt.parameters)["destination"])
        try:
            reading, metadata = await self._line.patiently("read", lambda: reads.account(self._client, account_id))
        except TroubleError:
            return judged.refused()
        if reading.transfers == "active":
            return judged.refused()
        if trainer_id := metadata.get("trainer_id"):
            # Payouts waits for the account to become able; so it must know that it is not.
            command = RecordAccount(trainer_id=trainer_id, reading=reading)
            await self._recorder.record(self._runtime.processor.delivery(command))
        trouble = CardTrouble(code="account_cannot_receive", message=judged.message)
        return Declined(trouble=trouble, http_status=judged.http_status, request_id=judged.request_id)

    async def look(self, attempt: Attempt) -> Answered | Declined | Look:
        """What is at Stripe now of a call; calls nothing that changes something. Raises UnexpectedObjectError."""
        record = await asyncio.to_thread(self._record_of, attempt)
        try:
            return await self._line.patiently("look", lambda: look(self._client, attempt, record))
        except TroubleError as trouble:
            logger.warning("looking for %s: %s", attempt.idempotency_key, trouble.judged.reason)
            return Look.UNCLEAR

    def _is_old(self, attempt: Attempt) -> bool:
        life = _V2_KEY_LIFE if attempt.operation == "create_account" else self._look_after
        return self._clock.now() - attempt.opened_at > life

    def _delivery(self, attempt: Attempt, answer: Answer) -> Delivery:
        """As if the command itself were decided only now: what is said answers it, so it is known to be done."""
        command = RecordAnswer(about_key=attempt.key, attempt_id=attempt.attempt_id, answer=answer)
        return self._runtime.processor.delivery(
            command, attempt.attempt_id, attempt.correlation_id, attempt.traceparent
        )

    # -- the database, in threads of their own -------------------------------------------------------------

    def _is_ours(self, attempt: Attempt) -> bool:
        """Whether the call is still open, in a lane that is still ours."""
        return attempt.lane in self._runtime.lanes() and self._work_list.is_open(attempt.attempt_id)

    def _record_of(self, attempt: Attempt) -> Record | None:
        entity = handlers.ABOUT[attempt.operation]
        rows: list[Record] = self._runtime.processor.database.rows(entity, entity.key_names[0], (attempt.about,))
        return rows[0] if rows else None


def _answer_of(found: Answered | Declined | Look) -> Answer:
    """A look as the answer to a call."""
    if isinstance(found, Look):
        return Unanswered(reason=f"Stripe did not answer, and a look at what is there says: {found.value}")
    return found
