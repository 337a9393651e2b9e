"""Other machines, power cuts and clocks, as far as one machine can play them."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

# The disk is the same, as where two machines share storage.
_SCRIPT = 'hostname elsewhere && mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
_BOOT_ID = "0a0b0c0d-0000-4000-8000-00000000feed\n"


def can_be_elsewhere() -> bool:
    """Whether this process may start another in namespaces of its own."""
    tried = subprocess.run(["unshare", "--uts", "--pid", "--mount", "--fork", "true"], check=False)  # noqa: S607
    return tried.returncode == 0


def elsewhere(base: Path) -> list[str]:
    """What a command is put behind to run as on another machine: its host's name, boot and processes."""
    boot = base / "boot_id"
    boot.write_text(_BOOT_ID, "ascii")
    script = _SCRIPT.format(boot=boot)
    own = ["--uts", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *own, "sh", "-c", script, "sh"]


def cut_power(base: Path, outputs: Path, chance: random.Random) -> int:
    """Cut what was never synced from all files below the outputs; how many were cut.

    What is synced is known of what the factory itself writes, so Dagster's database is left as it is.
    """
    synced: dict[int, int] = {}
    for line in (base / "synced").read_text("ascii").splitlines():
        inode, size = (int(number) for number in line.split())
        synced[inode] = max(size, synced.get(inode, 0))
    cut = 0
    for path in _files(outputs):
        state = path.lstat()
        kept = synced.get(state.st_ino, 0)
        if state.st_size > kept:
            os.truncate(path, kept if synced.get(state.st_ino) else chance.choice((0, state.st_size // 2)))
            cut += 1
    return cut


def _files(outputs: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(outputs):
        if Path(root) == outputs:
            folders[:] = [name for name in folders if name != "dagster"]
        yield from (path for name in names if not (path := Path(root) / name).is_symlink())
