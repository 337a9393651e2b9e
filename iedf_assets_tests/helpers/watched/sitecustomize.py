"""Runs in every process of a factory: notes syncs, lets the clock jump, and hurries Dagster's daemon.

`IEDF_WATCHED` names the factory's folder. `synced` in it gets a line (inode, size) for each fsync; `clock`,
where it is there, holds the seconds by which `time.time` is off.
"""

import os
import sys
import time
from pathlib import Path
from typing import Protocol

_BASE = os.environ.get("IEDF_WATCHED")
_fsync, _time = os.fsync, time.time


class HasFileno(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Its descriptor."""


def _noted(fd: int | HasFileno) -> None:
    descriptor = fd if isinstance(fd, int) else fd.fileno()
    state = os.fstat(descriptor)
    _fsync(descriptor)
    with Path(_BASE or "", "synced").open("a", encoding="ascii") as log:
        log.write(f"{state.st_ino} {state.st_size}\n")


def _shifted() -> float:
    try:
        return _time() + float(Path(_BASE or "", "clock").read_text("ascii"))
    except (OSError, ValueError):
        return _time()


if _BASE:
    os.fsync = _noted
    time.time = _shifted
    time.time_ns = lambda: int(_shifted() * 1e9)


def _hurry() -> None:
    """Look at backfills and sensors every two seconds, where that is every thirty and five."""
    from dagster._daemon import controller, sensor

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = sensor.MIN_INTERVAL_LOOP_TIME = 2
    # How long a daemon that is to end goes on.
    controller.THREAD_CHECK_INTERVAL = 1


if "dagster._daemon" in sys.orig_argv or any(one.endswith("/dagster-daemon") for one in sys.orig_argv):
    _hurry()
