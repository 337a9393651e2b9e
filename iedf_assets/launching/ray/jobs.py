"""One job on the cluster: begun, looked at, ended."""

import contextlib
import shlex
import time
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from iedf_assets.core.contract import EXIT_SYSTEMATIC
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.parallel import silent
from iedf_assets.core.reasons import TIMED_OUT
from iedf_assets.core.storage.files import write_text
from iedf_assets.core.storage.journal import Row
from iedf_assets.launching.deaths import WORKER_DIED, Deaths, Request, WorkerDiedError
from iedf_assets.launching.environments import Environment
from iedf_assets.launching.messages import LineMessageReader
from iedf_assets.launching.ray.files import JobFiles
from iedf_assets.launching.ray.head import Head
from iedf_assets.launching.stage_work import StageWork

RUNNING = frozenset({"PENDING", "RUNNING"})


@dataclass
class Share:
    """Requests that one job makes after the other until they are made.

    Attributes:
        not_before: when the next job may begin: a job that is given up may live on for a little.
    """

    number: int
    left: list[Request]
    deaths: Deaths = field(default_factory=lambda: Deaths(elsewhere=True))
    not_before: float = 0.0


class ClusterJob:
    """A job on the cluster; it is there once this is made.

    Args:
        environment: its interpreter, which all nodes have under this path, and its variables.
        client: of `head.connect`.
        budget_s: seconds of work after which it begins no request any more; None for no end.

    Attributes:
        finished: keys of the requests that have rows.

    Raises:
        WorkerError: it could not be put there.
    """

    def __init__(
        self, work: StageWork, environment: Environment, client: Any, share: Share, budget_s: float | None
    ) -> None:
        self.share, self.finished = share, set[str]()
        name = f"{work.name}-{work.run}-{share.number}-{share.deaths.in_a_row}"
        self._id = f"iedf-{name.encode('ascii', 'ignore').decode()}"
        self._work, self._began, self._told = work, time.monotonic(), False
        self._files = JobFiles(work.layout.jobs, name)
        self._head = Head(client, work.worker.ray.address, work.context.log.warning, self._files.beat)
        self._reader = LineMessageReader(silent, work.context.log.info, self._files.messages)
        self._stack = contextlib.ExitStack()
        self._files.beat()
        write_text(self._files.told, work.job(share.left, self._files.rows, budget_s).to_json())
        self._submit(environment)
        work.context.log.info("job %s has %d requests", self._id, len(share.left))

    def _submit(self, environment: Environment) -> None:
        options = self._work.worker.ray
        extras = {
            "job": str(self._files.told),
            "alive": str(self._files.alive),
            "alive_sec": options.alive_sec,
        }
        session = self._stack.enter_context(
            dg.open_pipes_session(self._work.context, dg.PipesEnvContextInjector(), self._reader, extras)
        )
        variables = {**environment.variables, **session.get_bootstrap_env_vars()}
        try:
            self._head.submit(
                self._id,
                entrypoint=shlex.join([str(environment.python), "-m", "model_envs.worker"]),
                entrypoint_num_cpus=options.num_cpus,
                entrypoint_num_gpus=options.num_gpus,
                runtime_env={"env_vars": variables},
            )
        except BaseException:
            self.close()
            raise

    def status(self) -> str:
        """As Ray names it; tells this process's liveness on the way.

        Raises:
            WorkerError: it has waited for room too long.
        """
        self._files.beat()
        status = self._head.status(self._id)
        if status == "PENDING":
            self._reader.heard_at = time.monotonic()
            self._require_room()
        return status

    def silence(self) -> WorkerDiedError | None:
        """Why a running job is given up: it has finished nothing for too long."""
        patience = self._work.worker.item_timeout_s
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
        code, log = self._head.end(self._id)
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
        rows = self._files.new_rows()
        self.finished |= {str(row.get("key")) for row in rows}
        return rows

    def stop(self) -> None:
        """Have it end, with Ray's help or without."""
        self._files.fall_silent()
        with contextlib.suppress(WorkerError):
            self._head.stop(self._id)

    def lives(self) -> bool:
        """Whether it is at work, as far as can be told; one that waits for room ends without having begun."""
        with contextlib.suppress(WorkerError):
            return self._head.status(self._id) == "RUNNING"
        return False

    def close(self) -> None:
        """Forget it: its rows are in the stage's journal."""
        self._files.fall_silent()
        self._stack.close()
        self._files.forget()

    def _require_room(self) -> None:
        waited, options = time.monotonic() - self._began, self._work.worker.ray
        wants = f"{options.num_gpus:g} GPUs and {options.num_cpus:g} CPUs"
        if waited > options.wait_sec:
            raise WorkerError(
                f"the job {self._id} waited {waited:.0f} s for room on the cluster: no node has {wants} free",
                "lower workers.*.ray.jobs or num_gpus, add nodes, or raise wait_sec",
            )
        if waited > options.wait_sec / 10 and not self._told:
            self._told = True
            self._work.context.log.warning("the job %s waits for a node with %s", self._id, wants)
