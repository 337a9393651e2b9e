"""Launchers: how a stage's requests reach its workers. A stage knows only `launch`."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg

from iedf_assets.core.contract import EditRequest, Job, LayerRequest, ModelSettings, Stage
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.parallel import Report
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.checkpoints import checkpoint
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.files import temporary_beside, write_text
from iedf_assets.core.storage.journal import Journal, journal_size, read_journal
from iedf_assets.core.storage.leftovers import sweep_stage
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.deaths import Deaths, Request
from iedf_assets.launching.environments import Environment, find_environment
from iedf_assets.launching.pipes import WorkerClient, WorkerDiedError
from iedf_assets.launching.ray_launcher import Cluster
from iedf_assets.launching.replicas import ServiceDownError
from iedf_assets.launching.service_launcher import work_through_services

# Weights come from local folders and nothing else; what the packages would fetch or tell is switched off.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "YES",
    "PYTHONNOUSERSITE": "1",
}


def launch(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: Sequence[LayerRequest] | Sequence[EditRequest],
    report: Report,
    allowance: Allowance,
) -> None:
    """Have the stage's workers make `requests`; their rows are in its journal when this returns.

    With the launcher `service` running services make them. Else each group of the profile's `devices` gets a
    worker and an equal share. One that dies is started again and goes on with what is left of its share; what
    it was at twice is a failed row. Without requests none starts.
    Once the GPU hours that are allowed are spent, no request is begun any more.

    Raises:
        WorkerError: a worker could not be started, keeps dying or did not end well; rows finished before are
            kept.
        ServiceDownError: no service can be used, and there is no fallback.
    """
    sweep_stage(layout, stage)
    if not requests:
        return
    everything: list[Request] = list(requests)
    budget_s = allowance.seconds_for(worker)
    try:
        if worker.launcher == "service":
            _by_services(context, layout, worker, stage, everything, report, budget_s)
        elif worker.launcher == "ray":
            _on_cluster(context, layout, worker, stage, everything, report, budget_s)
        else:
            _by_workers(context, layout, worker, stage, everything, report, budget_s)
    finally:
        # What died on the way may have left something, and the next run may have nothing to launch.
        sweep_stage(layout, stage)


def _by_services(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: list[Request],
    report: Report,
    budget_s: float | None,
) -> None:
    """Have services make everything; the profile's fallback makes what they leave when none comes back."""
    journal = layout.journal(stage, context.partition_key)
    start = journal_size(journal)

    def work(part: list[Request], stop: threading.Event) -> None:
        work_through_services(context, layout, worker, stage, part, report, stop, budget_s)

    try:
        # On a thread of its own, so that an interruption of this one ends what is under way.
        _side_by_side([work], [requests])
    except ServiceDownError as error:
        if worker.service.fallback is None:
            raise
        finished = {row.get("key") for row in read_journal(journal, start)}
        left = [request for request in requests if request.key not in finished]
        context.log.warning("%s; the fallback %s makes %d", error.problem, worker.service.fallback, len(left))
        own = {
            "launcher": "subprocess",
            "backend": worker.service.fallback,
            "environment": None,
            "devices": (),
        }
        _by_workers(context, layout, worker.model_copy(update=own), stage, left, report, None)


def _on_cluster(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: list[Request],
    report: Report,
    budget_s: float | None,
) -> None:
    """Have jobs on a Ray cluster make everything."""
    if worker.backend == "qwen":
        checkpoint(Path(worker.model_settings().model_dir), stage)
    environment = find_environment(worker.environment)
    variables = worker_variables(worker, environment)

    def work(part: list[Request], stop: threading.Event) -> None:
        cluster = Cluster(context, layout, worker, stage, environment.python, variables, budget_s)
        cluster.work_off(part, report, stop)

    _side_by_side([work], [requests])


def _by_workers(
    context: dg.AssetExecutionContext,
    layout: Layout,
    worker: Worker,
    stage: Stage,
    requests: list[Request],
    report: Report,
    budget_s: float | None,
) -> None:
    """Have worker processes make everything."""
    settings = worker.model_settings()
    if worker.backend == "qwen":
        checkpoint(Path(settings.model_dir), stage)
    tally = _Tally(len(requests), report)
    groups = worker.devices or (None,)
    environment = find_environment(worker.environment)
    share_s = None if budget_s is None else budget_s / len(groups)
    shares = [
        _Share(context, layout, worker, stage, settings, environment, group, number, tally, share_s)
        for number, group in enumerate(groups)
    ]
    parts = [requests[number :: len(groups)] for number in range(len(groups))]
    if len(shares) == 1:
        shares[0].work_off(parts[0], threading.Event())
    else:
        _side_by_side([share.work_off for share in shares], parts)


