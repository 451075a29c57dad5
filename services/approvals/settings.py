"""Settings that only approvals has."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.approvals.due import Reminders
from services.runtime.settings import Settings

_Days = Annotated[int, Field(ge=0, le=365)]


class ApprovalsSettings(Settings):
    """How long the employer has to review a request, and when it is reminded (DOMAIN.md 5).

    `TRANCHE_REVIEW_PERIOD_DAYS`, `TRANCHE_REVIEW_REMINDERS_BEFORE_DAYS` and `TRANCHE_REVIEW_REMINDERS_AFTER_DAYS`
    (lists as JSON: `[3, 1]`).
    """

    review_period_days: Annotated[int, Field(ge=1, le=365)] = 14
    review_reminders_before_days: tuple[_Days, ...] = (3, 1)
    review_reminders_after_days: tuple[_Days, ...] = (1,)

    @property
    def review_period(self) -> timedelta:
        return timedelta(days=self.review_period_days)

    @property
    def reminders(self) -> Reminders:
        return Reminders(
            tuple(timedelta(days=days) for days in self.review_reminders_before_days),
            tuple(timedelta(days=days) for days in self.review_reminders_after_days),
        )
