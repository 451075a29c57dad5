"""The `tranche` command."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from deploy.local import audits, dead_letters, reconciling, recovering, replaying
from deploy.local import services as registry
from deploy.local.containers import Compose
from deploy.local.development_secrets import read_secrets
from deploy.local.durations import parse_duration
from deploy.local.errors import LocalError
from deploy.local.live import clock_file, here, inside_if_containers
from deploy.local.platform import Platform
from deploy.local.ports import free_port

app = typer.Typer(
    help="The milestone-payments platform on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
clock_app = typer.Typer(help="The development clock: move time for every service at once.", no_args_is_help=True)
app.add_typer(clock_app, name="clock")
app.add_typer(dead_letters.app, name="dlq")
app.command()(audits.check)
app.command()(audits.explain)
app.command()(reconciling.reconcile)
app.command()(replaying.replay)
app.command()(recovering.recover)

_WATCH_S = 1.0


def main() -> None:
    """Run the command line. What goes wrong on this machine is one line, never a traceback."""
    try:
        app(standalone_mode=False)
    except LocalError as error:
        _give_up(str(error))
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # A wrong option is said by click as one line; anything else is a fault of ours and keeps its traceback.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            _give_up(error.format_message(), error.exit_code)
        raise


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running and return.")] = False,
    containers: Annotated[bool, typer.Option("--containers", help="In containers, by docker-compose.yml.")] = False,
) -> None:
    """Start what is missing: Kafka, PostgreSQL, the Stripe sandbox and every service."""
    layout = here()
    compose = Compose(layout)
    if containers:
        if Platform(layout).processes.names():
            raise LocalError("the platform runs as local processes here: run `tranche down` first")
        compose.up()
        typer.echo(f"front door   {compose.front_door}/v1 (documentation: {compose.front_door}/docs)")
        return
    if compose.is_up():
        raise LocalError("the platform runs in containers here: run `tranche down` first")
    platform = Platform(layout)
    if detach:
        _bring_up(platform)
        return
    try:
        with _signals_as_interrupt():
            if not _bring_up(platform):
                typer.echo("It ran already, detached: `tranche down` stops it.")
                return
            typer.echo("Ctrl-C stops it.")
            _watch(platform)
    except KeyboardInterrupt:
        platform.down(typer.echo)
    except LocalError:
        platform.down()
        raise


@app.command()
def down() -> None:
    """Stop everything that `up` started. Data stays; `make clean` removes it."""
    layout = here()
    compose = Compose(layout)
    if compose.is_up():
        compose.down()
        return
    if not layout.root.exists() or not Platform(layout).down(typer.echo):
        typer.echo("nothing was running")


@app.command()
def status() -> None:
    """What runs, where it listens, how far each consumer is behind."""
    layout = here()
    compose = Compose(layout)
    if compose.is_up():
        typer.echo(compose.status())
        return
    platform = Platform(layout)
    states = platform.status()
    _table(
        ("process", "state", "pid", "address"),
        [(s.name, s.state, str(s.pid or "-"), s.address or "-") for s in states],
    )
    for ended in (state for state in states if state.state == "ended"):
        log = platform.processes.log(ended.name)
        typer.echo(f"\n{ended.name} ended; `tranche up --detach` starts it again. The end of its log ({log}):")
        typer.echo(f"  {ended.last_words or 'nothing'}")
    if not any(state.state == "ready" for state in states):
        typer.echo("\nNothing runs: `tranche up --detach` starts it.")
        return
    around = platform.surroundings()
    typer.echo()
    _lag_table(around.kafka_bootstrap, around.database_url)
    _parked_table(around.database_url)
    _reconciled_line(around.database_url)
    if any(state.state != "ready" for state in states):
        sys.exit(1)


@app.command()
def run(service: Annotated[str, typer.Argument(help="E.g. funding; `tranche status` lists them.")]) -> None:
    """Run one service in the foreground. Variables that are not set come from this machine's platform."""
    found = next((known for known in registry.SERVICES if known.name == service), None)
    if found is None:
        raise LocalError(f"there is no service {service}: {', '.join(known.name for known in registry.SERVICES)}")
    if not found.exists:
        raise LocalError(f"{found.module} is not in this checkout")
    platform = Platform(here())
    environment = registry.shell()
    if platform.processes.names():
        defaults = registry.environment(found, platform.surroundings())
        if platform.processes.find(service):
            defaults["TRANCHE_HTTP_PORT"] = str(free_port())  # beside the one that runs, as its second replica
        environment = {**defaults, **environment}
    os.execve(sys.executable, [sys.executable, "-m", found.module], environment)  # noqa: S606


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where it listens, on 127.0.0.1.", min=1, max=65_535)] = 12_111,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps everything between runs, the clock beside it.")
    ] = None,
) -> None:
    """Run the Stripe sandbox alone, in the foreground: nothing else of the platform is needed."""
    environment = {**os.environ, "TRANCHE_HTTP_PORT": str(port)}
    if state is not None:
        state = state.absolute()
        if not state.parent.is_dir():
            raise LocalError(f"there is no directory {state.parent}")
        environment["TRANCHE_SANDBOX_STATE"] = str(state)
        environment["TRANCHE_CLOCK_FILE"] = f"{state}.clock"
    os.execve(sys.executable, [sys.executable, "-m", "services.stripe_sandbox"], environment)  # noqa: S606


