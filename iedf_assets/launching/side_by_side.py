"""Shares of a stage's work on threads of their own, ended together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from iedf_assets.core.errors import WorkerError

Share = Callable[[threading.Event], None]
"""Works off its part; gives up when the event is set."""


class StoppedError(WorkerError):
    """A share that was stopped because another one failed."""


def side_by_side(shares: Sequence[Share]) -> None:
    """Work off all shares at once; the first that fails, or an interruption, stops the others.

    Raises:
        Exception: what the share that failed raised.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(shares), thread_name_prefix="worker") as pool:
        try:
            running = [pool.submit(share, stop) for share in shares]
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
    for error in sorted(errors, key=lambda error: isinstance(error, StoppedError)):
        raise error
