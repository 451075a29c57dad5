"""Settings of every service: environment variables with the prefix TRANCHE_, each with a default that works
on one machine. A secret is never printed: it is a SecretStr, shown as stars."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a service must know of its surroundings."""

    model_config = SettingsConfigDict(env_prefix="TRANCHE_", extra="ignore")

    kafka_bootstrap: str = "127.0.0.1:9092"
    database_url: str = "postgresql://tranche@127.0.0.1:5432"
    """The server; each service has the database `tranche_<service>` on it."""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """0: any free port."""
    public_url: str = "http://localhost:8000"
    """The front door, as people reach it."""
    clock_file: Path | None = None
    """Development only: where the movable clock keeps its offset."""
    auth_secret: SecretStr = SecretStr("")
    """Signs bearer tokens and links to hosted pages (HMAC-SHA256)."""

    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Most messages decided in one transaction."""
    poll_timeout_s: float = 0.1
    """Longest wait for a first message; a batch is never waited for to fill."""
    projection_wait_s: float = 2.0
    """How long a call waits for a fact that is on its way before it answers 404."""
    timer_poll_s: Annotated[float, Field(gt=0, le=60)] = 0.25
    """How often each replica looks for due timers: one read of an index when there are none."""
    timer_batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Most timers fired in one transaction."""
    log_level: str = "INFO"

    def database_of(self, service: str) -> str:
        """The address of a service's own database."""
        return database_on(self.database_url, f"tranche_{service}")


def database_on(server: str, name: str) -> str:
    """The address of a database on a server, whose own address names none; it may have parameters (`?sslmode=...`)."""
    where, _, parameters = server.partition("?")
    return f"{where.rstrip('/')}/{name}" + (f"?{parameters}" if parameters else "")
