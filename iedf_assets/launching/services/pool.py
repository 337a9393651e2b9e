"""The services of a stage as the threads that make its items use them: one loop, on a thread of its own."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from iedf_assets.core.contract import Stage
from iedf_assets.core.profile.workers import ServiceClient, Worker
from iedf_assets.launching.services.errors import ServiceDownError
from iedf_assets.launching.services.patience import Patience
from iedf_assets.launching.services.probing import CONNECT_S, Expected, Probe
from iedf_assets.launching.services.replicas import UNTOLD, Replicas
from iedf_assets.launching.services.sending import Sender

KINDS: dict[Stage, str] = {"image_layers": "layered", "edited_images": "edit"}
_STOP_POLL_S = 0.1
_T = TypeVar("_T")


class ServicePool:
    """The services of a stage, used from several threads; a context manager.

    Args:
        kind: `layered` or `edit`.
        expected: what the profile says: a service that says otherwise is not used.
        token: sent with every request.
        tell: is told, in a sentence, when the pool waits.
        stop: when it is set, everything under way is given up.
    """

    def __init__(
        self,
        kind: str,
        endpoints: tuple[str, ...],
        options: ServiceClient,
        expected: Expected,
        *,
        token: str | None,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._options, self._expected, self._stop = options, expected, stop
        self._replicas = Replicas(kind, endpoints, Patience(kind, options.wait_sec, tell))
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._own: set[asyncio.Future[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="services", daemon=True)

    @classmethod
    def of(
        cls,
        stage: Stage,
        worker: Worker,
        *,
        tell: Callable[[str], None] = lambda _: None,
        stop: threading.Event | None = None,
        wait_sec: float | None = None,
    ) -> Self:
        """The services of a stage's worker.

        Args:
            wait_sec: how long to wait while none can be reached; None is as long as the profile says.

        Raises:
            WorkerError: there is no model where the profile says.
        """
        told = {} if wait_sec is None else {"wait_sec": wait_sec}
        return cls(
            KINDS[stage],
            worker.endpoints,
            worker.service.model_copy(update=told),
            Expected(
                worker.identity(),
                worker.service.foreign or worker.backend,
                foreign=bool(worker.service.foreign),
            ),
            token=os.environ.get(worker.service.token_variable),
            tell=tell,
            stop=stop or threading.Event(),
        )

    def __enter__(self) -> Self:
        """Begin looking for the services."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is under way, which frees its places at the services."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def places(self) -> int:
        """How many requests at once keep all services that are up busy, once any is.

        Raises:
            ServiceDownError: none came up in time.
        """
        self._wait(self._replicas.pick())
        return sum(replica.places for replica in self._replicas.up)

    @property
    def is_ours(self) -> bool:
        """Whether the services take items; one that does not makes all be talked to by the wire contract."""
        return all(replica.info for replica in self._replicas.up)

    @property
    def makers(self) -> tuple[str, str | None]:
        """Backend and model's revision, as services of others say; `unknown` where one of them does not."""
        backends = {replica.backend for replica in self._replicas.up}
        revisions = {replica.revision for replica in self._replicas.up}
        backend = backends.pop() if len(backends) == 1 else UNTOLD
        return backend, revisions.pop() if len(revisions) == 1 else None

    def post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Args:
            route: `/items`, for services of this factory, or `/infer`.

        Raises:
            SourceError: the service says that this one cannot be made, or it took too long.
            ServiceDownError: no service can be used, or the pool was told to stop.
        """
        return self._wait(self._sender.send(route, body))

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(self._owned(work), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ServiceDownError("stopped") from None

    async def _owned(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Work as one of the pool's own tasks."""
        task = self._begun(work)
        try:
            return await task
        finally:
            task.cancel()

    def _begun(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.ensure_future(work)
        self._own.add(task)
        task.add_done_callback(self._own.discard)
        return task

    async def _open(self) -> None:
        timeout = httpx.Timeout(self._options.timeout_sec, connect=CONNECT_S)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=timeout, limits=limits, trust_env=False
        )
        self._sender = Sender(self._replicas, self._client, self._options)
        probe = Probe(self._replicas, self._client, self._expected, self._options.token_variable)
        watches = [probe.watch(replica) for replica in self._replicas.all]
        for one in (*watches, self._heed_stop()):
            self._begun(one)

    async def _close(self) -> None:
        own = self._own.copy()
        self._cancel_own()
        await asyncio.gather(*own, return_exceptions=True)
        await self._client.aclose()

    def _cancel_own(self) -> None:
        """Cancel what the pool began; connections that it opens end with it, in their own order."""
        for task in self._own.copy():
            task.cancel()

    async def _heed_stop(self) -> None:
        # Set by another thread, so there is nothing of asyncio's to wait for.
        while not self._stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(_STOP_POLL_S)
        self._cancel_own()
