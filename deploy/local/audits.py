"""`tranche check` and `tranche explain`: the auditor's questions to the live databases."""

import sys
from typing import Annotated

import typer

from deploy.local.durations import parse_duration
from deploy.local.errors import LocalError
from deploy.local.live import clock_file, database_server, inside_if_containers


def check(
    stale: Annotated[str, typer.Option(help="From which age on what is under way is listed.")] = "15m",
) -> None:
    """Whether what must always hold does hold, in the live databases; exit code 1 when something is broken."""
    inside_if_containers("check", "--stale", stale)
    from services.auditor.audit import AuditError, audit, database_urls  # noqa: PLC0415
    from services.auditor.telling import tell  # noqa: PLC0415
    from services.runtime.clock import MovableClock  # noqa: PLC0415

    try:
        report = audit(database_urls(database_server()), MovableClock(clock_file()).now(), parse_duration(stale))
    except AuditError as error:
        raise LocalError(str(error)) from error
    for line in tell(report):
        typer.echo(line)
    if report.violations:
        sys.exit(1)


def explain(
    thing_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of a contract, milestone, funding, payout or object at Stripe.")
    ],
) -> None:
    """Everything that happened to it, in order: words of all services, ledger, calls to Stripe, webhooks."""
    inside_if_containers("explain", thing_id)
    from services.auditor.audit import AuditError, database_urls  # noqa: PLC0415
    from services.auditor.history import history, tell  # noqa: PLC0415

    try:
        found = history(database_urls(database_server()), thing_id)
    except AuditError as error:
        raise LocalError(str(error)) from error
    if not found:
        raise LocalError(f"nobody ever said anything about {thing_id}")
    for line in tell(found):
        typer.echo(line)
