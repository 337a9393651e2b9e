"""The Pipes client that runs workers: as child processes, each in a session of its own.

Beyond Dagster's own subprocess client it reads messages by `messages.LineMessageReader`, fails when the
closing message is missing, hands progress on while the worker runs, and leaves no process behind: the
worker's whole process group ends on cancel and timeout, and by itself (see `model_envs.worker`) when this
process dies.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import dagster as dg

from iedf_assets.core.contract import EXIT_SYSTEMATIC
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.parallel import Report
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.reasons import TIMED_OUT
from iedf_assets.launching.deaths import WORKER_DIED, WorkerDiedError
from iedf_assets.launching.messages import LineMessageReader

POLL_S = 0.02
GRACE_S = 5.0


class WorkerClient:
    """Starts workers and waits for them.

    Args:
        log: file that receives the workers' standard output and error.
        messages: file for their messages, which is there while they work.
        echo: whether what they print goes to this process's output, too, where Dagster records it.
    """

    def __init__(self, log: Path, messages: Path, *, echo: bool = False) -> None:
        self._log, self._messages, self._echo = log, messages, echo

    def run(
        self,
        context: dg.AssetExecutionContext,
        command: list[str],
        *,
        extras: Mapping[str, Any],
        silence_s: float,
        on_progress: Report,
        env: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Run a worker to its end.

        Args:
            command: the interpreter, by its own path, and its arguments.
            extras: what the worker reads from Pipes.
            silence_s: seconds without any message after which it is stopped.
            stop: ends the worker when it is set.

        Raises:
            WorkerDiedError: it was killed, crashed, was stopped or went silent.
            WorkerError: it did not start, ended with an error or without its closing message.
        """
        reader = LineMessageReader(on_progress, context.log.info, self._messages)
        with dg.open_pipes_session(context, dg.PipesEnvContextInjector(), reader, extras) as session:
            variables = {**os.environ, **(env or {}), **session.get_bootstrap_env_vars()}
            code = self._run_process(
                command,
                variables,
                lambda: time.monotonic() - reader.heard_at > silence_s or bool(stop and stop.is_set()),
            )
        self._require_done(code, frozenset(reader.begun), silence_s)
        if reader.fault:
            raise WorkerError(f"the worker sent a message that cannot be read: {reader.fault}")
        if not session.message_handler.received_closed_message:
            raise WorkerError(f"the worker ended without its closing message:\n{self._log_end()}")

    def _require_done(self, code: int | None, at: frozenset[str], silence_s: float) -> None:
        """See that a worker ended by itself, and well; see `run` for what is raised."""
        if code is None:
            raise WorkerDiedError(
                TIMED_OUT,
                f"the worker finished nothing for {silence_s:.0f} s and was stopped",
                f"look into {self._log}; raise item_timeout_s in the profile if a picture may take longer",
                at,
            )
        if code < 0 or code > 128:
            raise WorkerDiedError(
                WORKER_DIED,
                f"the worker was ended by {_signal_name(code)}:\n{self._log_end()}",
                f"its whole output is in {self._log}",
                at,
            )
        if code != 0:
            kind = "stopped" if code == EXIT_SYSTEMATIC else f"ended with exit code {code}"
            raise WorkerError(f"the worker {kind}:\n{self._log_end()}", f"its whole output is in {self._log}")

    def _run_process(
        self, command: list[str], variables: Mapping[str, str], is_silent: Callable[[], bool]
    ) -> int | None:
        """The exit code; None when it was stopped for its silence."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            said = log.tell()
            process = _start(command, variables, log)
        try:
            while process.poll() is None:
                said = self._repeat(said)
                if is_silent():
                    return None
                time.sleep(POLL_S)
            return process.returncode
        finally:
            _end_group(process)
            self._repeat(said)

    def _repeat(self, said: int) -> int:
        """Print what the log holds beyond a place, if that is wanted; how far it goes now."""
        if not self._echo or self._log.stat().st_size == said:
            return said
        with self._log.open("rb") as file:
            file.seek(said)
            sys.stdout.write(file.read().decode("utf-8", "replace"))
            sys.stdout.flush()
            return file.tell()

    def _log_end(self, lines: int = 15) -> str:
        with self._log.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, lines)).strip() or "(it printed nothing)"


def _signal_name(code: int) -> str:
    """The signal that an exit code tells of: negative, or 128 and more by way of a shell."""
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in set(signal.Signals) else f"exit code {code}"


def _start(command: list[str], variables: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            env=dict(variables),
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,  # held open: its closing tells the worker that this process is gone
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(
            f"the worker's interpreter {command[0]} cannot be started: {error}",
            "set workers.*.environment to a virtual or conda environment's folder, or to null for this one",
        ) from error


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End every process of the worker's group: INT, then TERM, then KILL."""
    for number, patience in ((signal.SIGINT, GRACE_S), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and _group_lives(process):
            time.sleep(POLL_S)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
