"""Asks every rule of the live databases. Reads only: a snapshot of each, and temporary tables for what is between."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from services.auditor.extracts import BEHIND, EXTRACTS, READS, Extract
from services.auditor.invariants import RULES, Rule
from services.auditor.invariants.rule import CORE
from services.auditor.open_items import OPEN_ITEMS, OpenQuery
from services.runtime.database import Connection
from services.runtime.settings import database_on

STALE_AFTER = timedelta(minutes=15)
"""From which age on what is under way is listed as an open item."""
_CONNECT_S = 5


class AuditError(Exception):
    """A database cannot be read. The text says which and why."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that breaks a rule."""

    rule: Rule
    service: str
    """In whose database; empty: between services."""
    ids: str
    found: str


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something accepted and not done."""

    kind: str
    service: str
    id: str
    what: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found."""

    violations: list[Violation] = field(default_factory=list)
    open_items: list[OpenItem] = field(default_factory=list)
    on_its_way: int = 0
    """Keys of which a consumer had not heard everything: left out of the rules between services."""
    compared: int = 0
    """Keys of which all that a consumer and its producer know could be compared."""


def database_urls(server: str) -> dict[str, str]:
    """Each service's database on a server, whose URL names none."""
    return {service: database_on(server, f"tranche_{service}") for service in CORE}


def audit(urls: Mapping[str, str], now: datetime, stale_after: timedelta = STALE_AFTER) -> Report:
    """Ask all rules and list what is open. `urls`: of each service's database; `now`: the platform's time.

    Raises AuditError when a database does not answer or is not one of ours.
    """
    report = Report()
    with ExitStack() as opened:
        databases = {service: opened.enter_context(connect(service, urls[service])) for service in CORE}
        # Rules between services are asked in a session of its own: the snapshots stay read-only.
        between = opened.enter_context(connect(CORE[0], urls[CORE[0]]))
        try:
            _extract(between, databases, (extract for extract in EXTRACTS if extract.early))
            for database in databases.values():
                database.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                database.execute("SELECT FROM lanes LIMIT 1")  # the snapshot is taken by the first query
            _extract(between, databases, (extract for extract in EXTRACTS if not extract.early))
            counts = _find_behind(between)
            for rule in RULES:
                for service in rule.services or ("",):
                    report.violations.extend(
                        Violation(rule, service, ids, found)
                        for ids, found in _ask(databases[service] if service else between, rule.sql)
                    )
            for query in OPEN_ITEMS:
                report.open_items.extend(_open(query, databases, between, now, stale_after))
        except psycopg.Error as error:
            raise AuditError(f"a database cannot be read: {str(error).splitlines()[0]}") from error
    return Report(report.violations, report.open_items, *counts)


def connect(service: str, url: str) -> Connection:
    """A connection in autocommit mode. Raises AuditError when the database does not answer."""
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_S, application_name="tranche-check")
    except psycopg.OperationalError as error:
        raise AuditError(f"the database of {service} does not answer: {str(error).splitlines()[0]}") from error


def _extract(between: Connection, databases: Mapping[str, Connection], extracts: Iterable[Extract]) -> None:
    for extract in extracts:
        table = sql.Identifier(extract.table)
        between.execute(sql.SQL("CREATE TEMP TABLE {} (service text, {})").format(table, sql.SQL(extract.columns)))
        for service in extract.services:
            source = sql.SQL("COPY (SELECT {}, q.* FROM ({}) q) TO STDOUT").format(
                sql.Literal(service), sql.SQL(extract.sql)
            )
            into = sql.SQL("COPY {} FROM STDIN").format(table)
            with databases[service].cursor().copy(source) as read, between.cursor().copy(into) as write:
                for block in read:
                    write.write(block)
        between.execute(sql.SQL("ANALYZE {}").format(table))


def _find_behind(between: Connection) -> tuple[int, int]:
    """Note which consumer is behind on which key. Gives how many of these there are, and how many are level."""
    between.execute("CREATE TEMP TABLE reads (consumer text, source text)")
    with between.cursor() as cursor:
        cursor.executemany("INSERT INTO reads VALUES (%s, %s)", READS)
    between.execute(BEHIND)
    between.execute("CREATE INDEX ON behind (key)")
    behind = between.execute("SELECT count(*) FROM behind").fetchone()
    level = between.execute(
        "SELECT count(*) FROM seen e JOIN streams s ON s.service = e.source AND s.key = e.key "
        "WHERE e.version = s.version"
    ).fetchone()
    return (behind[0] if behind else 0), (level[0] if level else 0)


def _ask(connection: Connection, query: str) -> list[tuple[str, str]]:
    return [(str(ids), str(found)) for ids, found in connection.execute(sql.SQL(query)).fetchall()]


def _open(
    query: OpenQuery,
    databases: Mapping[str, Connection],
    between: Connection,
    now: datetime,
    stale_after: timedelta,
) -> list[OpenItem]:
    found = []
    for service in query.services or ("",):
        connection = databases[service] if service else between
        for item_id, what, since in connection.execute(sql.SQL(query.sql)).fetchall():
            age = now - since
            if not query.only_stale or age >= stale_after:
                found.append(OpenItem(query.kind, service, str(item_id), str(what), age))
    return found
