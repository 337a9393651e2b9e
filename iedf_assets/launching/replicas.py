"""Talking to the services: replicas, least busy first, with retries, and patience while all are down."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from iedf_assets.core.contract import Stage
from iedf_assets.core.errors import SourceError, SystematicError
from iedf_assets.core.profile.workers import ServiceClient, Worker

KINDS: dict[Stage, str] = {"image_layers": "layered", "edited_images": "edit"}
CONNECT_S = 5.0
# How often a service that is down is asked whether it is back, and how often somebody is told of it.
PROBE_S, TELL_S = 0.5, 30.0
# A service of others does not tell its queue; so many requests keep it busy.
UNKNOWN_PLACES = 2
BUSY_S = 0.2
# Waits between tries grow to this, seconds.
MAX_BACKOFF_S = 60.0


class ServiceDownError(SystematicError):
    """No service can be used: none is there, or those that are run something else."""


class _RetriableError(Exception):
    """A request that may go through when it is sent again."""


@dataclass(eq=False)
class _Replica:
    """One service.

    Attributes:
        info: what `/info` said; empty for a service of others, which has none.
        problem: why it is down; None while it is up.
        under_way: requests sent to it and not answered.
        resting_until: its queue was full; nothing is sent before this moment.
    """

    address: str
    info: dict[str, Any] = field(default_factory=dict)
    problem: str | None = "not asked yet"
    under_way: int = 0
    resting_until: float = 0.0


class ServicePool:
    """The services of a stage, used from several threads; a context manager.

    Args:
        kind: `layered` or `edit`.
        expected: what of the backend and its model changes a picture, see `checkpoints.identity`: a service
            that says otherwise is not used.
        token: sent with every request.
        tell: is told, in a sentence, when the pool waits or goes on.
        stop: when it is set, everything under way is given up.
    """

    def __init__(
        self,
        kind: str,
        endpoints: tuple[str, ...],
        options: ServiceClient,
        expected: list[Any],
        *,
        token: str | None,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._kind, self._options, self._expected = kind, options, expected
        self._tell, self._stop = tell, stop
        self._replicas = [_Replica(address) for address in endpoints]
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._down_since, self._told_at = time.monotonic(), 0.0
        self._fatal: ServiceDownError | None = None
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
            worker.identity(),
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
        self._wait(self._pick())
        up = [replica for replica in self._replicas if replica.problem is None]
        return sum(
            replica.info["max_concurrency"] + max(1, replica.info["max_queue"] // 2)
            if replica.info
            else UNKNOWN_PLACES
            for replica in up
        )

    @property
    def is_ours(self) -> bool:
        """Whether the services take items; one that does not makes all be talked to by the wire contract."""
        return all(replica.info for replica in self._replicas if replica.problem is None)

    def post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Args:
            route: `/items`, for services of this factory, or `/infer`.

        Raises:
            SourceError: the service says that this one cannot be made, or it took too long.
            ServiceDownError: no service can be used, or the pool was told to stop.
        """
        return dict(self._wait(self._send(route, body)))

    def _wait(self, work: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ServiceDownError("stopped") from None

    async def _open(self) -> None:
        timeout = httpx.Timeout(self._options.timeout_sec, connect=CONNECT_S)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=timeout, limits=limits, trust_env=False
        )
        self._watching = [asyncio.ensure_future(self._watch(replica)) for replica in self._replicas] + [
            asyncio.ensure_future(self._heed_stop())
        ]

    async def _close(self) -> None:
        self._cancel_all()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self._client.aclose()

    def _cancel_all(self) -> None:
        own = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not own:
                task.cancel()

    async def _heed_stop(self) -> None:
        # Set by another thread, so there is nothing of asyncio's to wait for.
        while not self._stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        self._cancel_all()

    async def _watch(self, replica: _Replica) -> None:
        """Ask a service that is down, again and again, whether it is back."""
        while True:
            if replica.problem is not None:
                replica.problem = await self._probe(replica)
                if replica.problem is None and self._down_since:
                    self._down_since = 0.0
            await asyncio.sleep(PROBE_S)

    async def _probe(self, replica: _Replica) -> str | None:
        """Why a service cannot be used; None when it can."""
        try:
            ready = await self._client.get(f"{replica.address}/readyz", timeout=CONNECT_S)
            told = ready.json()
            if ready.status_code != httpx.codes.OK:
                return f"not ready: {told.get('last_error') or 'it is loading'}"
            info = await self._client.get(f"{replica.address}/info", timeout=CONNECT_S)
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return f"{type(error).__name__} {error}".strip()
        if info.status_code == httpx.codes.UNAUTHORIZED:
            return self._refuse(replica, "it wants a token", f"set {self._options.token_variable}")
        replica.info = info.json() if info.status_code == httpx.codes.OK else {}
        return self._mismatch(replica)

    def _mismatch(self, replica: _Replica) -> str | None:
        info = replica.info
        if not info:
            return None
        if info["service"] != self._kind:
            remedy = "correct workers.*.endpoints"
            return self._refuse(replica, f"it is the {info['service']} service", remedy)
        if info["identity"] != self._expected:
            return self._refuse(
                replica,
                f"it runs {_told(info['identity'])}, the profile says {_told(self._expected)}",
                "start the service with this profile (iedf serve --config), or correct the profile",
            )
        return None

    def _refuse(self, replica: _Replica, why: str, remedy: str) -> str:
        problem = f"the {self._kind} service at {replica.address} cannot be used: {why}"
        self._fatal = ServiceDownError(problem, remedy)
        return why

    async def _pick(self) -> _Replica:
        """The service that is up and has least to do; waits while there is none.

        Raises:
            ServiceDownError: there was none for too long.
        """
        while True:
            if self._fatal:
                raise self._fatal
            now = time.monotonic()
            up = [replica for replica in self._replicas if replica.problem is None]
            rested = [replica for replica in up if replica.resting_until <= now]
            if rested:
                return min(rested, key=lambda replica: replica.under_way)
            if not up:
                self._endure(now)
            await asyncio.sleep(0.05)

    def _endure(self, now: float) -> None:
        """Wait for any service to come back, as long as the profile says."""
        self._down_since = self._down_since or now
        down_s, limit = now - self._down_since, self._options.wait_sec
        problems = "; ".join(f"{replica.address}: {replica.problem}" for replica in self._replicas)
        if down_s >= limit:
            raise ServiceDownError(
                f"no {self._kind} service could be used for {limit:.0f} s ({problems})",
                f"start it (iedf serve {self._kind}) or correct workers.*.endpoints, then run again: "
                "what is finished is kept",
            )
        if down_s > PROBE_S * 2 and now - self._told_at > TELL_S:
            self._told_at = now
            left = limit - down_s
            self._tell(f"waiting for the {self._kind} service, {left:.0f} s more at most ({problems})")

    async def _send(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        options = self._options
        waits = wait_exponential_jitter(
            multiplier=options.backoff_sec, max=MAX_BACKOFF_S, jitter=options.backoff_sec
        )
        tries = AsyncRetrying(
            stop=stop_after_attempt(options.max_retries + 1),
            wait=waits,
            retry=retry_if_exception_type(_RetriableError),
            reraise=True,
        )
        try:
            return dict(await tries(self._once, route, body))
        except _RetriableError as error:
            raise SourceError("service_unreachable", str(error)) from error

    async def _once(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            replica = await self._pick()
            replica.under_way += 1
            try:
                answer = await self._client.post(f"{replica.address}{route}", json=body)
                told = answer.json()
            except httpx.ReadTimeout as error:
                limit = self._options.timeout_sec
                raise SourceError("service_timeout", f"no answer within {limit:g} s") from error
            except (httpx.HTTPError, ValueError) as error:
                replica.problem = f"{type(error).__name__} {error}".strip()
                raise _RetriableError(f"{replica.address}: {replica.problem}") from error
            finally:
                replica.under_way -= 1
            if answer.status_code == httpx.codes.OK:
                return dict(told)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                self._fail(replica, answer.status_code, told)
            # It lives and is busy, with others' work perhaps: that uses up no try.
            replica.resting_until = time.monotonic() + BUSY_S

    def _fail(self, replica: _Replica, status: int, told: Any) -> None:
        """Raise what an answer that is no success means."""
        detail = told.get("detail") if isinstance(told, dict) else None
        code, message = (
            (detail.get("code"), detail.get("message")) if isinstance(detail, dict) else (None, told)
        )
        text = f"{replica.address} answered {status}: {message}"[:500]
        if status in {502, 503}:
            replica.problem = text
            raise _RetriableError(text)
        if status in {401, 403}:
            self._refuse(replica, str(message), f"set {self._options.token_variable}")
            raise _RetriableError(text)
        raise SourceError(str(code or "infer_failed"), text)


def _told(identity: list[Any]) -> str:
    """A backend's identity in words, without what is the same everywhere."""
    return ", ".join(str(part) for part in identity)
