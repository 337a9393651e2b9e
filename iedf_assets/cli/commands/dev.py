"""`iedf dev`: `dagster dev` on the instance of the profile's outputs, the report beside it; on 127.0.0.1."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import click
import psutil

from iedf_assets.cli.listening import HOST, require_free
from iedf_assets.cli.options import profile_path
from iedf_assets.cli.reviewing import serve_report
from iedf_assets.core.errors import FactoryError
from iedf_assets.core.profile.fields import PROJECT_ROOT, absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout

PATIENCE_S = 30.0
POLL_S = 0.2
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def serve_ui(profile: Profile, config: Path | None, port: int) -> int:
    """Run `dagster dev` until it ends, by a signal to this process or by itself; its exit code.

    Whatever happens to this process, nothing that it started stays.

    Raises:
        LockedError: there is one on these outputs already.
        FactoryError: something listens on the port.
    """
    from iedf_assets.defs.instance import prepare_home  # noqa: PLC0415

    layout = Layout.of(profile)
    prepare_home(layout, absolute(profile.paths.instance))
    # Its processes work in the project's folder.
    os.environ["IEDF_CONFIG"] = str(profile_path(config).absolute())
    remedy = "use that one, or stop it"
    with exclusive(layout.dagster_home / "dev.lock", subject="the UI of these outputs", remedy=remedy):
        require_free(port)
        return _kept(lambda: _supervise(_command(port), lambda: _serve_report(profile, layout)))


def _command(port: int) -> list[str]:
    # The advice to run `dg dev` instead helps nobody here.
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]
    listening = ["-h", HOST, "-p", str(port)]
    return [sys.executable, *quiet, "-m", "dagster", "dev", "-w", "workspace.yaml", *listening]


def _serve_report(profile: Profile, layout: Layout) -> None:
    """Serve the report in a thread where the profile's links lead, if that is here and free."""
    place = urlsplit(profile.automation.report_url)
    if place.scheme != "http" or place.hostname not in {HOST, "localhost"}:
        return
    try:
        require_free(place.port or 80)
    except FactoryError as error:
        click.echo(f"the report is not served beside the UI: {error.problem}", err=True)
        return
    layout.reports.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=serve_report, args=(layout, place.port or 80), daemon=True).start()


def _kept(keep: Callable[[], int]) -> int:
    """Run `keep` in a process of its own, which hears of it when this one ends, however that happens."""
    keeper = os.fork()
    if keeper == 0:
        os.setsid()
        _hear_of_the_parents_end(signal.SIGTERM)
        os._exit(keep())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: os.kill(keeper, number))
    _, status = os.waitpid(keeper, 0)
    return max(os.waitstatus_to_exitcode(status), 0)


def _supervise(command: list[str], beside: Callable[[], None]) -> int:
    """Run a command to its end and see that no process of it stays, runs that it started included.

    Args:
        beside: is called once it runs: a process that forks is to have no threads yet.
    """
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, start_new_session=True, preexec_fn=_end_with_us)  # noqa: PLW1509
    beside()
    children: set[psutil.Process] = set()
    asked_at: list[float] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked_at.append(time.monotonic())
        process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    while process.poll() is None:
        # Once their parent is gone, nobody knows whose they were.
        children |= _descendants(process.pid)
        if asked_at and time.monotonic() - asked_at[0] > PATIENCE_S:
            process.kill()
        time.sleep(POLL_S)
    _end(children)
    return process.returncode


def _descendants(pid: int) -> set[psutil.Process]:
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return set()


def _end(processes: set[psutil.Process]) -> None:
    """Wait for processes that are ending, and end those that are not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S / 10)
        for process in alive:
            process.send_signal(number)
    psutil.wait_procs(processes, timeout=PATIENCE_S)


def _end_with_us() -> None:
    """In the child: hear Ctrl-C though started in the background, and end once the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _hear_of_the_parents_end(signal.SIGINT)


def _hear_of_the_parents_end(number: signal.Signals) -> None:
    if hasattr(_LIBC, "prctl"):  # Linux has it
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
