"""`tranche replay`: a service built anew from the topics, beside the live one, and compared."""

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.errors import LocalError
from deploy.local.live import database_server, here, inside_if_containers
from deploy.local.platform import Platform

if TYPE_CHECKING:  # slow to import; `tranche` itself starts without them
    from services.auditor.replay.replay import Subject

SERVICES = ("contracts", "funding", "approvals", "payouts")
"""Those whose state follows from what they took. The gateway's follows from what Stripe answered, which is on no topic:
`tranche reconcile` compares that with Stripe itself, and `tranche recover` makes the answers again."""


def replay(service: Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(SERVICES))]) -> None:
    """Rebuild a service from the topics beside the live one, and compare; exit code 1 when something differs."""
    inside_if_containers(*sys.argv[1:])
    from services.auditor.audit import AuditError  # noqa: PLC0415
    from services.auditor.replay.replay import replay  # noqa: PLC0415
    from services.auditor.replay.telling import tell  # noqa: PLC0415
    from services.auditor.topics import TopicsUnreadableError  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)
    bootstrap = os.environ.get("TRANCHE_KAFKA_BOOTSTRAP") or Platform(here()).surroundings().kafka_bootstrap
    try:
        report = replay(subject_of(service), database_server(), bootstrap)
    except (AuditError, TopicsUnreadableError) as error:
        raise LocalError(str(error)) from error
    for line in tell(report):
        typer.echo(line)
    if not report.same:
        sys.exit(1)


def subject_of(service: str) -> "Subject":
    """A service as it would run. Raises LocalError when it cannot be rebuilt."""
    from services.auditor.replay.replay import Subject  # noqa: PLC0415

    if service not in SERVICES:
        raise LocalError(f"{service} cannot be rebuilt from the topics: {', '.join(SERVICES)} can")
    found = importlib.import_module(f"services.{service}.service").SERVICE
    return Subject(found.name, found.topics, found.handlers, found.folder)
