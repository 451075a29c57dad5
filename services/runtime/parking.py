"""What cannot be handled: a dead letter says so, and when a stream would miss it, its key waits from here on.

How an operator resolves what waits is in `redrive.py`.
"""

import logging
from base64 import b64encode

from schemas.dead_letters import DEAD_LETTERS
from services.runtime.clock import Clock
from services.runtime.event_log import Line
from services.runtime.ids import IdSource
from services.runtime.records import Record, as_text
from services.runtime.storage import Transaction

logger = logging.getLogger(__name__)

_KEY_SHOWN = 200
_REASON_SHOWN = 2_000
_HEADERS_SHOWN = 40_000
_BODY_SHOWN_BYTES = 480_000
"""What a dead letter shows, so that it fits into a record itself and never stops the relay: Kafka takes 1 MB, base64
adds a third, JSON may write a character with six. What is larger stands whole where the letter points to."""


class Parking:
    """Sets records of one service aside, in the caller's transaction."""

    def __init__(self, service: str, clock: Clock, ids: IdSource) -> None:
        self._service = service
        self._clock = clock
        self._ids = ids

    def bury(self, transaction: Transaction, record: Record, key: str, reason: str, *, parked: bool) -> Line:
        """A dead letter, as a line of the log; when `parked`, the key waits from here on."""
        now = self._clock.now()
        reason = as_text(reason.encode(errors="backslashreplace"))  # an error may quote the bytes that caused it
        reason = reason[:_REASON_SHOWN]
        key = key[:_KEY_SHOWN]
        headers = {name: as_text(value) for name, value in record.headers}
        body = record.body or b""
        if len(body) > _BODY_SHOWN_BYTES or sum(map(len, [*headers, *headers.values()])) > _HEADERS_SHOWN:
            reason += " (too large to be shown whole: read it from its topic)"
            body = body[:_BODY_SHOWN_BYTES]
            headers = _cut(headers)
        letter = DEAD_LETTERS[self._service](
            dead_key=key,
            letter_id=self._ids.new("dl", now),
            topic_name=record.topic,
            partition=record.partition,
            offset=record.offset,
            headers=headers,
            body_base64=b64encode(body).decode(),
            reason=reason,
            parked=parked,
        )
        logger.error("dead letter: %s[%d]@%d key %s: %s", *record[:3], key, reason)
        if parked:
            self.queue_behind(transaction, record, key, reason)
        return Line(letter, letter.letter_id, now, letter.letter_id, "", None, "")

    def queue_behind(self, transaction: Transaction, record: Record, key: str, reason: str) -> None:
        """Keep a record until its key goes on."""
        transaction.queue_behind(record, key, reason, self._clock.now())


def _cut(headers: dict[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    left = _HEADERS_SHOWN
    for name, value in headers.items():
        if (left := left - len(name) - len(value)) < 0:
            break
        kept[name] = value
    return kept
