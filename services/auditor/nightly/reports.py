"""The reports that are kept, in the auditor's own database; and that one replica at a time makes one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert

from services.auditor.nightly.plan import Kept
from services.auditor.tables import reconciliations

_LOCK = (7021, 2)
"""Advisory lock of the database, held for as long as a reconciliation runs; a process that dies lets go of it."""


class Reports:
    """Threads may share it. Raises SQLAlchemy's OperationalError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self) -> Kept | None:
        """The report of the latest night."""
        asked = select(reconciliations).order_by(reconciliations.c.night.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(asked).mappings().first()
        if row is None:
            return None
        return Kept(**{**row, "differences": [tuple(identity) for identity in row["differences"]]})

    def keep(self, report: Kept) -> None:
        """Keep a report. A second one of the same night changes nothing: another replica was faster."""
        with self._engine.begin() as connection:
            connection.execute(insert(reconciliations).values(asdict(report)).on_conflict_do_nothing())

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this replica may reconcile while the block runs: one at a time does."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            asked = {"kind": _LOCK[0], "number": _LOCK[1]}
            if not connection.execute(text("SELECT pg_try_advisory_lock(:kind, :number)"), asked).scalar():
                yield False
                return
            try:
                yield True
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:kind, :number)"), asked)
