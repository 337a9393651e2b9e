"""The worker process: reads its job through Dagster Pipes, loads the backend once, makes every item.

Started by the orchestrator as `python -m model_envs.worker`. Its standard input is a pipe that the
orchestrator holds
open: when the orchestrator is gone, however it went, the pipe closes and the worker ends its whole process
group.
"""

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from dagster_pipes import PipesContext, open_dagster_pipes

from iedf_assets.core.errors import FactoryError, SystematicError, WorkerError
from iedf_assets.core.journal import Journal, Row
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.running import run_requests
from model_envs.contract import EXIT_SYSTEMATIC, PROGRESS, Job

# Where each stage's backends live: module `model_envs.<environment>.<backend>` with a class `Backend`.
ENVIRONMENTS = {"image_layers": "layered", "edited_images": "edit"}
PROGRESS_INTERVAL_S = 0.5


class Backend(Protocol):
    """What does the work of a stage. Made once per process; `run` is called from several threads."""

    revision: str | None

    def run(self, request: Any, folder: Path) -> Row:
        """Make one item: write its files into `folder`, return its row's own columns."""


def load_backend(stage: str, name: str) -> Backend:
    """The backend of a stage.

    Raises:
        WorkerError: there is none of that name, or it lacks a package.
    """
    module = f"model_envs.{ENVIRONMENTS[stage]}.{name}"
    try:
        backend: Backend = importlib.import_module(module).Backend()
    except ImportError as error:
        raise WorkerError(
            f"the backend {name!r} of {stage} cannot be loaded in {sys.prefix}: {error}",
            "install what is missing there, or choose another backend or environment in the profile",
        ) from error
    return backend


def work(job: Job, pipes: PipesContext) -> None:
    """Do everything that `job` asks for, telling the orchestrator how far it is."""
    backend = load_backend(job.stage, job.backend)
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done == total or time.monotonic() - told > PROGRESS_INTERVAL_S:
            told = time.monotonic()
            pipes.report_custom_message({PROGRESS: {"done": done, "total": total}})

    def make(request: Any, folder: Path) -> Row:
        row = {"backend": job.backend, "model_revision": backend.revision}
        return {**row, **backend.run(request, folder)}

    with Journal(Path(job.journal)) as journal:
        run_requests(
            job.requests(),
            make,
            journal,
            threads=thread_count(job.threads),
            max_failures_in_a_row=job.max_failures_in_a_row,
            report=tell,
        )


def die_with_parent() -> None:
    """End the whole process group when standard input closes, which it does when the orchestrator ends."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


def main() -> int:
    """Run as a worker; the exit code says how it went."""
    die_with_parent()
    with open_dagster_pipes() as pipes:
        try:
            work(Job.read(Path(pipes.get_extra("job"))), pipes)
        except FactoryError as error:
            print(error, file=sys.stderr)  # noqa: T201  # the orchestrator shows the end of this log
            return EXIT_SYSTEMATIC if isinstance(error, SystematicError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
