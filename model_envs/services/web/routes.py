"""The routes: what is asked where, and with what it is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from model_envs.services.errors import ErrorAnswer
from model_envs.services.settings import Kind
from model_envs.services.web import wire
from model_envs.services.web.inferring import edit, layered
from model_envs.services.web.items import item
from model_envs.services.web.service import Service

_LEFT_POLL_S = 0.1
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        401: "`unauthorized`: the token is missing or wrong.",
        405: "`method_not_allowed`",
        413: "`too_large`: the body has too many bytes.",
        422: "`invalid_input`: the request cannot be made; the message says why.",
        421: "`wrong_host`: the service is not reached under this name.",
        429: "`queue_full`: as many requests wait as may, or their bodies take as much as they may.",
        500: "`infer_failed`: the backend failed; the log has more.",
        503: "`not_ready`: the backend could not be loaded, or the service is ending.",
        504: "`infer_timeout`: it took too long and was stopped.",
    }.items()
}


@dataclass(frozen=True)
class _Work:
    """A route that has something made.

    Attributes:
        summary: of it, for the API's description.
        asked: the model of a request; it has a `request_id`.
        answered: the model of an answer.
        make: from a request to its answer.
    """

    summary: str
    asked: type[BaseModel]
    answered: type[BaseModel]
    make: Callable[[Service, Any], Awaitable[BaseModel]]


_INFER: dict[Kind, _Work] = {
    "layered": _Work("Split a picture into layers", wire.LayeredRequest, wire.LayeredAnswer, layered),
    "edit": _Work("Edit a picture", wire.EditRequest, wire.EditAnswer, edit),
}
_ITEMS = _Work("Make an item of a run of this factory", wire.ItemRequest, wire.ItemAnswer, item)


def add_routes(app: FastAPI, service: Service) -> None:
    """Have an application answer for a service."""
    _add_health(app, service)
    _add_facts(app, service)
    _add_work(app, "infer", _INFER[service.settings.kind], service)
    _add_work(app, "items", _ITEMS, service)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process lives", operation_id="healthz")
    async def healthz() -> wire.Health:
        return wire.Health()

    @app.get(
        "/readyz",
        summary="Whether requests are taken",
        operation_id="readyz",
        response_model=wire.Ready,
        responses={503: {"model": wire.Ready, "description": "Not yet, or no more."}},
    )
    async def readyz() -> Response:
        writable = await asyncio.to_thread(lambda: service.cache.writable)
        told = wire.Ready(
            ready=service.engines.ready and writable,
            backend=service.settings.backend,
            last_error=service.engines.last_error
            or (None if writable else "the cache's folder cannot be written, or its disk is full"),
        )
        return JSONResponse(told.model_dump(), 200 if told.ready else 503)


def _add_facts(app: FastAPI, service: Service) -> None:
    @app.get("/info", summary="What runs here", operation_id="info", responses={401: _ERRORS[401]})
    async def info() -> wire.Info:
        return service.info()

    @app.get(
        "/metrics",
        summary="For Prometheus",
        operation_id="metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, 401: _ERRORS[401]},
    )
    async def metrics() -> Response:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_work(app: FastAPI, name: str, work: _Work, service: Service) -> None:
    async def answer(request: Request, body: Any) -> Response:
        return await _unless_left(request, body.request_id, work.make(service, body))

    # The framework reads from here what a body has to be.
    answer.__annotations__["body"] = work.asked
    app.post(
        f"/{name}",
        summary=work.summary,
        operation_id=name,
        response_model=work.answered,
        responses=_ERRORS,
    )(answer)


async def _unless_left(request: Request, request_id: str, answer: Awaitable[BaseModel]) -> Response:
    """The answer; when the caller hangs up, the work is given up."""
    request.state.parsed()
    request.state.told["request_id"] = request_id
    work = asyncio.ensure_future(answer)
    try:
        while not work.done():
            await asyncio.wait([work], timeout=_LEFT_POLL_S)
            if not work.done() and await request.is_disconnected():
                return Response(status_code=499)
    finally:
        work.cancel()
    made = work.result()
    # Pictures make long texts, which are put together beside the loop.
    content = await asyncio.to_thread(lambda: made.model_dump_json().encode())
    return Response(content, media_type="application/json")
