"""A replay in words."""

from collections.abc import Iterator

from services.auditor.replay.replay import Replayed

_SHOWN = 40


def tell(report: Replayed) -> Iterator[str]:
    """The lines of a report, what differs first."""
    for mismatch in report.mismatches[:_SHOWN]:
        yield f"DIFFERENT {mismatch.what} {mismatch.id}"
        yield f"    live     {mismatch.live or 'is not there'}"
        yield f"    rebuilt  {mismatch.rebuilt or 'is not there'}"
    if len(report.mismatches) > _SHOWN:
        yield f"and {len(report.mismatches) - _SHOWN} more"
    for said, times in sorted(report.left_out.items()):
        yield f"left out: {times} decisions that said {said}: what was asked is on no topic; not compared"
    yield (
        f"{report.service}: {report.inputs} messages decided again ({report.restored} of them restored from what they "
        f"said), {report.rows} rows and {report.facts} facts compared, {report.on_its_way} keys on their way, "
        f"{len(report.mismatches)} differences"
    )
