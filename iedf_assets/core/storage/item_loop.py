"""The one loop that makes staged items: each fails alone, and what is systematic stops all.

Used by the workers and by the orchestrator's own stages alike.
"""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from iedf_assets.core.errors import SourceError, StorageError, SystematicError
from iedf_assets.core.parallel import Report, stream_map
from iedf_assets.core.storage.files import fresh_folder
from iedf_assets.core.storage.journal import Journal, Row
from iedf_assets.core.storage.staged import require_undamaged, staged_columns

_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


class Request(Protocol):
    """What the loop needs to know of a request."""

    @property
    def output(self) -> str:
        """Folder of the staged item."""

    @property
    def row(self) -> dict[str, Any]:
        """Columns of its row that are known before it runs, `attempts` (earlier ones) among them."""

    @property
    def inputs(self) -> dict[str, dict[str, str]]:
        """Folders of the staged items that it is made from → name → checksum of their files."""


AnyRequest = TypeVar("AnyRequest", bound=Request)
Make = Callable[[AnyRequest, Path], Row]
"""Makes one item: writes its files into the (temporary) folder and returns its row's own columns."""


def run_requests(
    requests: Sequence[AnyRequest],
    make: Make[AnyRequest],
    journal: Journal,
    *,
    threads: int,
    max_failures_in_a_row: int,
    report: Report,
    budget_s: float | None = None,
    apart: Callable[[AnyRequest], Row] | None = None,
    give_up: Callable[[], None] | None = None,
) -> None:
    """Make every item, appending a row for each to the journal as soon as its folder is in place.

    Args:
        budget_s: seconds of work after which no item is begun any more; None for no end.
        apart: makes an item's whole row by `attempt` in another process; None makes it here.
        give_up: ends what is made in other processes.

    Raises:
        SystematicError: the same failure `max_failures_in_a_row` times in a row.
        StorageError: the disk is full or cannot be written.
    """
    failures: list[str] = []
    spent = 0.0

    def affordable() -> Iterator[AnyRequest]:
        for request in requests:
            if budget_s is not None and spent >= budget_s:
                return
            yield request

    perform = apart or (lambda item: attempt(item, make))
    for done, (_, row) in enumerate(stream_map(perform, affordable(), threads, give_up), 1):
        journal.append([row])
        spent += row["seconds"]
        report(done, len(requests))
        failures = _same_failures(failures, row)
        if len(failures) >= max_failures_in_a_row:
            raise SystematicError(
                f"the last {len(failures)} items failed alike: {row['reason']}: {row['detail']}",
                "mend the cause, then run again: what is finished is kept; "
                "rows parked meanwhile are tried again with --retry-failed",
            )


def attempt(request: AnyRequest, make: Make[AnyRequest]) -> Row:
    """Make one item; its row, whatever becomes of it.

    Raises:
        StorageError: the disk is full or cannot be written.
        SystematicError: `make` says that going on is pointless.
    """
    begun = time.perf_counter()
    outcome = _outcome(request, make)
    return attempted(request, outcome, time.perf_counter() - begun)


def attempted(request: Request, outcome: Row, seconds: float) -> Row:
    """The row of an attempt."""
    attempts = int(request.row.get("attempts") or 0) + 1
    return {**request.row, **outcome, "attempts": attempts, "seconds": round(seconds, 4)}


def _outcome(request: AnyRequest, make: Make[AnyRequest]) -> Row:
    # The one boundary at which any error becomes the reason of one row, so that a unit fails alone.
    try:
        for staged, checksums in request.inputs.items():
            require_undamaged(Path(staged), checksums)
        with fresh_folder(Path(request.output)) as folder:
            made = make(request, folder)
            return {"reason": None, "detail": None, **made, **staged_columns(folder)}
    except SystematicError:
        raise
    except SourceError as error:
        return {"status": "failed", "reason": error.reason, "detail": error.problem}
    except OSError as error:
        if error.errno in _DISK_TROUBLE:
            raise StorageError(
                f"cannot write {request.output}: {error.strerror}",
                "free space or choose another folder (paths.staging, paths.outputs), then run again: "
                "what is finished is kept",
            ) from error
        return _failed(error)
    except Exception as error:  # noqa: BLE001  # a unit fails alone, whatever it was
        return _failed(error)


def _failed(error: Exception) -> Row:
    return {"status": "failed", "reason": type(error).__name__, "detail": str(error)[:500]}


def _same_failures(before: list[str], row: Row) -> list[str]:
    if row["status"] != "failed":
        return []
    reason = str(row["reason"])
    return [*before, reason] if not before or before[-1] == reason else [reason]
