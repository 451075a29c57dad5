"""Money by double entry: every movement is a set of postings that sum to zero per currency.

Accounts are `<stripe account>:<bucket>` with bucket `available`, `pending` or `connect_reserved`, and the
outside world: `external:cards` (card holders), `external:bank` (bank accounts), `external:fees` (what Stripe
keeps). The sum over all is zero at all times; it is asserted after each request. Amounts are integers in minor
units.
"""

from dataclasses import dataclass
from typing import Any, Literal

from services.stripe_sandbox.store import Store

Json = dict[str, Any]
Bucket = Literal["available", "pending", "connect_reserved"]
EXTERNAL = "external"

CHECKED_ALWAYS = 400
"""Balances up to which all are summed after each request (under a millisecond); beyond, at every hundredth."""
LARGE_CHECK_EVERY = 100


class UnbalancedError(AssertionError):
    """Money appeared or vanished: a defect of the sandbox."""


@dataclass(frozen=True)
class Posting:
    """One side of a movement: `amount_minor` is added to an account's bucket."""

    account: str
    bucket: str
    amount_minor: int


class Balances:
    """The balances of all accounts, kept in the store so that they commit with the objects that explain them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unchecked = False
        self._checks = 0
        self._changed: set[tuple[str, str]] = set()

    def post(self, currency: str, cause: str, *postings: Posting) -> None:
        """Apply postings that sum to zero. Raises UnbalancedError when they do not."""
        if sum(posting.amount_minor for posting in postings) != 0:
            raise UnbalancedError(f"postings of {cause} do not sum to zero: {postings}")
        self._unchecked = True
        entry = {
            "id": f"{self._store.count('_entry') + 1:012d}",
            "cause": cause,
            "currency": currency,
            "postings": [[posting.account, posting.bucket, posting.amount_minor] for posting in postings],
        }
        self._store.put("_entry", EXTERNAL, entry)
        for posting in postings:
            key = f"{posting.account}:{posting.bucket}:{currency}"
            balance = self._store.get("_balance", key) or {
                "id": key,
                "account": posting.account,
                "bucket": posting.bucket,
                "currency": currency,
                "amount": 0,
            }
            balance["amount"] += posting.amount_minor
            self._changed.add((posting.account, currency))
            self._store.put("_balance", posting.account, balance)

    def take_changed(self) -> list[tuple[str, str]]:
        """The account and currency of what was posted since the last call."""
        changed = sorted(self._changed)
        self._changed.clear()
        return changed

    def amount_minor(self, account: str, currency: str, bucket: str) -> int:
        """The balance of one bucket."""
        balance = self._store.get("_balance", f"{account}:{bucket}:{currency}")
        return 0 if balance is None else int(balance["amount"])

    def currencies(self, account: str) -> list[str]:
        """The currencies in which an account ever held money."""
        return sorted({str(balance["currency"]) for balance in self._store.newest_first("_balance", account)})

    def assert_balanced(self) -> None:
        """Raise UnbalancedError unless all balances of each currency sum to zero; free when nothing was posted."""
        if not self._unchecked:
            return
        self._unchecked = False
        self._checks += 1
        if self._store.count("_balance") > CHECKED_ALWAYS and self._checks % LARGE_CHECK_EVERY:
            return
        sums: dict[str, int] = {}
        for balance in self._store.newest_first("_balance"):
            sums[balance["currency"]] = sums.get(balance["currency"], 0) + balance["amount"]
        wrong = {currency: total for currency, total in sums.items() if total}
        if wrong:
            raise UnbalancedError(f"balances do not sum to zero: {wrong}")

    def dump(self) -> Json:
        """All balances and entries, and the balances as derived from the entries, which must be equal."""
        derived: dict[str, int] = {}
        entries = list(self._store.newest_first("_entry"))
        for entry in entries:
            for account, bucket, amount_minor in entry["postings"]:
                key = f"{account}:{bucket}:{entry['currency']}"
                derived[key] = derived.get(key, 0) + amount_minor
        balances = {balance["id"]: balance["amount"] for balance in self._store.newest_first("_balance")}
        return {"balances": balances, "agrees_with_entries": balances == derived, "entries": entries[::-1]}
