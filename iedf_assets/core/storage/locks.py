"""Locks on the outputs, held by a process and released by its death."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from iedf_assets.core.errors import LockedError

WAIT = "wait until it is done, or stop it"


@contextmanager
def exclusive(path: Path, *, subject: str, wait_s: float = 0.0, remedy: str = WAIT) -> Iterator[None]:
    """Hold the lock file at `path` for the length of the block.

    Args:
        subject: what is locked, for the message.
        wait_s: how long to wait for another holder, seconds.
        remedy: what to do about another holder.

    Raises:
        LockedError: another live process holds it; says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    with path.open("a+", encoding="utf-8") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                raise LockedError(f"{subject} is being worked on by {_holder(path)}", remedy)
            time.sleep(0.1)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}))
        file.flush()
        yield


def is_held(path: Path) -> bool:
    """Whether a live process, this one included, holds the lock file at `path`."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return not _try_lock(file.fileno())
    return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    with suppress(OSError, ValueError, KeyError):
        holder = json.loads(path.read_text("utf-8"))
        return f"process {holder['pid']} since {holder['since']}"
    return "another process"
