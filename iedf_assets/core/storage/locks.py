"""Locks on the outputs, held by a process and released by its death."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from iedf_assets.core.errors import LockedError, of_system

# Bytes that a lock file has, and how often it is looked at for who holds it.
_LINE, _LOOKS = 64, 4
_LOOK_S = 0.2
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
        StorageError: the lock file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
    except OSError as error:
        raise of_system(error) from error
    # Who only looks, see `is_held`, has it for a moment.
    deadline = time.monotonic() + max(wait_s, _LOOK_S)
    with file:
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                raise LockedError(f"{subject} is being worked on by {_holder(path)}", remedy)
            time.sleep(0.02 if wait_s < _LOOK_S else 0.1)
        _say_who(file.fileno())
        yield


def is_held(path: Path) -> bool:
    """Whether a live process, this one included, holds the lock file at `path`."""
    # Shared, so that two who look are not in each other's way.
    with suppress(FileNotFoundError), path.open("rb") as file:
        return not _try_lock(file.fileno(), fcntl.LOCK_SH)
    return False


def _say_who(descriptor: int) -> None:
    told = json.dumps({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}).encode()
    with suppress(OSError):  # a full disk; the lock holds all the same
        # Always as a whole, for whoever comes in the same moment and asks who it is.
        os.pwrite(descriptor, told.ljust(_LINE), 0)
        os.ftruncate(descriptor, _LINE)


def _try_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    for _ in range(_LOOKS):
        with suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(path.read_text("utf-8"))
            return f"process {holder['pid']} since {holder['since']}"
        time.sleep(0.05)  # it has the lock, and is about to say who it is
    return "another process"
