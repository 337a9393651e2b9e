"""How the C library keeps memory, as it tells it itself."""

import gc
import re
import subprocess
import sys
from pathlib import Path

from iedf_assets.core.memory import importing

# Each thread holds blocks too large for Python's own allocator while the next ones begin.
THREADS = """
import ctypes, sys, threading
{first}
held, gate = [], threading.Barrier(8)
def work():
    held.append([bytearray(1000) for _ in range(100)])
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(tmp_path: Path, first: str) -> int:
    told = tmp_path / "malloc.xml"
    subprocess.run([sys.executable, "-c", THREADS.format(first=first), str(told)], check=True)
    return len(re.findall(r"<heap nr=", told.read_text()))


def test_all_threads_of_the_factory_share_two_heaps(tmp_path: Path) -> None:
    assert heaps(tmp_path, "import iedf_assets") == 2
    assert heaps(tmp_path, "") > 2


def test_what_is_imported_is_left_out_of_collections_and_nothing_else_is() -> None:
    frozen = gc.get_freeze_count()
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    script = (
        "import gc\nfrom iedf_assets.core.memory import importing\n"
        "with importing():\n    import polars\n"
        "assert gc.isenabled()\nassert gc.get_freeze_count() > 50_000"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
