"""What must always hold, as named SQL: the ledger, the event logs, the gateway, and between the services."""

from services.auditor.invariants.between import RULES as BETWEEN
from services.auditor.invariants.gateway import RULES as GATEWAY
from services.auditor.invariants.journal import RULES as JOURNAL
from services.auditor.invariants.ledger import RULES as LEDGER
from services.auditor.invariants.rule import Rule

RULES: tuple[Rule, ...] = (*LEDGER, *JOURNAL, *GATEWAY, *BETWEEN)

__all__ = ["RULES", "Rule"]
