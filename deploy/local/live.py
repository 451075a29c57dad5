"""What a command that looks into the running platform needs to know: where its databases and its clock are."""

import os
import sys
from pathlib import Path

from deploy.local.containers import SPEAKER, Compose
from deploy.local.layout import Layout, default_root
from deploy.local.platform import Platform


def here() -> Layout:
    """The folder of this checkout's platform."""
    return Layout(default_root())


def inside_if_containers(*words: str, service: str = SPEAKER, alone: bool = False) -> None:
    """When the platform runs in containers, its clock, Kafka and databases are inside: `tranche WORDS` is run there,
    in a service's container (only the gateway's knows the way to Stripe). `alone`: in a new one, as that is stopped.

    Does not come back then.
    """
    compose = Compose(here())
    if compose.is_up():
        sys.exit(compose.inside(*words, service=service, alone=alone))


def database_server() -> str:
    """The address of the PostgreSQL server. Raises LocalError when none is known."""
    return os.environ.get("TRANCHE_DATABASE_URL") or Platform(here()).surroundings().database_url


def clock_file() -> Path:
    """The file of the development clock."""
    named = os.environ.get("TRANCHE_CLOCK_FILE")
    return Path(named) if named else here().clock
