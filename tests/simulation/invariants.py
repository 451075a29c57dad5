"""What must always hold, asked of the simulated world: some of it after every commit, all of it at the end."""

from collections import Counter, defaultdict
from typing import Any

from services.analytics.figures import Sums, read
from services.funding.service import SERVICE as FUNDING
from services.payouts.service import SERVICE as PAYOUTS
from services.stripe_gateway.service import SERVICE as GATEWAY
from tests.simulation.memory.broker import Stored
from tests.simulation.memory.database import MemoryDatabase, MemoryTransaction
from tests.simulation.ownership import trouble_with
from tests.simulation.people import People
from tests.simulation.world import SERVICES, World

Json = dict[str, Any]
_WHERE_MONEY_IS = ("held", "released", "refunded", "charged_back")


class BrokenError(AssertionError):
    """An invariant does not hold. The text says which and where."""


class Invariants:
    """Watches a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._places: dict[tuple[str, str, int], tuple[str, int, int]] = {}
        """By source, key and version of a stream: where it stands on the topics."""
        note, world.broker.on_append = world.broker.on_append, self._appended
        self._note_record = note
        for database in world.databases.values():
            self._watch(database)

    def _watch(self, database: MemoryDatabase) -> None:
        note = database.on_commit

        def committed(transaction: MemoryTransaction) -> None:
            note(transaction)
            try:
                self._position_travels(database, transaction)
                for entity, rows in transaction.written.items():
                    if entity.table.name == "ledger_entries":
                        self._money_is_conserved({entry.milestone_id for entry in rows.values()})
            except BrokenError as error:
                self._world.hub.broken = error

        database.on_commit = committed

    def _appended(self, record: Stored) -> None:
        self._note_record(record)
        headers = dict(record.headers_)
        if "ce_streamversion" in headers:
            place = (headers["ce_source"].decode(), (record.key_ or b"").decode(), int(headers["ce_streamversion"]))
            self._places.setdefault(place, (*record.place, record.number))

    # -- after each commit

    def _position_travels(self, database: MemoryDatabase, transaction: MemoryTransaction) -> None:
        """An effect is never committed without the position behind its cause."""
        for (source, key), version in transaction.seen.items():
            topic, partition, number = self._places[source, key, version]
            position = database.state.positions.get((topic, partition))
            if position is None or position.next_offset <= number:
                raise BrokenError(
                    f"{database.name} has taken version {version} of {source}/{key}, and its position of "
                    f"{topic}[{partition}] does not lie behind it"
                )

    def _money_is_conserved(self, milestones: set[str]) -> None:
        """Charged = held + released + refunded + charged back, for each milestone, at every instant."""
        database = self._world.databases[FUNDING.name]
        for milestone in sorted(milestones):
            sums: Counter[str] = Counter()
            charged_minor = 0
            for entry in database.table("ledger_entries", milestone_id=milestone):
                sums[entry.account] += entry.amount_minor
                if (entry.kind, entry.account) in (("charge_succeeded", "held"), ("charge_voided", "refunded")):
                    charged_minor -= entry.amount_minor
            shown = f"{milestone}: {dict(sums)}"
            if sum(sums.values()) != 0:
                raise BrokenError(f"the ledger does not sum to zero of {shown}")
            if charged_minor != -sum(sums[account] for account in _WHERE_MONEY_IS):
                raise BrokenError(f"{charged_minor} was charged, and the rest of the ledger says otherwise of {shown}")
            for account in _WHERE_MONEY_IS:
                if sums[account] > 0:
                    raise BrokenError(f"{account} is below nothing of {shown}")
            if sums["transferred"] > -sums["released"]:
                raise BrokenError(f"more was transferred than released of {shown}")

    # -- at the end

    def at_the_end(self, people: People) -> None:
        """Everything, once nobody has anything to do any more."""
        self._nothing_failed()
        self._every_line_is_published_once()
        self._everything_was_taken()
        self._every_command_has_ended(people)
        self._every_object_is_of_one_command()
        self._the_books_agree()
        self._analysts_see_the_ledger()
        self._no_money_is_stuck()
        self._no_card_is_unknown()

    def _nothing_failed(self) -> None:
        if (failure := self._world.failure()) is not None:
            raise BrokenError(f"a part of a service stopped: {failure!r}") from failure
        letters = 0
        for service in SERVICES:
            database = self._world.databases[service.name]
            if database.state.parked:
                raise BrokenError(f"{service.name} has parked {[k.reason for k in database.state.parked.values()]}")
            letters += sum(line.topic.endswith(".dlq") for line in database.state.log)
        if letters != self._world.poisoned:
            raise BrokenError(f"{letters} dead letters for {self._world.poisoned} records that nobody can read")
        parked = [kept.reason for kept in self._world.work_list.webhooks.values() if kept.state == "parked"]
        if parked:
            raise BrokenError(f"webhooks are set aside: {parked}")

    def _every_line_is_published_once(self) -> None:
        published: Counter[tuple[str, int]] = Counter()
        last: dict[tuple[str, str], int] = defaultdict(int)
        for records in self._world.broker.partitions.values():
            for record in records:
                headers = {name: value.decode() for name, value in record.headers_}
                if "ce_sequence" in headers:
                    published[headers["ce_source"], int(headers["ce_sequence"])] += 1
                if "ce_streamversion" in headers:
                    stream = (headers["ce_source"], (record.key_ or b"").decode())
                    if int(headers["ce_streamversion"]) != last[stream] + 1:
                        raise BrokenError(
                            f"version {headers['ce_streamversion']} of {stream} comes after {last[stream]} on its topic"
                        )
                    last[stream] += 1
        for service in SERVICES:
            for line in self._world.databases[service.name].state.log:
                if published[service.name, line.sequence] != 1:
                    raise BrokenError(
                        f"line {line.sequence} of {service.name} ({line.type}) is on the topics "
                        f"{published[service.name, line.sequence]} times"
                    )

    def _everything_was_taken(self) -> None:
        if unfinished := self._world.unfinished():
            raise BrokenError(f"it does not come to rest: {unfinished}")

    def _every_command_has_ended(self, people: People) -> None:
        for promise in people.promises:
            answered = self._world.databases[promise.service.name].state.answered
            if promise.identifier not in answered:
                raise BrokenError(f"{promise.command.type_name} {promise.identifier} was never answered")
        for attempt in self._world.databases[GATEWAY.name].table("attempts"):
            if attempt.state == "refused":
                raise BrokenError(f"Stripe refused {attempt.idempotency_key}: {attempt.code} {attempt.message}")

    def _every_object_is_of_one_command(self) -> None:
        sandbox, calls = self._world.stripe.sandbox, self._world.databases[GATEWAY.name].table("attempts")
        for trouble in trouble_with(sandbox.store, sandbox.platform, calls):
            raise BrokenError(trouble)

    def _the_books_agree(self) -> None:
        """Our ledger of Stripe's balance is Stripe's balance, to the cent."""
        sandbox = self._world.stripe.sandbox
        net_minor = sum(txn["net"] for txn in sandbox.store.newest_first("balance_transaction", owner=sandbox.platform))
        entries = self._world.databases[FUNDING.name].table("ledger_entries")
        ours_minor = sum(entry.amount_minor for entry in entries if entry.account == "stripe_balance")
        if net_minor != ours_minor:
            raise BrokenError(f"Stripe's balance is {net_minor}, our ledger of it says {ours_minor}")
        # A call of which nobody can say whether it was executed is an open item: an operator sees it.
        unknown = {attempt.about for attempt in self._world.work_list.unknown()}
        fundings = self._world.databases[FUNDING.name].table("fundings")
        open_items = {found.milestone_id for found in fundings if found.funding_id in unknown}
        in_flight_minor: Counter[str] = Counter()
        for entry in entries:
            if entry.account == "charges_in_flight" and entry.milestone_id not in open_items:
                in_flight_minor[entry.milestone_id] += entry.amount_minor
        if +in_flight_minor:
            raise BrokenError(f"charges are in flight, and nothing is on its way: {dict(in_flight_minor)}")

    def _analysts_see_the_ledger(self) -> None:
        """What analytics counts from the topic alone is what the ledger holds, by currency."""
        counted: dict[str, Sums] = defaultdict(Sums)
        for (topic, _), records in self._world.broker.partitions.items():
            for record in records if topic == "funding.events" else ():
                if found := read(topic, record.headers_, record.value_):
                    counted[found.window.currency] = counted[found.window.currency].plus(found.sums)
        booked: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self._world.databases[FUNDING.name].table("ledger_entries"):
            booked[entry.currency][entry.account] -= entry.amount_minor
        for currency in {*counted, *booked}:
            sums, ours = counted[currency], booked[currency]
            seen = (sums.held_minor, sums.released_minor, sums.refunded_minor, sums.charged_back_minor, sums.fees_minor)
            if seen != tuple(ours[account] for account in (*_WHERE_MONEY_IS, "marketplace_fees")):
                raise BrokenError(f"analysts see {sums} in {currency}, the ledger holds {dict(ours)}")

    def _no_money_is_stuck(self) -> None:
        """What was released is on its way or held for a reason that the trainer can see."""
        database = self._world.databases[PAYOUTS.name]
        ready = {a.trainer_id for a in database.table("payout_accounts") if a.status == "ready"}
        # Money whose payment was taken back, or is frozen, stays until an operator or the bank has decided.
        stopped = {stop.milestone_id for stop in database.table("stops") if stop.causes}
        for payout in database.table("payouts"):
            if payout.state in ("requested", "initiating"):
                raise BrokenError(f"the payout {payout.payout_id} is {payout.state}, and nothing is on its way")
            if payout.state == "held" and payout.milestone_id not in stopped and payout.trainer_id in ready:
                raise BrokenError(f"the payout {payout.payout_id} is held, and nothing stands against it")
        able = {
            account["metadata"].get("trainer_id")
            for account in self._world.stripe.sandbox.store.newest_first("v2.core.account")
            if (account.get("metadata") or {}).get("trainer_id") and _can_receive(account)
        }
        if missed := sorted(able - ready):
            raise BrokenError(f"Stripe can pay {missed}, and payouts does not know")

    def _no_card_is_unknown(self) -> None:
        """A card that an employer saved at Stripe can be charged."""
        known = {method.payment_method_id for method in self._world.databases[FUNDING.name].table("payment_methods")}
        saved = self._world.stripe.sandbox.store.newest_first("setup_intent")
        missed = {made["payment_method"] for made in saved if made["status"] == "succeeded"} - known
        if missed:
            raise BrokenError(f"saved at Stripe, and funding does not know: {sorted(missed)}")


def _can_receive(account: Json) -> bool:
    recipient = (account.get("configuration") or {}).get("recipient") or {}
    balance = (recipient.get("capabilities") or {}).get("stripe_balance") or {}
    return bool((balance.get("stripe_transfers") or {}).get("status") == "active")
