"""Settings that only funding has."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from services.funding.fees import FeeRule, load_rules
from services.funding.holding import HoldPolicy, load_hold_days
from services.runtime.settings import Settings

_Days = Annotated[int, Field(ge=1, le=365)]


class FundingSettings(Settings):
    """`TRANCHE_FEES_FILE`: a file of dated fee rules in place of the built-in ones.

    `TRANCHE_AUTHENTICATION_HOURS`: how long an employer has to authenticate a charge.

    `TRANCHE_PLATFORM_COUNTRY`: where the platform's Stripe account is, which says how long money may be held
    (`TRANCHE_HOLD_LIMITS_FILE`); `TRANCHE_HOLD_WARNING_DAYS` (a list as JSON) and `TRANCHE_HOLD_DECISION_DAYS`: what
    happens how many days before that (DOMAIN.md 4).
    """

    fees_file: Path = Path(__file__).with_name("fees.toml")
    authentication_hours: Annotated[int, Field(ge=1, le=23)] = 23
    """Stripe's page works for less than a day."""
    platform_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    hold_limits_file: Path = Path(__file__).with_name("hold_limits.toml")
    hold_warning_days: tuple[_Days, ...] = (30, 14, 7, 3)
    hold_decision_days: _Days = 2

    @property
    def authentication_life(self) -> timedelta:
        """How long the employer has to authenticate a charge."""
        return timedelta(hours=self.authentication_hours)

    def fee_rules(self) -> tuple[FeeRule, ...]:
        """The rules of the file. Raises ValueError when it has none."""
        return load_rules(self.fees_file)

    def hold_policy(self) -> HoldPolicy:
        """How long money may be held here, and what is said before. Raises KeyError when the file lacks something."""
        days = load_hold_days(self.hold_limits_file).days_in(self.platform_country)
        return HoldPolicy(days, self.hold_warning_days, self.hold_decision_days)
