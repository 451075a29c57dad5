"""`make demo`: the story told on the running platform, each step with the events seen on the topics."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from rich.console import Console
from rich.markup import escape

from deploy.local.development_secrets import read_secrets
from deploy.local.errors import LocalError
from deploy.local.layout import Layout, default_root
from deploy.local.parties import Party, eventually
from deploy.local.platform import Platform
from deploy.local.reconciling import surroundings
from deploy.local.services import SANDBOX
from deploy.local.story import CURRENCY, Place, Story
from deploy.local.tail import Record, follow
from schemas.catalogue import TOPICS
from schemas.money import show
from services.auditor.audit import audit, database_urls
from services.auditor.reconcile.look import reconcile
from services.auditor.reconcile.telling import tell as tell_reconciliation
from services.auditor.telling import tell
from services.runtime.clock import Clock, MovableClock
from services.runtime.tokens import issue

_QUIET_S = 0.4
"""How long nothing new must come before a step's events are taken to be all there."""


class Watcher(threading.Thread):
    """Collects the events of one story as they pass on the topics."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(name="demo-watcher", daemon=True)
        self._topics = [topic.name for topic in TOPICS if topic.name.endswith(".events")]
        self._brokers = bootstrap
        self._lock = threading.Lock()
        self._seen: list[Record] = []
        self._last = time.monotonic()

    def run(self) -> None:
        for record in follow(self._brokers, self._topics, from_start=False, once=False):
            with self._lock:
                self._seen.append(record)
                self._last = time.monotonic()

    def take(self, keys: Sequence[str]) -> list[Record]:
        """The events of these keys since the last call, once no more come for a moment."""
        asked = time.monotonic()
        while time.monotonic() - max(asked, self._last) < _QUIET_S:
            time.sleep(_QUIET_S / 4)
        with self._lock:
            taken = [record for record in self._seen if record.key in keys]
            self._seen = [record for record in self._seen if record.key not in keys]
        return sorted(taken, key=lambda record: (record.timestamp_ms, record.partition, record.offset))


def main() -> None:
    """Tell the story. Raises LocalError when it does not go as it should, or the platform is not up."""
    layout = Layout(default_root())
    around = Platform(layout).surroundings()
    secrets = read_secrets(layout.secrets)

    def token(role: str, party_id: str) -> str:
        return issue(secrets["TRANCHE_AUTH_SECRET"], role, party_id, datetime.now(UTC))  # type: ignore[arg-type]

    place = Place(
        front_door=around.public_url,
        sandbox=around.url_of(SANDBOX),
        stripe_key=secrets["TRANCHE_STRIPE_API_KEY"],
        clock=MovableClock(layout.clock),
        token=token,
    )
    console = Console(highlight=False)
    watcher = Watcher(around.kafka_bootstrap)
    watcher.start()
    time.sleep(_QUIET_S)  # the watcher reads from now on: let it find the ends of the topics first
    story = Story(place)
    try:
        for number, step in enumerate(story.steps(), start=1):
            console.print(f"\n[bold]{number:2}. {step.title}[/bold]")
            result = step.act()
            for record in watcher.take(story.keys):
                console.print(_line(record), soft_wrap=True)
            console.print(f"    [green]{escape(result)}[/green]", soft_wrap=True)
        _tell_books(console, story)
        _tell_analytics(console, story)
        _tell_check(console, around.database_url, place.clock)
        _tell_reconciliation(console, place.clock)
    finally:
        story.close()
    _tell_addresses(console, around.public_url, place.sandbox)


def _line(record: Record) -> str:
    name = record.envelope.type if record.envelope else "unreadable"
    about = record.envelope.subject if record.envelope else record.key
    return f"    [cyan]{record.topic:18}[/cyan] {name:44} [dim]{about}[/dim]"


def _tell_books(console: Console, story: Story) -> None:
    console.print("\n[bold]The ledger[/bold] (all contracts; debits positive)")
    for line in story.operator.get("/ledger/balances")["data"]:
        amount = show(line["amount_minor"], line["currency"])
        console.print(f"    {line['account']:20} {amount:>18}   [dim]{line['meaning']}[/dim]", soft_wrap=True)


def _tell_analytics(console: Console, story: Story) -> None:
    """The analytics service's figures, once they equal the ledger's; raises LocalError when they never do."""
    ledger = story.ledger()
    wanted = {name: -ledger.get(name, 0) for name in ("held", "released", "refunded", "charged_back")}

    def look() -> dict[str, int] | None:
        totals = _totals(story.operator)
        return totals if all(totals.get(name, 0) == value for name, value in wanted.items()) else None

    totals = eventually(look, "analytics shows the ledger's figures")
    console.print("\n[bold]Analytics[/bold] (faust, from the topics alone): equal to the ledger's")
    for name in ("funded", *wanted):
        console.print(f"    {name:20} {show(totals.get(name, 0), CURRENCY):>18}")


def _tell_check(console: Console, database_url: str, clock: Clock) -> None:
    """What must always hold, asked of the live databases; raises LocalError when something is broken."""
    console.print("\n[bold]What must always hold[/bold] (tranche check)")
    report = audit(database_urls(database_url), clock.now())
    for line in tell(report):
        console.print(f"    {escape(line)}", soft_wrap=True)
    if report.violations:
        raise LocalError("what must always hold does not")


def _tell_reconciliation(console: Console, clock: Clock) -> None:
    """Ledger, Stripe and topics side by side; raises LocalError when something is left over."""
    console.print("\n[bold]Ledger, Stripe and topics[/bold] (tranche reconcile)")
    with surroundings() as three_sides:
        report = reconcile(three_sides, clock.now)
    for line in tell_reconciliation(report):
        console.print(f"    {escape(line)}", soft_wrap=True)
    if not report.agrees:
        raise LocalError("ledger, Stripe and topics do not agree")


def _totals(operator: Party) -> dict[str, int]:
    found = operator.get("/analytics/totals")["data"]
    of_currency: dict[str, object] = next((line for line in found if line["currency"] == CURRENCY), {})
    return {name.removesuffix("_minor"): value for name, value in of_currency.items() if isinstance(value, int)}


def _tell_addresses(console: Console, front_door: str, sandbox: str) -> None:
    for name, address in (("the front door", front_door), ("the sandbox", sandbox)):
        try:
            httpx.get(address, timeout=5, trust_env=False)
        except httpx.TransportError as error:
            raise LocalError(f"{name} does not answer at {address}") from error
    console.print(
        f"\nThe platform is still up.\n"
        f"    start page        {front_door}\n"
        f"    API, readable     {front_door}/docs\n"
        f"    Stripe sandbox    {sandbox}\n"
        f"    what passes       tranche tail\n"
        f"    stop it           make down"
    )
