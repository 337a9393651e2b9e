"""Sweeping up what killed processes left half-written."""

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from iedf_assets.core.storage.files import TEMPORARY_PREFIX, this_host, writer_of
from iedf_assets.core.storage.naming import Layout

# No item takes so long that another machine's half-written files of this age are still being written.
ELSEWHERE_S = 6 * 3600


def sweep_stage(layout: Layout, stage: str) -> None:
    """Sweep the staged items and the manifests of a stage, and what its workers were told and said."""
    staged = layout.staging / stage
    sweep([layout.manifests / stage, layout.jobs, *(staged.iterdir() if staged.is_dir() else ())])


def sweep(folders: Iterable[Path]) -> None:
    """Remove temporary files that killed processes left in `folders`; those of living ones stay."""
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in [entry for entry in os.scandir(folder) if entry.name.startswith(TEMPORARY_PREFIX)]:
            if is_left_over(Path(path)):
                if path.is_dir(follow_symlinks=False):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    Path(path).unlink(missing_ok=True)


def is_left_over(temporary: Path) -> bool:
    """Whether the process that wrote a temporary file is gone.

    Of another machine's processes nothing can be seen from here; what they wrote is left over when it is old.
    """
    writer = writer_of(temporary)
    if writer is None:
        return False
    pid, host = writer
    try:
        if host != this_host():
            return time.time() - temporary.lstat().st_mtime > ELSEWHERE_S
        process = psutil.Process(pid)
        # A process that is younger than the file has only inherited the number of the one that wrote it, and
        # one that nobody has waited for, as in a container without an init, writes no more.
        inherited = process.create_time() > temporary.lstat().st_ctime
        return inherited or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except FileNotFoundError:
        return False
