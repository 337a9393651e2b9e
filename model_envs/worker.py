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
from types import FrameType
from typing import Any

from dagster_pipes import PipesContext, open_dagster_pipes

from iedf_assets.core.contract import BEGUN, EXIT_SYSTEMATIC, LOADED, PROGRESS, Job, ModelSettings
from iedf_assets.core.errors import FactoryError, SystematicError, WorkerError
from iedf_assets.core.memory import importing
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.plugins import BACKENDS, PREFIX, loaded
from iedf_assets.core.storage.item_loop import run_requests
from iedf_assets.core.storage.journal import Journal, Row
from model_envs.backends import Backend
from model_envs.naming import Named
from model_envs.requirements import differences
from model_envs.stopping import STOP

# Where each stage's backends live: module `model_envs.<environment>.<backend>` with a class `Backend`.
ENVIRONMENTS = {"image_layers": "layered", "edited_images": "edit"}
PROGRESS_INTERVAL_S = 0.5
# Backends that run a model: they need their environment as it is pinned.
MODEL_BACKENDS = frozenset({"diffusers"})


def load_backend(stage: str, name: str, settings: ModelSettings) -> Backend:
    """The backend of a stage, its model loaded.

    Raises:
        WorkerError: there is none of that name, its environment is not as it is pinned, a package is broken,
            or the model cannot be loaded.
        SystematicError: the endpoint that is to name objects is not there.
    """
    backend: Backend = backend_class(stage, name)(settings)
    return Named(backend, settings.namer) if settings.namer else backend


def backend_class(stage: str, name: str) -> Any:
    """The class of a stage's backend, in an environment that is fit for it.

    Raises:
        WorkerError: see `load_backend`.
    """
    environment = ENVIRONMENTS[stage]
    if name.startswith(PREFIX):
        return loaded(
            BACKENDS, f"{environment}.{name.removeprefix(PREFIX)}", f"workers.{environment}.backend"
        )
    recipe = f"model_envs/{environment}/environment.yml"
    remedy = f"make model-env, or conda env create -f {recipe}; then set workers.*.environment to it"
    wrong = differences(environment) if name in MODEL_BACKENDS else []
    if wrong:
        raise WorkerError(
            f"the environment {sys.prefix} is not what the backend {name!r} of {stage} needs: "
            f"{'; '.join(wrong)}",
            remedy,
        )
    try:
        with importing():
            return importlib.import_module(f"model_envs.{environment}.{name}").Backend
    # A package that is there but broken, a library that it misses for instance, fails in these ways.
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise WorkerError(
            f"the backend {name!r} of {stage} cannot be loaded in {sys.prefix}: {error}", remedy
        ) from error


def work(job: Job, pipes: PipesContext) -> None:
    """Do everything that `job` asks for, telling the orchestrator how far it is."""
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done == total or time.monotonic() - told > PROGRESS_INTERVAL_S:
            told = time.monotonic()
            pipes.report_custom_message({PROGRESS: {"done": done, "total": total}})

    def begun(key: str) -> None:
        pipes.report_custom_message({BEGUN: key})

    if job.stage == "edit_pairs":
        # The environments of the models lack what it needs.
        from model_envs.finishing import finish_job  # noqa: PLC0415

        finish_job(job, begun, tell)
        return
    backend = load_backend(job.stage, job.backend, job.settings())
    if backend.loaded:
        print(backend.loaded, flush=True)  # noqa: T201  # into the worker's own log
        pipes.report_custom_message({LOADED: backend.loaded})

    def make(request: Any, folder: Path) -> Row:
        begun(request.key)
        row = {"backend": job.backend, "model_revision": backend.revision}
        return {**row, **backend.run(request, folder)}

    with Journal(Path(job.journal)) as journal:
        run_requests(
            job.requests(),
            make,
            journal,
            threads=thread_count(job.threads or backend.readers or 0),
            max_failures_in_a_row=job.max_failures_in_a_row,
            report=tell,
            budget_s=job.budget_s,
        )


def die_with_parent() -> None:
    """End the whole process group when standard input closes, which it does when the orchestrator ends."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


def die_without(alive: Path, patience_s: float) -> None:
    """End the whole process group when nobody has written to a file for some time, or it is gone.

    For a worker elsewhere, which holds no pipe of the orchestrator's. No two machines' clocks are compared.
    """

    def watch() -> None:
        seen, heard = b"", time.monotonic()
        while True:
            try:
                said = alive.read_bytes()
            except OSError:
                break
            if said != seen:
                seen, heard = said, time.monotonic()
            if time.monotonic() - heard > patience_s:
                break
            time.sleep(min(1.0, patience_s / 4))
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-without-orchestrator", daemon=True).start()


def stop_on_interrupt() -> None:
    """Have an interrupt reach a model between two of its steps, which run on other threads."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        STOP.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupted)


def main() -> int:
    """Run as a worker; the exit code says how it went."""
    stop_on_interrupt()
    with open_dagster_pipes() as pipes:
        if "alive" in pipes.extras:
            die_without(Path(pipes.extras["alive"]), pipes.extras["alive_sec"])
        else:
            die_with_parent()
        try:
            work(Job.read(Path(pipes.get_extra("job"))), pipes)
        except FactoryError as error:
            print(error, file=sys.stderr)  # noqa: T201  # the orchestrator shows the end of this log
            return EXIT_SYSTEMATIC if isinstance(error, SystematicError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
