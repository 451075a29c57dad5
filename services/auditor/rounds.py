"""What the auditor does again and again beside its HTTP: turn after turn, until it is stopped."""

import logging
import threading
from collections.abc import Callable

import psycopg
from confluent_kafka import KafkaException
from sqlalchemy.exc import OperationalError

from services.auditor import metrics
from services.auditor.audit import AuditError
from services.auditor.reconcile.stripe_side import StripeUnreadableError
from services.auditor.topics import TopicsUnreadableError

logger = logging.getLogger(__name__)

_TROUBLE = (
    AuditError,
    StripeUnreadableError,
    TopicsUnreadableError,
    KafkaException,
    OperationalError,
    psycopg.OperationalError,
)
"""Somebody does not answer: the turn is taken again."""

Pause = Callable[[float], None]
"""Waits so many seconds within a turn. Raises StoppedError when the process ends meanwhile."""


class StoppedError(Exception):
    """The process ends: the turn is given up, and made up for by the next process."""


class Rounds(threading.Thread):
    """Takes a turn every `every_s` seconds, `again_s` after one that met trouble. `failure`: what ended it, if anything
    did."""

    def __init__(self, name: str, turn: Callable[[Pause], None], every_s: float = 1.0, again_s: float = 15.0) -> None:
        super().__init__(name=name, daemon=True)
        self.failure: BaseException | None = None
        self._turn = turn
        self._every_s = every_s
        self._again_s = again_s
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Give up what is under way."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            wait_s = self._every_s
            try:
                self._turn(self._pause)
            except StoppedError:
                return
            except _TROUBLE as error:
                metrics.TROUBLES.labels(self.name).inc()
                logger.warning("%s is tried again in %g s: %s", self.name, self._again_s, error)
                wait_s = self._again_s
            except Exception as error:
                # A process that audits no more must not look healthy.
                logger.exception("%s stopped", self.name)
                self.failure = error
                return
            self._stopping.wait(wait_s)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError
