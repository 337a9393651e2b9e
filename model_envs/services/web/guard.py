"""What every request passes before any route: its id for the logs, the token, the bound on its body."""

import asyncio
import hmac
import logging
import secrets
import time
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_envs.services.errors import ServiceError
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings

_log = logging.getLogger("iedf.requests")
# What is answered to anybody.
OPEN = frozenset({"/healthz", "/readyz"})
# Other paths are counted as one: whoever asks for nonsense must not fill the metrics.
ROUTES = OPEN | {"/infer", "/items", "/info", "/metrics", "/openapi.json"}
# How long a body may take to arrive, seconds.
BODY_S = 120.0


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._parsing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered = time.perf_counter(), 0
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
            body = await self._body(scope, receive)
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
            self._note(scope, told, answered, time.perf_counter() - begun)

    def _admit(self, scope: Scope) -> None:
        token = self._settings.token
        if token is None or scope["path"] in OPEN:
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise ServiceError("unauthorized", "send the service's token as `Authorization: Bearer ...`")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._settings.max_body_mb * 1_000_000
        too_large = ServiceError("too_large", f"a request has at most {self._settings.max_body_mb} MB")
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > limit:
            raise too_large
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(BODY_S):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _LeftError
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    more = message.get("more_body", False)
                    if size > limit:
                        raise too_large
        except TimeoutError:
            raise ServiceError("invalid_input", f"the body did not arrive within {BODY_S:.0f} s") from None
        return b"".join(parts)

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
