import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iedf_assets.core.errors import LockedError
from iedf_assets.core.storage.locks import exclusive, is_held

HOLD = """
import sys, pathlib, time
from iedf_assets.core.storage.locks import exclusive
with exclusive(pathlib.Path(sys.argv[1]), subject="x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_kept_out_and_told_who_holds_the_lock_until_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"category x is being worked on by process {holder.pid}"):
            with exclusive(path, subject="the category x"):
                pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with exclusive(path, subject="the category x"):
        pass


def test_a_lock_is_free_again_after_its_block_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(RuntimeError), exclusive(path, subject="x"):
        raise RuntimeError
    with exclusive(path, subject="x"):
        pass


def test_who_looks_whether_it_is_held_keeps_nobody_out(tmp_path: Path) -> None:
    path, done = tmp_path / "a.lock", threading.Event()

    def look() -> None:
        while not done.is_set():
            is_held(path)

    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(200):
                with exclusive(path, subject="x"):
                    assert is_held(path)
        finally:
            done.set()
        assert [one.result() for one in looks] == [None, None]
    assert not is_held(path)
