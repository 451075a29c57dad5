"""The nightly reconciliation itself: `tranche reconcile --freeze`, by the clock, its report kept and told."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.funding import FreezeFunds
from services.auditor import metrics
from services.auditor.nightly.plan import Kept, due, headline, kept, to_freeze
from services.auditor.nightly.reports import Reports
from services.auditor.reconcile import freeze as freezing
from services.auditor.reconcile.findings import Reconciliation
from services.auditor.rounds import Pause
from services.runtime.clock import Clock

logger = logging.getLogger(__name__)


class Nightly:
    """One turn after another (`Rounds`). `reconcile` looks at the three sides, `freeze` sends commands to funding."""

    def __init__(
        self,
        reports: Reports,
        clock: Clock,
        hour: int,
        reconcile: Callable[[Pause], Reconciliation],
        freeze: Callable[[Sequence[FreezeFunds], datetime], None],
    ) -> None:
        self._reports = reports
        self._clock = clock
        self._hour = hour
        self._reconcile = reconcile
        self._freeze = freeze
        self._last: datetime | None = None

    def take_turn(self, pause: Pause) -> None:
        """Reconcile if a night is due that nobody has reconciled. Raises what the sides raise when one is away.

        What differs is frozen before the report is kept: after a crash in between it is asked for again, which changes
        nothing.
        """
        if due(self._clock.now(), self._hour, self._last) is None:
            return
        with self._reports.alone() as alone:
            before = self._reports.last()
            if before is not None and before.night != self._last:
                self._know(before)
            night = due(self._clock.now(), self._hour, self._last)
            if not alone or night is None:
                return
            report = self._reconcile(pause)
            wanted = freezing.commands(to_freeze(report, before))
            if wanted:
                self._freeze(wanted, self._clock.now())
                metrics.FROZEN.inc(len(wanted))
            made = kept(night, report, [command.milestone_id for command in wanted])
            self._reports.keep(made)
        self._know(made)
        self._tell(made)

    def _know(self, report: Kept) -> None:
        """The last report, this replica's or another's, now or before a restart: an alarm does not end by one."""
        self._last = report.night
        metrics.RECONCILED_AT.set(report.at.timestamp())
        metrics.RECONCILED_AGREES.set(report.agrees)
        metrics.DIFFERENCES.set(len(report.differences))
        metrics.ALARMS.set(len(report.alarms))

    def _tell(self, report: Kept) -> None:
        if report.agrees:
            logger.info("reconciled: %s", headline(report))
            return
        logger.critical("reconciled: %s", headline(report))
        for line in report.lines:
            logger.warning("reconciled: %s", line)