def _side_by_side(
    work: Sequence[Callable[[list[Request], threading.Event], None]],
    parts: Sequence[list[Request]],
) -> None:
    """Work off all shares at once; the first that fails, or an interruption, stops the others."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(work), thread_name_prefix="worker") as pool:
        try:
            running = [pool.submit(share, part, stop) for share, part in zip(work, parts, strict=True)]
            pending: set[Future[None]] = set(running)
            while pending:
                # In short waits, so that an interruption of this thread is noticed.
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
                if any(future.exception() for future in done):
                    break
        finally:
            stop.set()
    # Those that were stopped have an error too, but it is not the cause.
    errors = [error for future in running if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, _StoppedError)):
        raise error


class _StoppedError(WorkerError):
    """A share that was stopped because another one failed."""


class _Tally:
    """How much all shares have finished together."""

    def __init__(self, total: int, report: Report) -> None:
        self._total, self._report = total, report
        self._done: dict[int, int] = {}
        self._lock = threading.Lock()

    def of(self, number: int, before: int) -> Report:
        """A report for one share, which has finished `before` requests already."""

        def tell(done: int, _total: int) -> None:
            with self._lock:
                self._done[number] = before + done
                self._report(min(sum(self._done.values()), self._total), self._total)

        return tell


@dataclass(frozen=True)
class _Share:
    """The part of a stage's requests that one group of devices works off.

    Attributes:
        group: as `CUDA_VISIBLE_DEVICES` names it; None for all devices.
        budget_s: seconds that each of its workers may spend; None for no end.
    """

    context: dg.AssetExecutionContext
    layout: Layout
    worker: Worker
    stage: Stage
    settings: ModelSettings
    environment: Environment
    group: str | None
    number: int
    tally: _Tally
    budget_s: float | None

    def work_off(self, requests: list[Request], stop: threading.Event) -> None:
        """Run workers until every request has a row."""
        left, total, deaths = requests, len(requests), Deaths()
        while left:
            start = journal_size(self._journal)
            try:
                self._run(left, stop, self.tally.of(self.number, total - len(left)))
            except WorkerDiedError as death:
                if stop.is_set():
                    raise _StoppedError(death.problem) from death
                finished = {str(row.get("key")) for row in read_journal(self._journal, start)}
                left, failed, hopeless = deaths.settle(left, finished, death)
                with Journal(self._journal) as journal:
                    journal.append(failed)
                if hopeless:
                    raise
                self.context.log.warning(
                    "%s; %d requests are left, a new worker starts", death.problem, len(left)
                )
            else:
                return

    @property
    def _journal(self) -> Path:
        return self.layout.journal(self.stage, self.context.partition_key)

    def _run(self, requests: list[Request], stop: threading.Event, report: Report) -> None:
        job = Job(
            stage=self.stage,
            backend=self.worker.backend,
            journal=str(self._journal),
            threads=self.worker.threads,
            max_failures_in_a_row=self.worker.max_failures_in_a_row,
            items=[asdict(request) for request in requests],
            model=asdict(self.settings),
            budget_s=self.budget_s,
        )
        name = f"{self.stage}-{self.context.partition_key}-{self.number}"
        # Under temporary names: what a killed run leaves of them is swept up by the next one.
        job_file = temporary_beside(self.layout.jobs / f"{name}.json")
        messages = temporary_beside(self.layout.jobs / f"{name}.messages.jsonl")
        log = self.layout.logs / "workers" / f"{self.stage}-{self.context.run.run_id[:8]}-{self.number}.log"
        write_text(job_file, job.to_json())
        try:
            WorkerClient(log, messages).run(
                self.context,
                [str(self.environment.python), "-m", "model_envs.worker"],
                extras={"job": str(job_file)},
                silence_s=self.worker.item_timeout_s,
                on_progress=report,
                env=worker_variables(self.worker, self.environment)
                | ({} if self.group is None else {"CUDA_VISIBLE_DEVICES": self.group}),
                stop=stop,
            )
        finally:
            job_file.unlink(missing_ok=True)


def worker_variables(worker: Worker, environment: Environment) -> dict[str, str]:
    """The environment variables that a worker gets besides its starter's own."""
    variables = {**environment.variables, **OFFLINE, "PYTHONPATH": str(PROJECT_ROOT)}
    if worker.backend != "qwen":
        # Pictures are worked on side by side; a BLAS with threads of its own would only get in the way.
        variables |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return variables
