"""What happens later: jobs with a due time, kept in the store, so that they outlast the process."""

import heapq
from datetime import datetime
from typing import Any

from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.store import Store

Json = dict[str, Any]


class Scheduler:
    """Jobs in order of their due time, then of their making."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._heap: list[tuple[float, int, str]] = []
        self._counter = 0
        self.reload()

    def reload(self) -> None:
        """Take the jobs from the store again."""
        jobs = reversed(list(self._store.newest_first("_job")))
        self._heap = [(float(job["due"]), number, str(job["id"])) for number, job in enumerate(jobs)]
        self._counter = len(self._heap)
        heapq.heapify(self._heap)

    def add(self, due: datetime, account: str, action: str, args: Json) -> None:
        """Do `action` of jobs.py with `args` for an account when the clock reaches `due`."""
        job = {
            "id": new_id("job"),
            "due": due.timestamp(),
            "account": account,
            "action": action,
            "args": args,
        }
        self._store.put("_job", account, job)
        self._counter += 1
        heapq.heappush(self._heap, (due.timestamp(), self._counter, str(job["id"])))

    def next_due(self, now: datetime) -> Json | None:
        """The first job that is due, or None. It stays until `finish`."""
        while self._heap and self._heap[0][0] <= now.timestamp():
            job = self._store.get("_job", self._heap[0][2])
            if job is not None:
                return job
            heapq.heappop(self._heap)
        return None

    def finish(self, identifier: str) -> None:
        """Take a job off the list."""
        self._store.delete("_job", identifier)

    def set_aside(self, job: Json) -> None:
        """Take a job that failed off the list and keep it for people to see (`/_sim/objects/_failed_job`)."""
        self.finish(job["id"])
        self._store.put("_failed_job", job["account"], job)
