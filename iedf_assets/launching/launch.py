"""Launchers: how a stage's requests reach its workers. A stage knows only `launch`."""

from collections.abc import Callable, Sequence

import dagster as dg

from iedf_assets.core.contract import EditRequest, LayerRequest, Stage
from iedf_assets.core.pairs.making import AnyPair
from iedf_assets.core.parallel import Report
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.ray.launcher import launch_on_cluster
from iedf_assets.launching.services.launcher import launch_through_services
from iedf_assets.launching.stage_work import StageWork
from iedf_assets.launching.subprocess_launcher import launch_processes

LAUNCHERS: dict[str, Callable[[StageWork], None]] = {
    "subprocess": launch_processes,
    "service": launch_through_services,
    "ray": launch_on_cluster,
}


def launch(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: Sequence[LayerRequest] | Sequence[EditRequest] | Sequence[AnyPair],
    report: Report,
    allowance: Allowance,
    *,
    echo: bool = False,
) -> None:
    """Have the stage's workers make `requests`; their rows are in its journal when this returns.

    With the launcher `service` running services make them, with `ray` jobs on a cluster. Else each group of
    the profile's `devices` gets a worker and an equal share. One that dies is started again and goes on with
    what is left of its share; what it was at twice is a failed row. Without requests none starts.
    Once the GPU hours that are allowed are spent, no request is begun any more.

    Args:
        echo: whether what workers print goes to this process's output too, where Dagster records it.

    Raises:
        WorkerError: a worker could not be started, keeps dying or did not end well; rows finished before are
            kept.
        ServiceDownError: no service can be used, and there is no fallback.
    """
    sweep_stage(layout, stage)
    if not requests:
        return
    budget_s = allowance.seconds_for(worker)
    try:
        LAUNCHERS[worker.launcher](
            StageWork(context, layout, worker, stage, requests, report, budget_s, echo)
        )
    finally:
        # What died on the way may have left something, and the next run may have nothing to launch.
        sweep_stage(layout, stage)
