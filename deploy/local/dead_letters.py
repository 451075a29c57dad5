"""`tranche dlq`: what the services could not handle, by contract, and what an operator does about it."""

import getpass
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.errors import LocalError
from deploy.local.live import clock_file, database_server, inside_if_containers
from schemas.dead_letters import DEAD_LETTERS

if TYPE_CHECKING:  # slow to import; `tranche` itself starts without them
    from psycopg import Connection

    from services.runtime.processor import Processor
    from services.runtime.redrive import Waiting

app = typer.Typer(help="What could not be handled, by contract: see it, put it back, give it up.", no_args_is_help=True)

SERVICES = tuple(DEAD_LETTERS)
"""Those that decide by the runtime, and so park."""
_BODY_SHOWN = 4_000

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(SERVICES))]


@app.command("list")
def list_(
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="All services when none.")] = None,
) -> None:
    """Every key that waits: how many of its messages, why and since when."""
    inside_if_containers(*sys.argv[1:])
    found = waiting([_known(service)] if service else SERVICES)
    if not found:
        typer.echo("nothing is parked")
        return
    for name, keys in found.items():
        for key in keys:
            typer.secho(f"{name}  {key.key}", bold=True)
            typer.echo(f"  waits   {key.messages} since {_moment(key.since)}, the first is {key.first_id}")
            typer.echo(f"  reason  {' '.join(key.reason.split())}")


@app.command()
def show(service: ServiceName, identifier: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """One parked message: where it stood, headers, body, reason, and what the catalogue says about it."""
    inside_if_containers(*sys.argv[1:])
    from services.runtime import redrive as redriving  # noqa: PLC0415

    with _database(_known(service)) as connection:
        parked = redriving.find(connection, identifier)
    typer.echo(f"{service} {parked.id}  key {parked.key}")
    typer.echo(f"place    {parked.topic}[{parked.partition}]@{parked.offset}, parked {_moment(parked.parked_at)}")
    typer.echo(f"reason   {parked.reason}")
    for number, (header, value) in enumerate(parked.headers.items()):
        typer.echo(f"{'headers' if number == 0 else '':<8} {header}: {value}")
    body = "(none)" if parked.body is None else parked.body.decode(errors="backslashreplace")
    typer.echo(f"body     {body[:_BODY_SHOWN]}{' …' if len(body) > _BODY_SHOWN else ''}")
    faults = redriving.faults(parked)
    for number, fault in enumerate(faults or ["valid by the catalogue"]):
        typer.echo(f"{'schema' if number == 0 else '':<8} {fault}")


@app.command()
def redrive(
    service: ServiceName,
    key: Annotated[str, typer.Argument(metavar="KEY|ID", help="The key, or the id of one of its messages.")],
) -> None:
    """Put back all parked messages of a key, in order, in one transaction, through the service's own decisions."""
    inside_if_containers(*sys.argv[1:])
    from services.runtime import redrive as redriving  # noqa: PLC0415

    with _database(_known(service)) as connection, _processor(service) as processor:
        result = redriving.redrive(connection, processor, redriving.key_of(connection, key))
    typer.echo(f"{result.key}: {result.done} done, {result.duplicates} were done before, {result.left} still wait")
    if result.left:
        raise LocalError(f"{result.stopped_at} of {result.key} cannot be handled: {' '.join(result.reason.split())}")


@app.command()
def discard(
    service: ServiceName,
    identifier: Annotated[int, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option(help="Why it is given up; kept and published.")],
    by: Annotated[str | None, typer.Option(help="Who gives it up; you when not said.")] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Behind a loss: give up the events that never came, too.")
    ] = False,
) -> None:
    """Give up one message, with a record of it. Those behind it wait on until `tranche dlq redrive`."""
    inside_if_containers(*sys.argv[1:])
    from services.runtime import redrive as redriving  # noqa: PLC0415

    if not reason.strip():
        raise LocalError("a reason must be given: --reason 'why it is given up'")
    with _database(_known(service)) as connection, _processor(service) as processor:
        done = redriving.discard(
            connection, processor, identifier, reason.strip(), by or getpass.getuser(), skip_missing=skip_missing
        )
    typer.echo(f"{done.parked.id} of {done.parked.key} is given up; {done.left} of its key still wait")
    if done.skipped:
        typer.echo(f"its stream goes on without {done.skipped} that never came")
    if done.missing:
        typer.echo(f"its stream still waits for {done.missing} that never came (--skip-missing would give them up)")
    if done.left:
        typer.echo(f"put them back by: tranche dlq redrive {service} {done.parked.key}")


def waiting(services: "tuple[str, ...] | list[str]" = SERVICES, url: str | None = None) -> "dict[str, list[Waiting]]":
    """The parked keys of each service that has any; `url` is the PostgreSQL server's when it is known."""
    from services.runtime import redrive as redriving  # noqa: PLC0415

    found = {}
    for name in services:
        with _database(name, url) as connection:
            if keys := redriving.waiting(connection):
                found[name] = keys
    return found


@contextmanager
def _database(service: str, url: str | None = None) -> "Iterator[Connection[tuple[object, ...]]]":
    """The service's database. What the operator can put right is said in one line."""
    import psycopg  # noqa: PLC0415

    from services.runtime.redrive import NothingParkedError, NotYetError  # noqa: PLC0415
    from services.runtime.settings import Settings  # noqa: PLC0415

    settings = Settings(database_url=url or database_server())
    try:
        with psycopg.connect(settings.database_of(service), autocommit=True, connect_timeout=5) as connection:
            yield connection
    except (NothingParkedError, NotYetError) as error:
        raise LocalError(f"{service}: {error}") from error
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
        raise LocalError(f"{service}: its database cannot be used: {str(error).splitlines()[0]}") from error


@contextmanager
def _processor(service: str) -> "Iterator[Processor]":
    """The service's own decisions, in this process. The running service publishes what they say."""
    from services.runtime.clock import clock_from  # noqa: PLC0415
    from services.runtime.database import open_engine  # noqa: PLC0415
    from services.runtime.ids import IdSource  # noqa: PLC0415
    from services.runtime.postgres import Postgres  # noqa: PLC0415
    from services.runtime.processor import Processor  # noqa: PLC0415
    from services.runtime.settings import Settings  # noqa: PLC0415

    found = importlib.import_module(f"services.{service}.service").SERVICE
    engine = open_engine(Settings(database_url=database_server()).database_of(service))
    try:
        yield Processor(service, found.handlers, Postgres(engine), clock_from(clock_file()), IdSource())
    finally:
        engine.dispose()


def _known(service: str) -> str:
    if service not in SERVICES:
        raise LocalError(f"{service} has no dead letters: {', '.join(SERVICES)}")
    return service


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
