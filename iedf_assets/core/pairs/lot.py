"""A lot of pairs, finished on some cores; each is rated as soon as it is there, while others are at work."""

from collections.abc import Callable, Sequence
from threading import BoundedSemaphore

from iedf_assets.core.pairs.making import AnyPair, make
from iedf_assets.core.pairs.rating import rating
from iedf_assets.core.parallel import Report
from iedf_assets.core.profile.asked import Judge
from iedf_assets.core.storage.item_loop import run_requests
from iedf_assets.core.storage.journal import Journal, Row


def finish_lot(
    requests: Sequence[AnyPair],
    made: Callable[[AnyPair], Row],
    journal: Journal,
    judge: Judge,
    *,
    cores: int,
    max_failures_in_a_row: int,
    report: Report,
    give_up: Callable[[], None] | None = None,
) -> None:
    """Finish every pair and have it rated; its row is in the journal then.

    Args:
        made: makes a pair's row, whatever becomes of it; by as many threads as there are cores.
        judge: whom to ask; where nobody elsewhere rates, rows stay as they are made.
        give_up: ends what is made in other processes.

    Raises:
        SystematicError: the same failure `max_failures_in_a_row` times in a row, or the judge is not there.
        StorageError: the disk is full or cannot be written.
        WorkerError: no package here brings the judge.
    """
    rate = rating(judge) if requests else None
    places = BoundedSemaphore(cores)

    def finished_and_rated(request: AnyPair) -> Row:
        with places:
            row = made(request)
        return rate(request, row) if rate else row

    run_requests(
        requests,
        make,
        journal,
        # As many again as may wait for an answer, so that the cores go on finishing.
        threads=cores + (judge.parallel if rate else 0),
        max_failures_in_a_row=max_failures_in_a_row,
        report=report,
        apart=finished_and_rated,
        give_up=give_up,
    )
