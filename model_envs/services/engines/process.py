"""One engine, as the service holds it: a child process that is started, given jobs and ended."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from dataclasses import asdict
from typing import Any

from iedf_assets.core.profile.fields import PROJECT_ROOT
from model_envs.services.settings import STAGES, ServiceSettings
from model_envs.worker import MODEL_BACKENDS

_log = logging.getLogger(__name__)
# How long an engine may take to give up a request before it is killed: a model stops between two steps.
PATIENCE_S, MODEL_PATIENCE_S = 2.0, 20.0
_MAX_LINE = 1 << 26


class EngineDiedError(Exception):
    """An engine ended, could not load its backend, or said what cannot be understood."""


def has_ended(pid: int) -> bool:
    """Whether a child process has ended, also while nobody has waited for it: asyncio does so a bit later."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


class Engine:
    """One engine process.

    Args:
        group: its GPUs, as `CUDA_VISIBLE_DEVICES` names them; None for all.
    """

    def __init__(self, settings: ServiceSettings, group: str | None) -> None:
        self._settings, self._group = settings, group
        self._process: asyncio.subprocess.Process | None = None
        self._loaded = False
        self.gpu_bytes = 0

    @property
    def lives(self) -> bool:
        """Whether it is loaded and ready for a request."""
        process = self._process
        if not self._loaded or process is None or process.returncode is not None:
            return False
        return not has_ended(process.pid)

    async def start(self) -> str:
        """Start the process and load the backend; returns what it says of that.

        One that runs already is ended first.

        Raises:
            EngineDiedError: it could not; says why.
        """
        await self.kill()
        told = {
            "stage": STAGES[self._settings.kind],
            "backend": self._settings.backend,
            "settings": asdict(self._settings.model_settings()),
            "max_pixels": self._settings.max_pixels,
        }
        variables = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
        if self._settings.backend not in MODEL_BACKENDS:
            variables["OMP_NUM_THREADS"] = "1"
        if self._group is not None:
            variables["CUDA_VISIBLE_DEVICES"] = self._group
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "model_envs.services.engines.program", json.dumps(told),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_MAX_LINE,
                cwd=PROJECT_ROOT, env=variables, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise EngineDiedError(f"no process can be started: {error}") from error
        try:
            answer = await self._read()
        except BaseException:
            await self.kill()
            raise
        if "failed" in answer:
            await self.kill()
            raise EngineDiedError(answer["failed"])
        self._loaded = True
        return str(answer["loaded"])

    async def make(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer to a job.

        Raises:
            EngineDiedError: the process ended before it gave one, or it gave none that can be read.
        """
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            await process.stdin.drain()
        except OSError as error:
            raise EngineDiedError(f"the engine is gone: {error}") from error
        answer = await self._read()
        self.gpu_bytes = answer.get("gpu_bytes", self.gpu_bytes)
        return answer

    async def ended(self) -> None:
        """Wait for the end of the process that runs now."""
        if self._process is not None:
            await self._process.wait()

    async def give_up(self, work: asyncio.Future[dict[str, Any]]) -> None:
        """Have it end the job that `work` waits for, gently if it can, else with the process."""
        patience = MODEL_PATIENCE_S if self._settings.backend in MODEL_BACKENDS else PATIENCE_S
        with contextlib.suppress(ProcessLookupError, EngineDiedError):
            self._running().send_signal(signal.SIGUSR1)
        done, _ = await asyncio.wait([work], timeout=patience)
        if not done:
            _log.warning("an engine did not stop within %.0f s and was killed", patience)
            await self.kill()
            await asyncio.wait([work])
        if work.exception():
            await self.kill()

    async def kill(self) -> None:
        """End its whole process group."""
        self._loaded = False
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self.gpu_bytes = 0

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            raise EngineDiedError("the engine is not running")
        return self._process

    async def _read(self) -> dict[str, Any]:
        process = self._running()
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
        except ValueError as error:
            raise EngineDiedError("the engine's answer is too long") from error
        if not line.endswith(b"\n"):
            code = await process.wait()
            raise EngineDiedError(f"the engine died ({_end_of(code)})")
        try:
            answer: dict[str, Any] = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EngineDiedError("the engine's answer cannot be read") from error
        return answer


def _end_of(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
