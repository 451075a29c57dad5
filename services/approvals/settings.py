"""Settings that only approvals has."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.runtime.settings import Settings


class ApprovalsSettings(Settings):
    """`TRANCHE_REVIEW_PERIOD_DAYS`: how long the employer has to review a request (DOMAIN.md 5)."""

    review_period_days: Annotated[int, Field(ge=1, le=365)] = 14

    @property
    def review_period(self) -> timedelta:
        return timedelta(days=self.review_period_days)
