"""Pairs finished and rated in a job elsewhere, by the code that finishes them in a run."""

from collections.abc import Callable
from pathlib import Path

from iedf_assets.core.contract import Job
from iedf_assets.core.pairs.lot import finish_lot
from iedf_assets.core.pairs.making import AnyPair, asked, make
from iedf_assets.core.parallel import Report
from iedf_assets.core.profile.asked import Judge
from iedf_assets.core.storage.item_loop import attempt
from iedf_assets.core.storage.journal import Journal, Row


def finish_job(job: Job, begun: Callable[[str], None], report: Report) -> None:
    """Finish all pairs of a job.

    Pictures are decoded in this process: what kills or stalls it is found as with any other job.

    Args:
        begun: is told the key of each pair before it is made.

    Raises:
        SystematicError: the same failure too often in a row, or the judge is not there.
        StorageError: the disk is full or cannot be written.
        WorkerError: no package here brings the judge.
    """

    def made(request: AnyPair) -> Row:
        begun(request.key)
        return attempt(request, make)

    with Journal(Path(job.journal)) as journal:
        finish_lot(
            [asked(item) for item in job.items],
            made,
            journal,
            Judge.model_validate(job.settings().rater or {}),
            cores=job.threads,
            max_failures_in_a_row=job.max_failures_in_a_row,
            report=report,
        )
