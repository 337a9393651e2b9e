"""The desk: takes requests in, has each made once, and keeps the queue bounded."""

import asyncio
import errno
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from iedf_assets.core.storage.staged import file_sizes
from model_envs.services.cache import Cache, Entry
from model_envs.services.engines.pool import Engines
from model_envs.services.errors import ServiceError
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

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

    @property
    def made(self) -> Made | None:
        """What came of it; None when nothing did, or not yet."""
        task = self.task
        return task.result() if task.done() and not task.cancelled() and not task.exception() else None


def _prepared(work: Path, prepare: Prepare) -> dict[str, Any]:
    work.mkdir()
    return prepare(work)


async def _undisturbed(function: Callable[..., Result], *arguments: Any) -> Result:
    """What a function returns that runs in a thread; who gives up waits for its end, and can then undo it."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Desk:
    """What lies between the routes and the engines."""

    def __init__(self, settings: ServiceSettings, engines: Engines, cache: Cache, metrics: Metrics) -> None:
        self._settings, self._engines, self._cache, self._metrics = settings, engines, cache, metrics
        # By request id and whether the answer is kept: files that are not lie elsewhere, and go sooner.
        self._tickets: dict[tuple[str, bool], _Ticket] = {}
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
        try:
            yield await asyncio.shield(ticket.task)
        finally:
            ticket.waiters -= 1
            if ticket.waiters == 0:
                ticket.task.cancel()
                self._tickets = {name: one for name, one in self._tickets.items() if one is not ticket}
                # Also when its only caller left in the moment in which it was done.
                if ticket.made is not None:
                    await self._tidy(ticket.made, request_id)

    def _ticket(self, request_id: str, fingerprint: str, prepare: Prepare, *, keep: bool) -> _Ticket:
        both = (self._tickets.get((request_id, True)), self._tickets.get((request_id, False)))
        ticket = both[0] or (None if keep else both[1])
        kept = None if ticket else self._cache.find(request_id)
        if any(known and known.fingerprint != fingerprint for known in (*both, kept)):
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
        ticket = self._tickets[request_id, keep or kept is not None] = _Ticket(fingerprint, task)
        # Nobody may be left to hear of its end.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return ticket

    async def _again(self, request_id: str, kept: Entry) -> Made:
        return Made(self._cache.folder(request_id), kept.made, kept.seconds, sorted(kept.files))

    async def _perform(self, request_id: str, fingerprint: str, prepare: Prepare, *, keep: bool) -> Made:
        work, waits, brief = self._cache.work_folder(), True, False
        try:
            # Whatever touches the disk may have to wait for it, and the loop must not.
            job = await _undisturbed(_prepared, work, prepare)
            engine = await self._engines.acquire()
            self.waiting, self.running, waits = self.waiting - 1, self.running + 1, False
            begun = time.perf_counter()
            told = await self._engines.work(engine, {**job, "folder": str(work / "made")}, work)
            seconds = time.perf_counter() - begun
            self._metrics.made(seconds)
            files = await asyncio.to_thread(file_sizes, work / "made")
            folder = work / "made"
            if keep:
                entry = Entry(fingerprint, told, round(seconds, 4), files)
                await _undisturbed(self._cache.place, request_id, folder, entry)
                self._cache.keep(request_id, entry)
                folder = self._cache.folder(request_id)
            brief = not keep  # then its folder goes with the last caller
            return Made(folder, told, round(seconds, 4), sorted(files))
        except OSError as error:
            _log.exception("the cache cannot be written")
            await self._make_room(error)
            raise ServiceError("infer_failed", f"the cache cannot be written: {error.strerror}") from error
        finally:
            if waits:
                self.waiting -= 1
            else:
                self.running -= 1
            if not brief:
                await _undisturbed(shutil.rmtree, work, True)  # noqa: FBT003  # errors are ignored

    async def _make_room(self, error: OSError) -> None:
        """Let go of all kept answers when the disk is full: it may be they that fill it."""
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            for folder in self._cache.overfull(self._in_use(), limit=0):
                await asyncio.to_thread(self._cache.remove, folder)

    def _in_use(self) -> set[str]:
        return {request_id for request_id, _ in self._tickets}

    async def _tidy(self, made: Made, request_id: str) -> None:
        if made.folder != self._cache.folder(request_id):
            await asyncio.to_thread(shutil.rmtree, made.folder.parent, ignore_errors=True)
            return
        for folder in self._cache.overfull(self._in_use()):
            await asyncio.to_thread(self._cache.remove, folder)