@app.command()
def token(
    role: Annotated[str, typer.Option(help="employer, trainer, operator or service.")],
    party: Annotated[str, typer.Option(help="The party's id, e.g. emp_1.")],
    life: Annotated[str, typer.Option(help="How long it is good for, e.g. 12h.")] = "12h",
) -> None:
    """Print a bearer token for development."""
    from services.runtime.tokens import issue  # noqa: PLC0415 - slow to import, needed here alone

    if role not in ("employer", "trainer", "operator", "service"):
        raise LocalError(f"there is no role {role}: employer, trainer, operator, service")
    secret = os.environ.get("TRANCHE_AUTH_SECRET") or read_secrets(here().secrets).get("TRANCHE_AUTH_SECRET")
    if not secret:
        raise LocalError("no secret to sign with: run `tranche up --detach`, or set TRANCHE_AUTH_SECRET")
    typer.echo(issue(secret, role, party, datetime.now(UTC), parse_duration(life)))  # type: ignore[arg-type]


@clock_app.command("now")
def clock_now() -> None:
    """Print the platform's time."""
    inside_if_containers("clock", "now")
    from services.runtime.clock import MovableClock  # noqa: PLC0415

    clock = MovableClock(clock_file())
    typer.echo(f"{_rfc3339(clock.now())} ({_ahead(clock.offset_s())})")


@clock_app.command("advance")
def clock_advance(by: Annotated[str, typer.Argument(help="90s, 15m, 2h, 14d, 1d12h")]) -> None:
    """Move the platform's time forward; it never goes back."""
    inside_if_containers("clock", "advance", by)
    from services.runtime.clock import MovableClock  # noqa: PLC0415

    clock = MovableClock(clock_file())
    now = clock.advance(parse_duration(by))
    typer.echo(f"{_rfc3339(now)} ({_ahead(clock.offset_s())})")


@app.command()
def topics() -> None:
    """The catalogue: key, partitions, retention, producers, consumers, messages."""
    from schemas.catalogue import TOPICS, messages_of  # noqa: PLC0415

    day_ms = 24 * 60 * 60 * 1000
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // day_ms} days"
        typer.secho(topic.name, bold=True)
        typer.echo(f"  {topic.purpose}")
        typer.echo(f"  key         {topic.key}")
        typer.echo(f"  partitions  {topic.partitions}, kept {kept}")
        typer.echo(f"  from        {', '.join(topic.producers)}")
        typer.echo(f"  to          {', '.join(topic.consumers)}")
        names = [message.type_name for message in messages_of(topic.name)]
        for number, name in enumerate(names):
            typer.echo(f"  {'messages' if number == 0 else '':<10}  {name}")
        typer.echo()


@app.command()
def tail(
    topics: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC]...", help="All topics when none.")] = None,
    contract: Annotated[str | None, typer.Option(help="Only what concerns this contract.")] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Everything there is, then on.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End where the topics end now (with --from-start).")] = False,
    maximum: Annotated[int, typer.Option("--max", help="End after this many lines; 0: never.", min=0)] = 0,
) -> None:
    """Events as they pass, readable. Ctrl-C ends it."""
    inside_if_containers(*sys.argv[1:])
    from deploy.local import tail as tailing  # noqa: PLC0415

    bootstrap = os.environ.get("TRANCHE_KAFKA_BOOTSTRAP") or Platform(here()).surroundings().kafka_bootstrap
    names = tailing.known_topics(bootstrap, topics or [])
    console = Console(soft_wrap=True, highlight=False)
    shown = 0
    for record in tailing.follow(bootstrap, names, from_start=from_start, once=once):
        if contract and not tailing.concerns(record, contract):
            continue
        console.print(tailing.line(record))
        shown += 1
        if maximum and shown >= maximum:
            return


