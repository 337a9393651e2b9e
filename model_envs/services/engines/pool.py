"""The service's engines: loading them, giving them out, ending what takes too long, loading them again."""

import asyncio
import errno
import logging
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from model_envs.services.engines.process import Engine, EngineDiedError
from model_envs.services.errors import ServiceError
from model_envs.services.settings import ServiceSettings

_log = logging.getLogger(__name__)
# An engine that could not load is tried again after this long.
RELOAD_S = 30.0


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
        self._background = _Background()
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
                self._background.begin(self._load(engine))
            else:
                self._idle.put_nowait(engine)

    def refuse(self) -> None:
        """Take no more work, and send away what waits; what is at an engine goes on."""
        self._closed = True
        self._refusing.set()

    async def stop(self) -> None:
        """End everything."""
        self.refuse()
        await self._background.end()
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
            self._background.begin(self._load(engine))

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

    async def work(self, engine: Engine, job: dict[str, Any], scratch: Path) -> dict[str, Any]:
        """Have an engine do a job within the time it may take, and give the engine back.

        However the job ends, the engine serves again: the same one, or one that is loaded anew.

        Args:
            scratch: folder of the job's files; removed when the job is stopped, once the engine is off it.

        Raises:
            ServiceError: `infer_timeout`, `invalid_input` or `infer_failed`.
            OSError: the disk is full.
        """
        running = asyncio.ensure_future(engine.make(job))
        limit = self._settings.infer_timeout_sec
        try:
            answer = await asyncio.wait_for(asyncio.shield(running), limit)
        except TimeoutError:
            self._background.begin(self._freed(engine, running, scratch))
            raise ServiceError("infer_timeout", f"not done within {limit:g} s; it was stopped") from None
        except asyncio.CancelledError:
            self._background.begin(self._freed(engine, running, scratch))
            raise
        except Exception as error:
            # Whatever it was: what it says after that may be another request's answer.
            self._background.begin(self._load(engine))
            known = isinstance(error, EngineDiedError)
            raise ServiceError("infer_failed", str(error) if known else repr(error)[:500]) from error
        self._idle.put_nowait(engine)
        if "refused" in answer:
            raise ServiceError("invalid_input", answer["refused"])
        if answer.get("full"):
            raise OSError(errno.ENOSPC, answer["failed"])
        if "done" not in answer:
            raise ServiceError("infer_failed", answer.get("failed", "the engine was stopped"))
        return dict(answer["done"])

    async def _freed(self, engine: Engine, running: asyncio.Future[dict[str, Any]], scratch: Path) -> None:
        """End what an engine is at; then it is there for the next request."""
        try:
            await engine.give_up(running)
        except Exception:  # noqa: BLE001  # as above
            _log.exception("an engine could not be stopped and is started anew")
            await engine.kill()
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        if engine.lives:
            self._idle.put_nowait(engine)
        else:
            await self._load(engine)

    async def _load(self, engine: Engine) -> None:
        """Load an engine, trying again and again, and make it available."""
        while not self._closed:
            try:
                await self._loaded(engine)
            except Exception:  # noqa: BLE001  # an engine that nobody loads again is lost for good
                await asyncio.sleep(RELOAD_S)
            else:
                self._idle.put_nowait(engine)
                self._background.begin(self._watched(engine))
                return

    async def _watched(self, engine: Engine) -> None:
        """Load an engine anew that dies while it is idle: while none is ready, nobody may come to notice."""
        await engine.ended()
        for _ in range(self._idle.qsize()):
            idle = self._idle.get_nowait()
            if idle is engine and not engine.lives:
                self._background.begin(self._load(engine))
            else:
                self._idle.put_nowait(idle)

    async def _loaded(self, engine: Engine) -> None:
        try:
            told = await engine.start()
        except Exception as error:
            self.last_error = str(error)
            _log.error("the backend could not be loaded: %r", error)  # the engine logged it
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


class _Background:
    """Work that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it done beside the rest."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Give up all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
