"""The launcher `ray`: a stage's requests made by jobs on a running Ray cluster, a share of them each.

A job is the same worker with the same job file, on storage that all nodes share. It writes its rows into a
journal of its own, since several machines must not append to one file; this process follows it and alone
writes the stage's journal. What a node that dies leaves is handed on. A job that hears nothing of this
process for some time ends by itself.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.storage.journal import Journal, Row
from iedf_assets.launching.deaths import Request, WorkerDiedError
from iedf_assets.launching.environments import Environment, worker_environment
from iedf_assets.launching.ray.files import left_over
from iedf_assets.launching.ray.head import connect
from iedf_assets.launching.ray.jobs import RUNNING, ClusterJob, Share
from iedf_assets.launching.side_by_side import side_by_side
from iedf_assets.launching.stage_work import StageWork

POLL_S = 0.5
STOPPING_S = 30.0


def launch_on_cluster(work: StageWork) -> None:
    """Have jobs on a Ray cluster make everything.

    Raises:
        WorkerError: the cluster cannot be reached or has no room, or a job did not end well.
    """
    environment = worker_environment(work.worker, work.stage)
    # On a thread of its own, so that an interruption of this one ends what is under way.
    side_by_side([lambda stop: work_off(work, environment, stop)])


def work_off(work: StageWork, environment: Environment, stop: threading.Event) -> None:
    """Have jobs make everything; their rows are in the stage's journal when this returns.

    Args:
        environment: of the worker, which all nodes have under this path.
        stop: ends the jobs when it is set.

    Raises:
        WorkerError: see `launch_on_cluster`.
    """
    client = connect(work.worker.ray.address)
    with Journal(work.journal) as journal:
        finished = _taken_over(work, journal)
        requests = [request for request in work.requests if request.key not in finished]
        _Jobs(work, environment, client, journal, requests).run(stop)


def _taken_over(work: StageWork, journal: Journal) -> set[str]:
    """Take over the rows that jobs of a run that was killed had finished; returns their keys."""
    finished = set()
    for files in left_over(work.layout.jobs, work.name):
        rows = files.new_rows()
        journal.append(rows)
        finished |= {str(row.get("key")) for row in rows if row.get("status") != "failed"}
        files.forget()
    return finished


def _shares(requests: Sequence[Request], size: int, jobs: int) -> list[Share]:
    """Requests in shares of at most `size`, which keep all jobs busy."""
    size = min(size, -(-len(requests) // jobs) or 1)
    return [
        Share(number, list(requests[start : start + size]))
        for number, start in enumerate(range(0, len(requests), size))
    ]


class _Jobs:
    """The jobs of one stage's work while it is under way."""

    def __init__(
        self,
        work: StageWork,
        environment: Environment,
        client: Any,
        journal: Journal,
        requests: Sequence[Request],
    ) -> None:
        self._work, self._environment, self._client, self._journal = work, environment, client, journal
        self._options = work.worker.ray
        self._waiting = deque(_shares(requests, self._options.share, self._options.jobs))
        self._running: list[ClusterJob] = []
        self._total, self._done, self._spent = len(requests), 0, 0.0

    def run(self, stop: threading.Event) -> None:
        """Keep as many jobs on the cluster as the profile says until every request has a row."""
        try:
            while self._running or self._waiting:
                while len(self._running) < self._options.jobs and (share := self._next()):
                    self._running.append(self._begun(share))
                for job in list(self._running):
                    self._look_at(job)
                if stop.wait(POLL_S if self._running else min(POLL_S, 0.1)):
                    raise WorkerError("the run was stopped")
        finally:
            self._end_all()

    def _begun(self, share: Share) -> ClusterJob:
        return ClusterJob(self._work, self._environment, self._client, share, self._budget)

    @property
    def _budget(self) -> float | None:
        """Seconds that each job may still spend."""
        if self._work.budget_s is None:
            return None
        return max(0.0, self._work.budget_s - self._spent) / self._options.jobs

    def _next(self) -> Share | None:
        """A share whose turn it is."""
        if self._budget == 0:
            self._waiting.clear()
        for _ in range(len(self._waiting)):
            share = self._waiting.popleft()
            if time.monotonic() >= share.not_before:
                return share
            self._waiting.append(share)
        return None

    def _look_at(self, job: ClusterJob) -> None:
        self._append(job.new_rows())
        status = job.status()
        if status in RUNNING:
            death = job.silence()
            if death is None:
                return
            job.stop()
        else:
            # What it wrote between the last look and its end.
            self._append(job.new_rows())
            death = job.death(status)
        self._running.remove(job)
        job.close()
        if death is not None:
            self._hand_on(job, death)

    def _hand_on(self, job: ClusterJob, death: WorkerDiedError) -> None:
        """Have another job go on with what a dead one leaves."""
        share, wait_s = job.share, self._options.alive_sec
        share.left, failed, hopeless = share.deaths.settle(share.left, job.finished, death)
        self._append(failed)
        if hopeless:
            raise death
        if share.left:
            share.not_before = time.monotonic() + wait_s
            message = "%s; %d requests are left, another job goes on in %.0f s"
            self._work.context.log.warning(message, death.problem, len(share.left), wait_s)
            self._waiting.append(share)

    def _append(self, rows: list[Row]) -> None:
        if rows:
            self._journal.append(rows)
            self._spent += sum(row.get("seconds") or 0.0 for row in rows)
            self._done += len(rows)
            self._work.report(self._done, self._total)

    def _end_all(self) -> None:
        """Stop what is still on the cluster, and wait until it has ended."""
        for job in self._running:
            job.stop()
        deadline = time.monotonic() + STOPPING_S
        for job in self._running:
            while job.lives() and time.monotonic() < deadline:
                time.sleep(POLL_S)
            self._append(job.new_rows())
            job.close()
