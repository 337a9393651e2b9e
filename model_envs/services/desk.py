"""The desk: takes requests in, has each made once, and keeps the queue bounded."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.storage.staged import file_sizes
from model_envs.services.cache import Cache, Entry
from model_envs.services.engines.pool import Engines
from model_envs.services.errors import ServiceError
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings

_log = logging.getLogger(__name__)

Prepare = Callable[[Path], dict[str, Any]]
"""Writes what a request brought into its work folder and returns the engine's job. Runs in a thread."""


@dataclass(frozen=True)
class Made:
    """A request that was made.

    Attributes:
        folder: of its files.
        told: what the engine said.
        seconds: at the engine.
        names: of the files.
    """

    folder: Path
    told: dict[str, Any]
    seconds: float
    names: list[str]


@dataclass(eq=False)
class _Ticket:
    """A request under way; several callers may wait for it."""

    fingerprint: str
    task: asyncio.Task[Made]
    waiters: int = 0


class Desk:
    """What lies between the routes and the engines."""

    def __init__(self, settings: ServiceSettings, engines: Engines, cache: Cache, metrics: Metrics) -> None:
        self._settings, self._engines, self._cache, self._metrics = settings, engines, cache, metrics
        self._tickets: dict[str, _Ticket] = {}
        self.waiting, self.running = 0, 0

    @asynccontextmanager
    async def made(
        self, request_id: str, fingerprint: str, prepare: Prepare, *, keep: bool
    ) -> AsyncIterator[Made]:
        """A request, made; its files stay while the block runs.

        Who leaves while waiting frees the place, unless others wait for the same request.

        Args:
            fingerprint: of all that tells the request; another request of the same id is refused.

        Raises:
            ServiceError: see its codes.
        """
        ticket = self._ticket(request_id, fingerprint, prepare, keep=keep)
        ticket.waiters += 1
        made: Made | None = None
        try:
            made = await asyncio.shield(ticket.task)
            yield made
        finally:
            ticket.waiters -= 1
            if ticket.waiters == 0:
                ticket.task.cancel()
                if self._tickets.get(request_id) is ticket:
                    del self._tickets[request_id]
                if made is not None:
                    await self._tidy(made, request_id)

    def _ticket(self, request_id: str, fingerprint: str, prepare: Prepare, *, keep: bool) -> _Ticket:
        ticket = self._tickets.get(request_id)
        kept = None if ticket else self._cache.find(request_id)
        known = ticket or kept
        if known and known.fingerprint != fingerprint:
            raise ServiceError("invalid_input", f"the request id {request_id} belongs to another request")
        if ticket:
            return ticket
        if kept:
            task = asyncio.ensure_future(self._again(request_id, kept))
        else:
            places = self._settings.max_concurrency + self._settings.max_queue
            if self.waiting + self.running >= places:
                raise ServiceError("queue_full", f"{places} requests are under way; ask again later")
            # Counted here, since the task begins later and others may ask in between.
            self.waiting += 1
            task = asyncio.ensure_future(self._perform(request_id, fingerprint, prepare, keep=keep))
        ticket = self._tickets[request_id] = _Ticket(fingerprint, task)
        # Nobody may be left to hear of its end.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return ticket

    async def _again(self, request_id: str, kept: Entry) -> Made:
        return Made(self._cache.folder(request_id), kept.made, kept.seconds, sorted(kept.files))

    async def _perform(self, request_id: str, fingerprint: str, prepare: Prepare, *, keep: bool) -> Made:
        work = None
        waits = True
        try:
            # Whatever touches the disk may have to wait for it, and the loop must not.
            work = await asyncio.to_thread(self._cache.work_folder)
            job = await asyncio.to_thread(prepare, work)
            engine = await self._engines.acquire()
            self.waiting, self.running, waits = self.waiting - 1, self.running + 1, False
            begun = time.perf_counter()
            told = await self._engines.work(engine, {**job, "folder": str(work / "made")})
            seconds = time.perf_counter() - begun
            self._metrics.made(seconds)
            files = await asyncio.to_thread(file_sizes, work / "made")
            if not keep:
                return Made(work / "made", told, round(seconds, 4), sorted(files))
            entry = Entry(fingerprint, told, round(seconds, 4), files)
            await asyncio.to_thread(self._placed, request_id, work, entry)
            self._cache.keep(request_id, entry)
            return Made(self._cache.folder(request_id), told, entry.seconds, sorted(files))
        except OSError as error:
            _log.exception("the cache cannot be written")
            raise ServiceError("infer_failed", f"the cache cannot be written: {error.strerror}") from error
        except BaseException:
            if work is not None:
                # An engine that is being stopped may still write; what it leaves is swept at the next start.
                shutil.rmtree(work, ignore_errors=True)
            raise
        finally:
            if waits:
                self.waiting -= 1
            else:
                self.running -= 1

    def _placed(self, request_id: str, work: Path, entry: Entry) -> None:
        self._cache.place(request_id, work / "made", entry)
        shutil.rmtree(work, ignore_errors=True)

    async def _tidy(self, made: Made, request_id: str) -> None:
        if made.folder != self._cache.folder(request_id):
            await asyncio.to_thread(shutil.rmtree, made.folder.parent, ignore_errors=True)
            return
        for folder in self._cache.overfull(self._tickets):
            await asyncio.to_thread(self._cache.remove, folder)
