"""`tranche reconcile`: our ledger, Stripe's balance transactions and the facts on the topics, side by side."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.durations import parse_duration
from deploy.local.errors import LocalError
from deploy.local.live import clock_file, database_server, here, inside_if_containers
from deploy.local.platform import Platform
from deploy.local.services import AUDITOR, SANDBOX

if TYPE_CHECKING:  # slow to import; `tranche` itself starts without them
    from services.auditor.nightly.plan import Kept
    from services.auditor.reconcile.look import Surroundings


def reconcile(
    freeze: Annotated[bool, typer.Option("--freeze", help="Freeze the milestones that differ, and no others.")] = False,
    all_days: Annotated[bool, typer.Option("--all-days", help="Show every day, not the last seven alone.")] = False,
    looks: Annotated[int, typer.Option(help="How often to look before a difference counts.", min=1)] = 4,
    pause: Annotated[str, typer.Option(help="Between two looks.")] = "1s",
    last: Annotated[bool, typer.Option("--last", help="Look at nothing: print the report of the last night.")] = False,
) -> None:
    """Our ledger against Stripe's balance transactions against the topics; exit code 1 when something is left over."""
    inside_if_containers(*sys.argv[1:], service=AUDITOR)
    if last:
        _print_last()
        return
    from confluent_kafka import KafkaException  # noqa: PLC0415

    from services.auditor.audit import AuditError  # noqa: PLC0415
    from services.auditor.reconcile import freeze as freezing  # noqa: PLC0415
    from services.auditor.reconcile.look import of_milestones, reconcile  # noqa: PLC0415
    from services.auditor.reconcile.stripe_side import StripeUnreadableError  # noqa: PLC0415
    from services.auditor.reconcile.telling import tell  # noqa: PLC0415
    from services.auditor.sending import send  # noqa: PLC0415
    from services.auditor.topics import TopicsUnreadableError  # noqa: PLC0415
    from services.runtime.clock import MovableClock  # noqa: PLC0415

    clock = MovableClock(clock_file())
    try:
        with surroundings() as around:
            report = reconcile(around, clock.now, looks, parse_duration(pause).total_seconds())
            for line in tell(report, all_days=all_days):
                typer.echo(line)
            if freeze and (wanted := freezing.commands(of_milestones(report.unexplained))):
                send(around.kafka_bootstrap, wanted, clock.now())
                for command in wanted:
                    typer.echo(f"asked funding to freeze {command.milestone_id} ({command.contract_id})")
    except (AuditError, StripeUnreadableError, TopicsUnreadableError, KafkaException) as error:
        raise LocalError(str(error)) from error
    if not report.agrees:
        sys.exit(1)


def last_night(server: str) -> "Kept | None":
    """The report of the last night that was reconciled; None: none was. `server`: of the databases.

    Raises LocalError when the auditor's database cannot be read.
    """
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from services.auditor.nightly.reports import Reports  # noqa: PLC0415
    from services.runtime.database import open_engine  # noqa: PLC0415
    from services.runtime.settings import database_on  # noqa: PLC0415

    engine = open_engine(database_on(server, f"tranche_{AUDITOR}"))
    try:
        return Reports(engine).last()
    except DBAPIError as error:
        raise LocalError(f"the auditor's reports cannot be read: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def _print_last() -> None:
    report = last_night(database_server())
    if report is None:
        raise LocalError("no night was reconciled yet: `tranche reconcile` does it now")
    typer.echo(f"the night of {report.night:%Y-%m-%d %H:%M} UTC")
    for line in report.lines:
        typer.echo(line)
    for milestone_id in report.frozen:
        typer.echo(f"asked funding to freeze {milestone_id}")
    if not report.agrees:
        sys.exit(1)


@contextmanager
def surroundings() -> Iterator["Surroundings"]:
    """The three sides, by the environment or of this machine's platform.

    Raises LocalError when key and address do not belong together: a live key goes to Stripe alone.
    """
    from services.auditor.audit import database_urls  # noqa: PLC0415
    from services.auditor.reconcile.look import Surroundings  # noqa: PLC0415
    from services.auditor.reconcile.stripe_side import open_library  # noqa: PLC0415

    bootstrap = os.environ.get("TRANCHE_KAFKA_BOOTSTRAP") or Platform(here()).surroundings().kafka_bootstrap
    with open_library(*way_to_stripe()) as stripe:
        yield Surroundings(database_urls(database_server()), bootstrap, stripe)


def way_to_stripe() -> tuple[str, str]:
    """The secret key, and the address of Stripe or of this machine's sandbox. Raises LocalError as `surroundings`."""
    from services.runtime.stripe_keys import KeyRefusedError, check_key  # noqa: PLC0415

    base = os.environ.get("TRANCHE_STRIPE_API_BASE") or Platform(here()).surroundings().url_of(SANDBOX)
    key = os.environ.get("TRANCHE_STRIPE_API_KEY") or Platform(here()).surroundings().secret("TRANCHE_STRIPE_API_KEY")
    try:
        check_key(key, base, test_mode=os.environ.get("TRANCHE_STRIPE_TEST_MODE", "").lower() in ("1", "true", "yes"))
    except KeyRefusedError as error:
        raise LocalError(str(error)) from error
    return key, base
