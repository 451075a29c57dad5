"""`tranche recover`: a database that was restored from an older backup, brought to where the topics are."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.errors import LocalError
from deploy.local.live import clock_file, database_server, here, inside_if_containers
from deploy.local.platform import Platform
from deploy.local.reconciling import way_to_stripe
from deploy.local.replaying import SERVICES, subject_of

if TYPE_CHECKING:  # slow to import; `tranche` itself starts without them
    from services.auditor.replay.replay import Subject

GATEWAY = "stripe_gateway"
RECOVERABLE = (*SERVICES, GATEWAY)


def recover(service: Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(RECOVERABLE))]) -> None:
    """Bring a service's restored database to where the topics are. The service must be stopped."""
    # Not in its own container, which is stopped; but only the gateway's knows the way to Stripe.
    speaker = GATEWAY if service == GATEWAY else next(name for name in SERVICES if name != service)
    inside_if_containers(*sys.argv[1:], service=speaker, alone=service == GATEWAY)
    from services.auditor.audit import AuditError  # noqa: PLC0415
    from services.auditor.replay.recover import RecoverError, recover  # noqa: PLC0415
    from services.auditor.topics import TopicsUnreadableError  # noqa: PLC0415
    from services.runtime.clock import MovableClock  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)
    bootstrap = os.environ.get("TRANCHE_KAFKA_BOOTSTRAP") or Platform(here()).surroundings().kafka_bootstrap
    now = MovableClock(clock_file()).now()
    try:
        with _subject_of(service) as subject:
            done = recover(subject, database_server(), bootstrap, now)
    except (AuditError, RecoverError, TopicsUnreadableError) as error:
        raise LocalError(str(error)) from error
    if not done.kept_as:
        typer.echo(f"{service}: the database has all that is on the topics; nothing was done")
        return
    typer.echo(
        f"{service}: {done.lines} lines were on the topics and not in the database; {done.decided} messages were "
        f"decided again ({done.restored} of them restored from what they said) and came to the very same. The database "
        f"as it was is kept as {done.kept_as}: drop it when `tranche check` and `tranche reconcile` are well. Start "
        "the service now."
    )


@contextmanager
def _subject_of(service: str) -> "Iterator[Subject]":
    if service != GATEWAY:
        yield subject_of(service)
        return
    import stripe  # noqa: PLC0415

    try:
        with gateway(database_server(), *way_to_stripe()) as subject:
            yield subject
    except stripe.StripeError as error:
        raise LocalError(f"Stripe cannot be read, nothing was changed: {error.user_message or error}") from error


@contextmanager
def gateway(server: str, key: str, base: str) -> "Iterator[Subject]":
    """The gateway, whose answers are made again from what it told and from what Stripe still has.

    `server`: the database server's address; `key` and `base`: of Stripe. Raises AuditError when the gateway's database
    does not answer.
    """
    from services.auditor.audit import connect, database_urls  # noqa: PLC0415
    from services.auditor.replay.replay import Subject  # noqa: PLC0415
    from services.stripe_gateway.past import open_past  # noqa: PLC0415
    from services.stripe_gateway.recovering import Answers  # noqa: PLC0415
    from services.stripe_gateway.service import SERVICE  # noqa: PLC0415

    with connect(GATEWAY, database_urls(server)[GATEWAY]) as restored:
        calls = [attempt_id for (attempt_id,) in restored.execute("SELECT attempt_id FROM attempts")]
    with open_past(key, base) as past:
        yield Subject(SERVICE.name, SERVICE.topics, SERVICE.handlers, SERVICE.folder, Answers(calls, past))
