"""What killed processes left half-written goes; what living ones write stays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from iedf_assets.core.storage.files import TEMPORARY_PREFIX, temporary_beside, this_host
from iedf_assets.core.storage.leftovers import sweep, sweep_stage
from iedf_assets.core.storage.naming import Layout


def temporary(folder: Path, pid: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{TEMPORARY_PREFIX}{pid}@{this_host()}-0123abcd-name"
    path.mkdir()
    (path / "half.png").write_bytes(b"half")
    return path


def ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_an_ended_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    left, mine = temporary(tmp_path, ended()), temporary(tmp_path, os.getpid())
    finished = tmp_path / "finished"
    finished.mkdir()
    sweep([tmp_path, tmp_path / "nowhere"])
    assert not left.exists()
    assert mine.exists()
    assert finished.exists()


def test_a_killed_process_that_nobody_waited_for_is_an_ended_one(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left = temporary(tmp_path, process.pid)
    process.kill()
    deadline = time.monotonic() + 10
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sweep([tmp_path])
    assert not left.exists()
    process.communicate()


def test_a_process_that_inherited_the_number_keeps_nothing(tmp_path: Path) -> None:
    left = temporary(tmp_path, os.getpid())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil.Process, "create_time", lambda _: time.time() + 60)
        sweep([tmp_path])
    assert not left.exists()


def test_of_another_machine_only_what_is_old_is_left_over(tmp_path: Path) -> None:
    paths = [tmp_path / f"{TEMPORARY_PREFIX}{ended()}@a1b2c3-0123abcd-{age}" for age in ("new", "old")]
    for path in paths:
        path.touch()
    os.utime(paths[1], (time.time() - 7 * 3600,) * 2)
    mine = temporary_beside(tmp_path / "mine")
    mine.touch()
    sweep([tmp_path])
    assert [path.exists() for path in (*paths, mine)] == [True, False, True]


def test_a_stage_is_swept_in_its_staged_folders_its_manifests_and_its_jobs(layout: Layout) -> None:
    pid = ended()
    left = [
        temporary(layout.staging / "image_layers" / "a9", pid),
        temporary(layout.manifests / "image_layers", pid),
        temporary(layout.jobs, pid),
    ]
    other = temporary(layout.staging / "edit_pairs" / "a9", pid)
    sweep_stage(layout, "image_layers")
    assert not any(path.exists() for path in left)
    assert other.exists()
