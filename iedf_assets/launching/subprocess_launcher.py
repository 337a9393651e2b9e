"""The launcher `subprocess`: a stage's requests made by child processes, one per group of devices."""

import threading
from dataclasses import dataclass

from iedf_assets.core.parallel import Report
from iedf_assets.core.storage.files import temporary_beside, write_text
from iedf_assets.core.storage.journal import Journal, journal_size, read_journal
from iedf_assets.launching.deaths import Deaths, Request, WorkerDiedError
from iedf_assets.launching.environments import Environment, worker_environment
from iedf_assets.launching.pipes import WorkerClient
from iedf_assets.launching.side_by_side import StoppedError, side_by_side
from iedf_assets.launching.stage_work import StageWork


def launch_processes(work: StageWork) -> None:
    """Have worker processes make everything.

    Raises:
        WorkerError: see `launch`.
    """
    tally = _Tally(len(work.requests), work.report)
    groups = work.worker.devices or (None,)
    environment = worker_environment(work.worker, work.stage)
    share_s = None if work.budget_s is None else work.budget_s / len(groups)
    shares = [
        _Share(work, environment, group, number, list(work.requests[number :: len(groups)]), tally, share_s)
        for number, group in enumerate(groups)
    ]
    if len(shares) == 1:
        shares[0].work_off(threading.Event())
    else:
        side_by_side([share.work_off for share in shares])


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

    work: StageWork
    environment: Environment
    group: str | None
    number: int
    requests: list[Request]
    tally: _Tally
    budget_s: float | None

    def work_off(self, stop: threading.Event) -> None:
        """Run workers until every request has a row."""
        left, total, deaths = self.requests, len(self.requests), Deaths()
        path = self.work.journal
        while left:
            start = journal_size(path)
            try:
                self._run(left, stop, self.tally.of(self.number, total - len(left)))
            except WorkerDiedError as death:
                if stop.is_set():
                    raise StoppedError(death.problem) from death
                finished = {str(row.get("key")) for row in read_journal(path, start)}
                left, failed, hopeless = deaths.settle(left, finished, death)
                with Journal(path) as journal:
                    journal.append(failed)
                if hopeless:
                    raise
                self.work.context.log.warning(
                    "%s; %d requests are left, a new worker starts", death.problem, len(left)
                )
            else:
                return

    def _run(self, requests: list[Request], stop: threading.Event, report: Report) -> None:
        work, name = self.work, f"{self.work.name}-{self.number}"
        # Under temporary names: what a killed run leaves of them is swept up by the next one.
        job_file = temporary_beside(work.layout.jobs / f"{name}.json")
        messages = temporary_beside(work.layout.jobs / f"{name}.messages.jsonl")
        log = work.layout.logs / "workers" / f"{work.stage}-{work.run}-{self.number}.log"
        devices = {} if self.group is None else {"CUDA_VISIBLE_DEVICES": self.group}
        write_text(job_file, work.job(requests, work.journal, self.budget_s).to_json())
        work.context.log.info("a worker begins; its output is in %s", log)
        try:
            WorkerClient(log, messages, echo=work.echo).run(
                work.context,
                [str(self.environment.python), "-m", "model_envs.worker"],
                extras={"job": str(job_file)},
                silence_s=work.worker.item_timeout_s,
                on_progress=report,
                env=self.environment.variables | devices,
                stop=stop,
            )
        finally:
            job_file.unlink(missing_ok=True)
