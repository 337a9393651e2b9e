"""What may befall a factory at work: kills, power cuts, other runs, damaged files, clocks, a full disk."""

import contextlib
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from iedf_assets.core.storage.files import TEMPORARY_PREFIX
from iedf_assets_tests.helpers.factories import CATEGORY, RUN_S, Factory
from iedf_assets_tests.helpers.machines import can_be_elsewhere, cut_power, elsewhere

# How long the daemon has to launch what was asked for, and its children to notice that it is gone.
DAEMON_S = 90
FULL_DISK = "a full disk"
# What is undone before the next run, so that the end can be compared with the undisturbed one.
Undo = Callable[[], None]
Victim = Callable[[subprocess.Popen[bytes]], None]


def can_mount() -> bool:
    """Whether this process may mount a file system: a disk can be filled only where it has an end."""
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(AssertionError), small_disk(Path(name)):
        return True
    return False


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own at a folder while the block runs."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "iedf-chaos", folder], check=False)  # noqa: S607
    assert mounted.returncode == 0, "this process may not mount a file system"
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607


def _workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _kill_run(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    process.kill()
    return lambda: None


def _kill_worker(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    for worker in _workers(process):
        with contextlib.suppress(psutil.Error):
            worker.kill()
    return lambda: None


def _kill_all(_factory: Factory, process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    workers = _workers(process)
    process.kill()
    for worker in workers:
        with contextlib.suppress(psutil.Error):
            worker.kill()
    return lambda: None


def _stop_run(_factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    with contextlib.suppress(psutil.Error):
        return _stopped([psutil.Process(process.pid)], chance)
    return lambda: None


def _stop_workers(_factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    return _stopped(_workers(process), chance)


def _stopped(processes: list[psutil.Process], chance: random.Random) -> Undo:
    """Stop processes for a while, as a laptop that sleeps does."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    time.sleep(chance.uniform(1, 4))
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.resume()
    return lambda: None


def _second_run(factory: Factory, _process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    second = factory.start()

    def undo() -> None:
        second.wait(timeout=RUN_S)

    return undo


def _second_machine(factory: Factory, _process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    second = factory.start(*elsewhere(factory.base))
    return lambda: _await(second)


def _goes_on_elsewhere(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    _kill_all(factory, process, chance)
    process.wait(timeout=RUN_S)
    return _second_machine(factory, process, chance)


def _await(process: subprocess.Popen[bytes]) -> None:
    process.wait(timeout=RUN_S)


def _cut_power(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    """Everything ends at once, and what the disk was never asked to keep is gone."""
    _kill_all(factory, process, chance)
    process.wait(timeout=RUN_S)
    deadline = time.monotonic() + DAEMON_S
    while factory.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    cut_power(factory.base, factory.outputs, chance)
    return lambda: None


def _clock_jumps(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    """By hours to years, either way, and some time later back again."""
    clock = factory.base / "clock"
    clock.write_text(str(chance.choice((-1, 1)) * chance.choice((7_200, 864_000, 90_000_000))), "ascii")

    def undo() -> None:
        clock.unlink(missing_ok=True)

    return undo


def _photo(factory: Factory, chance: random.Random) -> Path:
    return chance.choice(sorted((factory.base / "data" / CATEGORY).iterdir()))


def _unreadable_photo(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    photo = _photo(factory, chance)
    aside = factory.base / f"aside-{chance.random()}"
    photo.rename(aside)
    photo.symlink_to(factory.base / "nowhere")

    def undo() -> None:
        photo.unlink()
        aside.rename(photo)

    return undo


def _changed_photo(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    photo = _photo(factory, chance)
    before = photo.read_bytes()
    photo.write_bytes(before[: len(before) // 2])

    def undo() -> None:
        photo.write_bytes(before)

    return undo


def _full_disk(factory: Factory, _process: subprocess.Popen[bytes], _chance: random.Random) -> Undo:
    ballast = factory.base / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    return ballast.unlink


def _through_the_daemon(factory: Factory, process: subprocess.Popen[bytes], victim: Victim) -> Undo:
    """The run is stopped, the next wave goes through the daemon, and then something of that is killed."""
    process.terminate()
    process.wait(timeout=RUN_S)
    # First, since two that open an empty instance at once would meet half of its tables.
    factory.queue().wait(timeout=RUN_S)
    daemon = factory.start_daemon()
    deadline = time.monotonic() + DAEMON_S
    while time.monotonic() < deadline and not any("worker" in " ".join(_told(p)) for p in _workers(daemon)):
        time.sleep(0.1)
    victim(daemon)

    def undo() -> None:
        """Wait for what is under way, as whoever sees that the daemon is gone would."""
        if daemon.poll() is None:
            daemon.terminate()
        daemon.wait(timeout=RUN_S)
        deadline = time.monotonic() + DAEMON_S
        while factory.processes() and time.monotonic() < deadline:
            time.sleep(0.2)

    return undo


def _kill_daemon(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    def kill(daemon: subprocess.Popen[bytes]) -> None:
        time.sleep(chance.uniform(0, 3))
        daemon.kill()

    return _through_the_daemon(factory, process, kill)


def _kill_grandchild(factory: Factory, process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    def kill(daemon: subprocess.Popen[bytes]) -> None:
        children = psutil.Process(daemon.pid).children()
        grandchildren = [process for process in _workers(daemon) if process not in children]
        with contextlib.suppress(psutil.Error, IndexError):
            chance.choice(grandchildren).kill()

    return _through_the_daemon(factory, process, kill)


def _flipped_bytes(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    file = _some_file(factory.outputs / "staging", chance)
    if file is not None:
        with contextlib.suppress(FileNotFoundError), file.open("rb+") as opened:
            at = chance.randrange(file.stat().st_size)
            opened.seek(at)
            byte = opened.read(1)
            opened.seek(at)
            opened.write(bytes([byte[0] ^ chance.randrange(1, 256)]))
    return lambda: None


def _told(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _some_file(folder: Path, chance: random.Random) -> Path | None:
    files = sorted(path for path in _files(folder) if TEMPORARY_PREFIX not in str(path))
    return chance.choice(files) if files else None


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in names)


def _deleted_output(factory: Factory, _process: subprocess.Popen[bytes], chance: random.Random) -> Undo:
    staging = factory.outputs / "staging"
    folder = chance.choice([factory.outputs / "dataset", staging / "edit_pairs", staging / "image_layers"])
    file = _some_file(folder, chance)
    if file is not None:
        file.unlink(missing_ok=True)
    return lambda: None


FAULTS: dict[str, Callable[[Factory, subprocess.Popen[bytes], random.Random], Undo]] = {
    "kill the run": _kill_run,
    "kill the worker": _kill_worker,
    "kill all": _kill_all,
    "stop and wake the run": _stop_run,
    "stop and wake the workers": _stop_workers,
    "a second run": _second_run,
    "an unreadable photo": _unreadable_photo,
    "a changed photo": _changed_photo,
    "a deleted output": _deleted_output,
    "flipped bytes": _flipped_bytes,
    "kill the daemon": _kill_daemon,
    "kill a grandchild": _kill_grandchild,
    "a power cut": _cut_power,
    "a clock that jumps": _clock_jumps,
    **(
        {"a second machine's run": _second_machine, "the run goes on elsewhere": _goes_on_elsewhere}
        if can_be_elsewhere()
        else {}
    ),
    **({FULL_DISK: _full_disk} if can_mount() else {}),
}
KILLS = frozenset(
    {"kill the run", "kill the worker", "kill all", "a second run", "kill the daemon", "kill a grandchild",
     "stop and wake the run", "stop and wake the workers", "a power cut", "a clock that jumps",
     "a second machine's run", "the run goes on elsewhere"}
)  # fmt: skip
