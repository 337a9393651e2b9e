"""The service's engines: starting them, having them work, ending what takes too long, starting them again."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from iedf_assets.core.profile.fields import PROJECT_ROOT
from model_envs.services.settings import STAGES, ServiceSettings
from model_envs.services.wire import ServiceError
from model_envs.worker import MODEL_BACKENDS

_log = logging.getLogger(__name__)
# How long an engine may take to give up a request before it is killed: a model stops between two steps.
PATIENCE_S, MODEL_PATIENCE_S = 2.0, 20.0
# An engine that could not load is tried again after this long.
RELOAD_S = 30.0
_MAX_LINE = 1 << 26


class EngineDiedError(Exception):
    """An engine ended, or could not load its backend."""


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
        return self._loaded and self._process is not None and self._process.returncode is None

    async def start(self) -> str:
        """Start the process and load the backend; returns what it says of that.

        Raises:
            EngineDiedError: it could not; says why.
        """
        told = {
            "stage": STAGES[self._settings.kind],
            "backend": self._settings.backend,
            "settings": asdict(self._settings.model_settings()),
            "max_pixels": self._settings.max_pixels,
        }
        variables = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "OMP_NUM_THREADS": "1"}
        if self._settings.backend in MODEL_BACKENDS:
            del variables["OMP_NUM_THREADS"]
        if self._group is not None:
            variables["CUDA_VISIBLE_DEVICES"] = self._group
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "model_envs.services.engine", json.dumps(told),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_MAX_LINE,
            cwd=PROJECT_ROOT, env=variables, start_new_session=True,
        )  # fmt: skip
        self._process = process
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
            EngineDiedError: the process ended before it gave one.
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
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            code = await process.wait()
            raise EngineDiedError(f"the engine died ({_end_of(code)})")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Engines:
    """All engines of a service. `acquire` gives one that is loaded, in the order of asking.

    Attributes:
        last_error: why the last loading failed; None after one that did not.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        groups = settings.devices or (None,)
        self._all = [
            Engine(settings, groups[number % len(groups)]) for number in range(settings.max_concurrency)
        ]
        self._idle: asyncio.Queue[Engine] = asyncio.Queue()
        self._refusing = asyncio.Event()
        self._closed = False
        self._background: set[asyncio.Task[None]] = set()
        self.last_error: str | None = None

    @property
    def ready(self) -> bool:
        """Whether requests can be made: an engine is loaded, or may be with the first request."""
        if self._closed or self.last_error:
            return any(engine.lives for engine in self._all) and not self._closed
        return not self._settings.preload or any(engine.lives for engine in self._all)

    @property
    def gpu_bytes(self) -> int:
        """GPU memory that all hold, bytes."""
        return sum(engine.gpu_bytes for engine in self._all)

    def start(self) -> None:
        """Begin loading, or have the first requests do it."""
        for engine in self._all:
            if self._settings.preload:
                self._in_background(self._load(engine))
            else:
                self._idle.put_nowait(engine)

    def refuse(self) -> None:
        """Take no more work, and send away what waits; what is at an engine goes on."""
        self._closed = True
        self._refusing.set()

    async def stop(self) -> None:
        """End everything."""
        self.refuse()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.gather(*(engine.kill() for engine in self._all))

    async def acquire(self) -> Engine:
        """An engine for one request, loaded; `work` gives it back.

        Raises:
            ServiceError: `not_ready`: none can be loaded, or the service is ending.
        """
        while True:
            self._check()
            engine = await self._next()
            if engine.lives:
                return engine
            # It died while it was idle, or was never started: loading takes none of the request's time.
            self._in_background(self._load(engine))

    async def _next(self) -> Engine:
        """The engine that is idle longest, loaded or not."""
        get = asyncio.ensure_future(self._idle.get())
        refused = asyncio.ensure_future(self._refusing.wait())
        try:
            await asyncio.wait([get, refused], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # One that was handed over in the same moment must not be lost.
            if not get.cancel():
                self._idle.put_nowait(get.result())
            raise
        finally:
            refused.cancel()
        if get.done():
            return get.result()
        get.cancel()
        self._check()
        raise ServiceError("not_ready", "the backend is being loaded again; ask again later")

    async def work(self, engine: Engine, job: dict[str, Any]) -> dict[str, Any]:
        """Have an engine do a job within the time it may take, and give the engine back.

        Raises:
            ServiceError: `infer_timeout`, `invalid_input` or `infer_failed`.
        """
        running = asyncio.ensure_future(engine.make(job))
        limit = self._settings.infer_timeout_sec
        try:
            answer = await asyncio.wait_for(asyncio.shield(running), limit)
        except TimeoutError:
            self._in_background(self._freed(engine, running))
            raise ServiceError("infer_timeout", f"not done within {limit:g} s; it was stopped") from None
        except asyncio.CancelledError:
            self._in_background(self._freed(engine, running))
            raise
        except EngineDiedError as error:
            self._in_background(self._load(engine))
            raise ServiceError("infer_failed", str(error)) from error
        self._idle.put_nowait(engine)
        if "refused" in answer:
            raise ServiceError("invalid_input", answer["refused"])
        if "done" not in answer:
            raise ServiceError("infer_failed", answer.get("failed", "the engine was stopped"))
        return dict(answer["done"])

    async def _freed(self, engine: Engine, running: asyncio.Future[dict[str, Any]]) -> None:
        """End what an engine is at; then it is there for the next request."""
        await engine.give_up(running)
        if engine.lives:
            self._idle.put_nowait(engine)
        else:
            await self._load(engine)

    async def _load(self, engine: Engine) -> None:
        """Load an engine, trying again and again, and make it available."""
        while not self._closed:
            try:
                await self._loaded(engine)
            except EngineDiedError:
                await asyncio.sleep(RELOAD_S)
            else:
                self._idle.put_nowait(engine)
                return

    async def _loaded(self, engine: Engine) -> None:
        try:
            told = await engine.start()
        except EngineDiedError as error:
            self.last_error = str(error)
            _log.error("the backend could not be loaded: %s", error)  # the engine logged it
            # Nobody is to wait for what may never come.
            if not any(one.lives for one in self._all):
                self._refusing.set()
            raise
        _log.info("engine ready: %s", told)
        self.last_error = None
        if not self._closed:
            self._refusing.clear()

    def _check(self) -> None:
        if self._closed:
            raise ServiceError("not_ready", "the service is ending; send the request to another one")
        if self._refusing.is_set():
            raise ServiceError("not_ready", f"the backend could not be loaded: {self.last_error}")

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _end_of(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
