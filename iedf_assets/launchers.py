"""Launchers: how a stage's requests reach a worker. A stage knows only `launch`."""

import sys
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.files import write_text
from iedf_assets.core.leftovers import sweep_stage
from iedf_assets.core.naming import Layout
from iedf_assets.core.parallel import Report
from iedf_assets.core.profile import PROJECT_ROOT, Worker
from iedf_assets.pipes import WorkerClient
from model_envs.contract import EditRequest, Job, LayerRequest, Stage


def launch(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: list[LayerRequest] | list[EditRequest],
    report: Report,
) -> None:
    """Have a worker make `requests`; its rows are in the stage's journal when this returns.

    Without requests no worker is started.

    Raises:
        WorkerError: the worker could not be started or did not end well; rows finished before are kept.
    """
    sweep_stage(layout, stage)
    if not requests:
        return
    category = context.partition_key
    job = Job(
        stage=stage,
        backend=worker.backend,
        journal=str(layout.journal(stage, category)),
        threads=worker.threads,
        max_failures_in_a_row=worker.max_failures_in_a_row,
        items=[asdict(request) for request in requests],
    )
    path = layout.job(stage, category)
    write_text(path, job.to_json())
    client = WorkerClient(layout.logs / "workers" / f"{stage}-{context.run.run_id[:8]}.log")
    client.run(
        context,
        [str(interpreter(worker.environment)), "-m", "model_envs.worker"],
        extras={"job": str(path)},
        silence_s=worker.item_timeout_s,
        on_progress=report,
        # Pictures are worked on side by side; a BLAS with threads of its own would only get in the way.
        env={"PYTHONPATH": str(PROJECT_ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    path.unlink()


def interpreter(environment: Path | None) -> Path:
    """The Python of an environment's folder; this process's own for None.

    Raises:
        WorkerError: the folder holds no interpreter.
    """
    if environment is None:
        return Path(sys.executable)
    python = environment.expanduser() / "bin" / "python"
    if not python.is_file():
        raise WorkerError(
            f"the environment {environment} has no bin/python",
            "set workers.*.environment to the folder of a virtual or conda environment, or to null",
        )
    return python