@app.command()
def demo() -> None:
    """Carry one milestone from hire to bank on the running platform, and tell it."""
    if Compose(here()).is_up():
        raise LocalError(
            "the platform runs in containers here, and the demo cannot watch their Kafka from outside: "
            "run `tranche down` first, then `make demo`"
        )
    try:
        story = importlib.import_module("deploy.local.demo")
    except ModuleNotFoundError as error:
        raise LocalError("the demo is not in this checkout") from error
    story.main()


@app.command(hidden=True)
def clean() -> None:
    """Remove the platform's data, wherever it lies; `make clean` calls it."""
    layout = here()
    if Compose(layout).is_up():
        Compose(layout).remove()
    if layout.root.exists():
        platform = Platform(layout)
        platform.down(typer.echo)
        platform.remove()


def _bring_up(platform: Platform) -> bool:
    started = platform.up(typer.echo)
    around = platform.surroundings()
    typer.echo(f"front door   {around.public_url}/v1 (documentation: {around.public_url}/docs)")
    typer.echo(f"sandbox      {around.url_of(registry.SANDBOX)}")
    typer.echo(f"Kafka        {around.kafka_bootstrap}")
    typer.echo(f"PostgreSQL   {around.database_url}")
    return started


def _watch(platform: Platform) -> None:
    """Until Ctrl-C: say when a process has ended on its own."""
    told: set[str] = set()
    while True:
        threading.Event().wait(_WATCH_S)
        running = set(platform.processes.names())
        if not running:
            return  # `tranche down` was said elsewhere
        for name in running:
            if platform.processes.find(name):
                told.discard(name)
            elif name not in told:
                told.add(name)
                typer.echo(f"{name} has ended: {platform.processes.log_tail(name)} (`tranche up --detach` restarts it)")


def _lag_table(bootstrap: str, database_url: str) -> None:
    import psycopg  # noqa: PLC0415
    from confluent_kafka import KafkaException  # noqa: PLC0415

    from deploy.local.lag import consumer_lag  # noqa: PLC0415

    try:
        lags = consumer_lag(bootstrap, database_url)
    except (KafkaException, psycopg.OperationalError) as error:
        typer.echo(f"how far consumers are behind cannot be told: {str(error).splitlines()[0]}")
        return
    _table(("consumer", "topic", "behind"), [(lag.service, lag.topic, str(lag.behind)) for lag in lags])


def _parked_table(database_url: str) -> None:
    try:
        parked = dead_letters.waiting(url=database_url)
    except LocalError as error:
        typer.echo(f"what is parked cannot be told: {error}")
        return
    if parked:
        typer.echo()
        _table(
            ("parked in", "key", "waiting"),
            [(service, key.key, str(key.messages)) for service, keys in parked.items() for key in keys],
        )
        typer.echo("`tranche dlq list` says why.")


def _reconciled_line(database_url: str) -> None:
    from services.auditor.nightly.plan import headline  # noqa: PLC0415

    try:
        report = reconciling.last_night(database_url)
    except LocalError as error:
        typer.echo(f"\n{error}")
        return
    if report is None:
        typer.echo("\nno night was reconciled yet (`tranche reconcile` does it now)")
        return
    more = "" if report.agrees else ": `tranche reconcile --last` says more"
    typer.echo(f"\nlast reconciled as of {report.at:%Y-%m-%d %H:%M} UTC: {headline(report)}{more}")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for number, row in enumerate([head, *rows]):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        typer.secho(text, bold=number == 0)


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """SIGTERM ends `tranche up` as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before: Callable[..., object] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _ahead(offset_s: float) -> str:
    if not offset_s:
        return "the machine's time"
    days, seconds = divmod(round(offset_s), 86_400)
    return f"{days} d {seconds // 3600} h {seconds % 3600 // 60} min {seconds % 60} s ahead of the machine's"


def _give_up(text: str, code: int = 1) -> NoReturn:
    sys.stderr.write(f"tranche: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
