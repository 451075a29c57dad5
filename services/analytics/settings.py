"""Settings that only analytics has."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from services.runtime.settings import Settings


class AnalyticsSettings(Settings):
    """`TRANCHE_ANALYTICS_…`, beside those of every service."""

    analytics_data: Path = Path(".tranche/analytics")
    """Faust's data folder. The tables are in memory and in the changelog topic: nothing that matters lies here."""
    analytics_session_s: Annotated[float, Field(ge=1, le=60)] = 6.0
    """How long Kafka takes a silent member for alive: the longest wait of a restart after a kill. Not below the
    broker's `group.min.session.timeout.ms`, 6 s where it was not changed."""
    analytics_replication: Annotated[int, Field(ge=1)] = 1
    """Copies of the changelog topic when Faust creates it: 3 where there are brokers for it."""
