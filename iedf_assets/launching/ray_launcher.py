"""The launcher `ray`: a stage's requests made by jobs on a running Ray cluster, a share of them each.

A job is the same worker with the same job file, on storage that all nodes share. It writes its rows into a
journal of its own, since several machines must not append to one file; this process follows it and alone
writes the stage's journal. What a node that dies leaves is handed on. A job that hears nothing of this
process for some time ends by itself.
"""

import contextlib
import json
import re
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from iedf_assets.core.contract import EXIT_SYSTEMATIC, Job, Stage
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.parallel import Report, silent
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.files import write_text
from iedf_assets.core.storage.journal import Journal, Row
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.deaths import Deaths, Request
from iedf_assets.launching.pipes import TIMED_OUT, WORKER_DIED, LineMessageReader, WorkerDiedError

POLL_S = 0.5
# So long a cluster's head may be away, for its restart, say.
AWAY_S = 120.0
STOPPING_S = 30.0
_RUNNING = frozenset({"PENDING", "RUNNING"})
# The files of a job: what it is told, its rows, that its run lives, its messages.
_FILES = _JOB, _ROWS, _ALIVE, _MESSAGES = "json", "rows.jsonl", "alive", "messages.jsonl"


@dataclass
class _Share:
    """Requests that one job makes after the other until they are made.

    Attributes:
        not_before: when the next job may begin: a job that is given up may live on for a little.
    """

    number: int
    left: list[Request]
    deaths: Deaths = field(default_factory=lambda: Deaths(elsewhere=True))
    not_before: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """Works off a stage's requests through the jobs of a Ray cluster.

    Attributes:
        python: the interpreter of the worker's environment, which all nodes have under this path.
        variables: the environment variables of its jobs.
        budget_s: seconds of work after which no request is begun any more; None for no end.
    """

    context: dg.AssetExecutionContext
    layout: Layout
    worker: Worker
    stage: Stage
    python: Path
    variables: Mapping[str, str]
    budget_s: float | None

    def work_off(self, requests: list[Request], report: Report, stop: threading.Event) -> None:
        """Have jobs make `requests`; their rows are in the stage's journal when this returns.

        Args:
            stop: ends the jobs when it is set.

        Raises:
            WorkerError: the cluster cannot be reached or has no room, or a job did not end well.
        """
        client = connect(self.worker.ray.address)
        with Journal(self.layout.journal(self.stage, self.context.partition_key)) as journal:
            finished = self._merge_left_over(journal)
            requests = [request for request in requests if request.key not in finished]
            size = min(self.worker.ray.share, -(-len(requests) // self.worker.ray.jobs) or 1)
            shares = [
                _Share(number, requests[start : start + size])
                for number, start in enumerate(range(0, len(requests), size))
            ]
            _Work(self, client, journal, shares, len(requests), report).run(stop)

    def _merge_left_over(self, journal: Journal) -> set[str]:
        """Take over the rows that jobs of a run that was killed had finished; returns their keys."""
        mine = re.escape(f"{self.stage}-{self.context.partition_key}")
        files = re.compile(rf"({mine}-[0-9a-f]{{8}}-\d+-\d+)\.(?:{'|'.join(map(re.escape, _FILES))})")
        names = {match[1] for path in self.folder.glob("*") if (match := files.fullmatch(path.name))}
        finished = set()
        for name in sorted(names):
            rows, _ = _whole_rows(self.folder / f"{name}.{_ROWS}", 0)
            journal.append(rows)
            finished |= {str(row.get("key")) for row in rows if row.get("status") != "failed"}
            _forget(self.folder, name)
        return finished

    @property
    def folder(self) -> Path:
        """Where the jobs' files are, on storage that all nodes share."""
        return self.layout.jobs

    def name(self, share: _Share) -> str:
        """Of a share's job."""
        run = self.context.run.run_id[:8]
        return f"{self.stage}-{self.context.partition_key}-{run}-{share.number}-{share.deaths.in_a_row}"


def connect(address: str) -> Any:
    """A client of a cluster's jobs.

    Raises:
        WorkerError: Ray is not installed here, or the cluster does not answer.
    """
    try:
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise WorkerError(
            "the launcher ray needs the package ray, which is not installed",
            "pip install -c constraints.txt '.[ray]'",
        ) from error
    try:
        return JobSubmissionClient(address)
    except Exception as error:
        raise WorkerError(
            f"the Ray cluster at {address} does not answer: {error}",
            "start it (ray start --head), or correct workers.*.ray.address; docs/ray.md says how",
        ) from error


class _Work:
    """One stage's work while it is under way."""

    def __init__(
        self,
        cluster: Cluster,
        client: Any,
        journal: Journal,
        shares: list[_Share],
        total: int,
        report: Report,
    ) -> None:
        self._cluster, self._client, self._journal = cluster, client, journal
        self._total, self._report, self._done = total, report, 0
        self._waiting = deque(shares)
        self._running: list[_Running] = []
        self._spent = 0.0

    def run(self, stop: threading.Event) -> None:
        """Keep as many jobs on the cluster as the profile says until every request has a row."""
        options = self._cluster.worker.ray
        try:
            while self._running or self._waiting:
                while len(self._running) < options.jobs and (share := self._next()):
                    self._running.append(_Running(self._cluster, self._client, share, self._budget))
                for job in list(self._running):
                    self._look_at(job)
                if stop.wait(POLL_S if self._running else min(POLL_S, 0.1)):
                    raise WorkerError("the run was stopped")
        finally:
            self._end_all()

    @property
    def _budget(self) -> float | None:
        if self._cluster.budget_s is None:
            return None
        return max(0.0, self._cluster.budget_s - self._spent) / self._cluster.worker.ray.jobs

    def _next(self) -> _Share | None:
        """A share whose turn it is."""
        if self._budget == 0:
            self._waiting.clear()
        for _ in range(len(self._waiting)):
            share = self._waiting.popleft()
            if time.monotonic() >= share.not_before:
                return share
            self._waiting.append(share)
        return None

    def _look_at(self, job: "_Running") -> None:
        self._take(job)
        status = job.status()
        if status in _RUNNING:
            death = job.silence()
            if death is None:
                return
            job.stop()
        else:
            # What it wrote between the last look and its end.
            self._take(job)
            death = job.death(status)
        self._running.remove(job)
        job.close()
        if death is None:
            return
        share = job.share
        share.left, failed, hopeless = share.deaths.settle(share.left, job.finished, death)
        self._append(failed)
        if hopeless:
            raise death
        if share.left:
            share.not_before = time.monotonic() + self._cluster.worker.ray.alive_sec
            message = "%s; %d requests are left, another job goes on in %.0f s"
            wait_s = self._cluster.worker.ray.alive_sec
            self._cluster.context.log.warning(message, death.problem, len(share.left), wait_s)
            self._waiting.append(share)

    def _take(self, job: "_Running") -> None:
        self._append(job.new_rows())

    def _append(self, rows: list[Row]) -> None:
        if rows:
            self._journal.append(rows)
            self._spent += sum(row.get("seconds") or 0.0 for row in rows)
            self._done += len(rows)
            self._report(self._done, self._total)

    def _end_all(self) -> None:
        """Stop what is still on the cluster, and wait until it has ended."""
        for job in self._running:
            job.stop()
        deadline = time.monotonic() + STOPPING_S
        for job in self._running:
            while job.lives() and time.monotonic() < deadline:
                time.sleep(POLL_S)
            self._take(job)
            job.close()


class _Running:
    """A job on the cluster."""

    def __init__(self, cluster: Cluster, client: Any, share: _Share, budget_s: float | None) -> None:
        self.share, self.finished = share, set[str]()
        self._cluster, self._client = cluster, client
        name = self._name = cluster.name(share)
        self._files = {kind: cluster.folder / f"{name}.{kind}" for kind in _FILES}
        self._beats, self._read, self._began = 0, 0, time.monotonic()
        self._told = False
        self._beat()
        job = Job(
            stage=cluster.stage,
            backend=cluster.worker.backend,
            journal=str(self._files[_ROWS]),
            threads=cluster.worker.threads,
            max_failures_in_a_row=cluster.worker.max_failures_in_a_row,
            items=[asdict(request) for request in share.left],
            model=asdict(cluster.worker.model_settings()),
            budget_s=budget_s,
        )
        write_text(self._files[_JOB], job.to_json())
        self._reader = LineMessageReader(silent, cluster.context.log.info, self._files[_MESSAGES])
        self._stack = contextlib.ExitStack()
        extras = {
            "job": str(self._files[_JOB]),
            "alive": str(self._files[_ALIVE]),
            "alive_sec": cluster.worker.ray.alive_sec,
        }
        session = self._stack.enter_context(
            dg.open_pipes_session(cluster.context, dg.PipesEnvContextInjector(), self._reader, extras)
        )
        variables = {**cluster.variables, **session.get_bootstrap_env_vars()}
        try:
            self._id = f"iedf-{name.encode('ascii', 'ignore').decode()}"
            self._submit(
                entrypoint=shlex.join([str(cluster.python), "-m", "model_envs.worker"]),
                entrypoint_num_cpus=cluster.worker.ray.num_cpus,
                entrypoint_num_gpus=cluster.worker.ray.num_gpus,
                runtime_env={"env_vars": variables},
            )
        except BaseException:
            self.close()
            raise
        cluster.context.log.info("job %s has %d requests", self._id, len(share.left))

    def _submit(self, **job: Any) -> None:
        """Put the job on the cluster; asked again after a lost answer, it is there already."""

        def submit() -> None:
            try:
                self._client.submit_job(submission_id=self._id, **job)
            except RuntimeError as error:
                if "already exists" not in str(error):
                    raise

        self._ask(submit)

    def status(self) -> str:
        """As Ray names it; tells this process's liveness on the way."""
        self._beat()
        status = str(self._ask(self._client.get_job_status, self._id).value)
        if status == "PENDING":
            self._reader.heard_at = time.monotonic()
            self._require_room()
        return status

    def silence(self) -> WorkerDiedError | None:
        """Why a running job is given up: it has finished nothing for too long."""
        patience = self._cluster.worker.item_timeout_s
        if time.monotonic() - self._reader.heard_at <= patience:
            return None
        return WorkerDiedError(
            TIMED_OUT,
            f"the job {self._id} finished nothing for {patience:.0f} s and was stopped",
            "look at its log in Ray's dashboard; raise item_timeout_s if a picture may take longer",
            frozenset(self._reader.begun),
        )

    def death(self, status: str) -> WorkerDiedError | None:
        """Why an ended job did not make everything; None when it did, or stopped for the budget.

        Raises:
            WorkerError: it ended with an error of its own.
        """
        if status == "SUCCEEDED":
            return None
        info = self._ask(self._client.get_job_info, self._id)
        code, log = info.driver_exit_code, str(info.message or "").strip()[-1500:]
        if code is not None and 0 < code <= 128:
            kind = "stopped" if code == EXIT_SYSTEMATIC else f"ended with exit code {code}"
            raise WorkerError(f"the job {self._id} {kind}:\n{log}", "its whole log is in Ray's dashboard")
        return WorkerDiedError(
            WORKER_DIED,
            f"the job {self._id} was lost ({status.lower()}): {log}",
            "look at the nodes in Ray's dashboard",
            frozenset(self._reader.begun),
        )

    def new_rows(self) -> list[Row]:
        """Whole rows that the job has written since the last look."""
        rows, self._read = _whole_rows(self._files[_ROWS], self._read)
        self.finished |= {str(row.get("key")) for row in rows}
        return rows

    def stop(self) -> None:
        """Ask Ray to end it; without its `alive` file the worker ends by itself, even out of Ray's reach."""
        self._files[_ALIVE].unlink(missing_ok=True)
        with contextlib.suppress(WorkerError):
            self._ask(self._client.stop_job, self._id)

    def lives(self) -> bool:
        """Whether it is still on the cluster, as far as can be told."""
        with contextlib.suppress(WorkerError):
            return str(self._ask(self._client.get_job_status, self._id).value) in _RUNNING
        return False

    def close(self) -> None:
        """Forget it: its rows are in the stage's journal."""
        self._files[_ALIVE].unlink(missing_ok=True)
        self._stack.close()
        _forget(self._cluster.folder, self._name)

    def _beat(self) -> None:
        self._beats += 1
        path = self._files[_ALIVE]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(self._beats))

    def _require_room(self) -> None:
        waited, options = time.monotonic() - self._began, self._cluster.worker.ray
        wants = f"{options.num_gpus:g} GPUs and {options.num_cpus:g} CPUs"
        if waited > options.wait_sec:
            raise WorkerError(
                f"the job {self._id} waited {waited:.0f} s for room on the cluster: no node has {wants} free",
                "lower workers.*.ray.jobs or num_gpus, add nodes, or raise wait_sec",
            )
        if waited > options.wait_sec / 10 and not self._told:
            self._told = True
            self._cluster.context.log.warning("the job %s waits for a node with %s", self._id, wants)

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """A question to the cluster, asked again while its head is away.

        Raises:
            WorkerError: it does not come back.
        """
        # What Ray's client raises for a head that does not answer; a wrong question is a RuntimeError too.
        retrying = Retrying(
            retry=retry_if_exception_type((ConnectionError, OSError, RuntimeError)),
            stop=stop_after_delay(AWAY_S),
            wait=wait_exponential(multiplier=0.5, max=5),
            before_sleep=self._wait_for_head,
            reraise=True,
        )
        try:
            return retrying(question, *arguments)
        except (ConnectionError, OSError, RuntimeError) as error:
            raise WorkerError(
                f"the Ray cluster at {self._cluster.worker.ray.address} does not answer any more: {error}",
                "what is finished is kept; run again when it is back",
            ) from error

    def _wait_for_head(self, state: RetryCallState) -> None:
        self._beat()
        if state.attempt_number == 1 and state.outcome is not None:
            message = "the Ray cluster does not answer, it is asked again: %s"
            self._cluster.context.log.warning(message, state.outcome.exception())


def _forget(folder: Path, name: str) -> None:
    """Remove the files of a job."""
    for kind in _FILES:
        (folder / f"{name}.{kind}").unlink(missing_ok=True)


def _whole_rows(path: Path, start: int) -> tuple[list[Row], int]:
    """The rows of a journal that another process writes, from a byte on, and where the next look begins."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return [], start
    whole = data[: data.rfind(b"\n") + 1]
    return list(_rows_in(whole)), start + len(whole)


def _rows_in(data: bytes) -> Iterator[Row]:
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield row
