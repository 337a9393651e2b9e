"""What every request passes before any route: its id for the logs, the token, the bound on its body."""

import asyncio
import hmac
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from iedf_assets.core.memory import give_back
from model_envs.services.errors import ServiceError
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings
from model_envs.services.web.hosts import host_name, is_own, own_names

_log = logging.getLogger("iedf.requests")
# What is answered to anybody.
OPEN = frozenset({"/healthz", "/readyz"})
# Other paths are counted as one: whoever asks for nonsense must not fill the metrics.
ROUTES = OPEN | {"/infer", "/items", "/info", "/metrics", "/openapi.json", "/docs"}
# How long a body may take to arrive, and how long nothing of it may come, seconds.
BODY_S, STALL_S = 120.0, 20.0
# After so many bytes of bodies at once memory is returned to the system, so many seconds later.
_LARGE, _AFTER_S = 64_000_000, 0.5


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._parsing = asyncio.Lock()
        self._names = own_names(settings)
        self._bytes = self._most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered, size = time.perf_counter(), 0, _Size()
        told: dict[str, Any] = {"call": secrets.token_hex(4)}
        turn = _Turn(self._parsing)
        scope.setdefault("state", {}).update(told=told, parsed=turn.end)

        async def counted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", told["call"].encode()))
            await send(message)

        try:
            self._admit(scope)
            body = await self._body(scope, receive, size)
            if body:
                await turn.begin()
            await self._app(scope, _replayed(body, receive), counted)
        except ServiceError as error:
            told["code"] = error.code
            await JSONResponse(error.body(), error.status)(scope, receive, counted)
        except _LeftError:
            pass
        finally:
            turn.end()
            self._let_go(size)
            self._note(scope, told, answered, time.perf_counter() - begun)

    def _admit(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        host = host_name(headers.get(b"host", b"").decode("latin-1"))
        if not is_own(host, self._names, self._settings.host):
            raise ServiceError(
                "wrong_host", f"this service is not reached as {host[:100]!r}; add the name to its HOSTS"
            )
        token = self._settings.token
        if token is None or scope["path"] in OPEN:
            return
        given = headers.get(b"authorization", b"")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise ServiceError("unauthorized", "send the service's token as `Authorization: Bearer ...`")

    async def _body(self, scope: Scope, receive: Receive, size: "_Size") -> bytes:
        """The whole body; its bytes count as held until the request is answered."""
        limit = self._settings.max_body_mb * 1_000_000
        too_large = ServiceError("too_large", f"a request has at most {self._settings.max_body_mb} MB")
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > limit:
            raise too_large
        parts, more = [], True
        try:
            async with asyncio.timeout(BODY_S):
                while more:
                    async with asyncio.timeout(STALL_S):
                        message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _LeftError
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    self._hold(size, len(parts[-1]))
                    if size.held > limit:
                        raise too_large
        except TimeoutError:
            raise ServiceError(
                "invalid_input", f"the body did not arrive within {BODY_S:.0f} s, or stopped"
            ) from None
        return b"".join(parts)

    def _hold(self, size: "_Size", count: int) -> None:
        size.held += count
        self._bytes += count
        self._most = max(self._most, self._bytes)
        limit = self._settings.max_bodies_mb
        if self._bytes > max(limit, self._settings.max_body_mb) * 1_000_000:
            raise ServiceError("queue_full", f"requests of {limit} MB are under way; ask again later")

    def _let_go(self, size: "_Size") -> None:
        self._bytes -= size.held
        if self._bytes == 0 and self._most > _LARGE:
            self._most = 0
            # Else the pieces that large bodies came in stay with the process. Now the last one is still held.
            asyncio.get_running_loop().call_later(_AFTER_S, give_back)

    def _note(self, scope: Scope, told: dict[str, Any], status: int, seconds: float) -> None:
        path = scope["path"]
        route = path if path in ROUTES else "other"
        self._metrics.answered(route, status, seconds)
        if "code" in told:
            self._metrics.failed(told["code"])
        level = logging.DEBUG if path in OPEN or path == "/metrics" else logging.INFO
        # Status 0: the caller hung up.
        extra = {
            **told,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3),
        }
        _log.log(level, "%s %s %s", scope["method"], route, status, extra=extra)


@dataclass
class _Size:
    """Bytes that a request's body holds."""

    held: int = 0


class _Turn:
    """The turn of a request to have its body parsed.

    However many come at once, one is parsed per round of the loop, so that the health routes are answered
    between any two.
    """

    def __init__(self, parsing: asyncio.Lock) -> None:
        self._parsing, self._holds = parsing, False

    async def begin(self) -> None:
        """Wait for it."""
        await self._parsing.acquire()
        self._holds = True

    def end(self) -> None:
        """Give it to the next one."""
        if self._holds:
            self._holds = False
            self._parsing.release()


class _LeftError(Exception):
    """The caller hung up before the request was whole."""


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body first."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
