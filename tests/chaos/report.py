"""The end of a run, for people: what was done to whom, what the load was, what is true now."""

from collections import Counter
from collections.abc import Sequence

from tests.chaos.book import Book
from tests.chaos.faults import Hand
from tests.chaos.load import Load
from tests.chaos.stage import Stage
from tests.chaos.verdict import Verdict


def report(hands: Sequence[Hand], load: Load, stage: Stage, verdict: Verdict) -> list[str]:
    """The lines of the table."""
    book = load.book
    lines = ["", "faults", *_faults(hands, stage)]
    lines += ["", "load", *_pairs(_load(load))]
    lines += ["", "commands", *_commands(book)]
    if book.refused:
        lines += ["", "refused", *_pairs(dict(book.refused.most_common()))]
    if load.problems:
        lines += ["", "answers over HTTP after which the call was made again", *_pairs(load.problems)]
    if stage.ended:
        lines += ["", "processes that ended by themselves and were started again"]
        lines += [f"  {name:<18} {times:>4}  {stage.last_words[name][:150]}" for name, times in stage.ended.items()]
    lines += ["", "audit", *_pairs(verdict.facts)]
    lines += ["", "reconciliation", *(f"  {line}" for line in verdict.reconciled), ""]
    lines += [f"  explained: {line}" for line in verdict.explained]
    lines += [f"  BROKEN: {line}" for line in verdict.broken]
    lines.append("")
    return lines


def _faults(hands: Sequence[Hand], stage: Stage) -> list[str]:
    done = [fault for hand in hands for fault in hand.done]
    kinds = Counter(fault.kind for fault in done)
    whom: dict[str, Counter[str]] = {}
    for fault in done:
        whom.setdefault(fault.kind, Counter())[fault.target] += 1
    lines = [
        f"  {kind:<18} {times:>4}  {', '.join(f'{name} {count}' for name, count in whom[kind].most_common())}"
        for kind, times in kinds.most_common()
    ]
    lines.append(f"  {'in all':<18} {len(done):>4}")
    if stage.no_disk:
        lines.append(f"  a full disk of the broker or the database was left out: {stage.no_disk}")
    lines += [f"  could not be done: {failed}" for hand in hands for failed in hand.failed]
    return lines


def _load(load: Load) -> dict[str, object]:
    book = load.book
    seen = book.distinct()
    return {
        "contracts": book.plan.contracts,
        "milestones": len(seen),
        "most in flight at once": book.most_in_flight,
        "trainers that came late": len(load.came_late),
        "their plans done": sum(one.act is None and one.added for one in seen),
        "records read from the topics": book.records,
        **{f"ended {status}": count for status, count in Counter(one.status for one in seen).most_common()},
    }


def _commands(book: Book) -> list[str]:
    lines = [f"  {'way':<8} {'sent':>7} {'sends':>7} {'terminal':>9} {'open':>6}"]
    for way in ("kafka", "http", "page"):
        sent = [one for one in book.sent.values() if one.way == way]
        open_count = sum(not one.answer for one in sent)
        sends = sum(one.times for one in sent)
        lines.append(f"  {way:<8} {len(sent):>7} {sends:>7} {len(sent) - open_count:>9} {open_count:>6}")
    return lines


def _pairs(pairs: dict[str, object] | dict[str, int]) -> list[str]:
    return [f"  {name:<40} {value}" for name, value in pairs.items()]
