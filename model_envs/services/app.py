"""The routes of a service."""

import asyncio
import base64
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from iedf_assets.core.profile.checkpoints import identity
from iedf_assets.core.storage.keys import EDITS_VERSION, LAYERS_VERSION, digest
from model_envs.services import wire
from model_envs.services.cache import Cache
from model_envs.services.desk import Desk, Made
from model_envs.services.engines import Engines
from model_envs.services.gate import Gate
from model_envs.services.metrics import Metrics
from model_envs.services.paths import inside, picture_path, stamp, unpacked
from model_envs.services.settings import ServiceSettings
from model_envs.services.wire import ErrorAnswer, ServiceError

_log = logging.getLogger(__name__)
TITLES = {"layered": "Layered service", "edit": "Edit service"}
STAGE_VERSIONS = {"layered": LAYERS_VERSION, "edit": EDITS_VERSION}
# The framework's own errors.
_CODES = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed", 415: "invalid_input"}
_LEFT_POLL_S = 0.1
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        401: "`unauthorized`: the token is missing or wrong.",
        405: "`method_not_allowed`",
        413: "`too_large`: the body has too many bytes.",
        422: "`invalid_input`: the request cannot be made; the message says why.",
        429: "`queue_full`: as many requests wait as may.",
        500: "`infer_failed`: the backend failed; the log has more.",
        503: "`not_ready`: the backend could not be loaded, or the service is ending.",
        504: "`infer_timeout`: it took too long and was stopped.",
    }.items()
}


class Service:
    """One service: its parts, and what its routes do.

    Args:
        own: what of the backend and its model changes a picture, see `checkpoints.identity`.

    Raises:
        StorageError: the cache's folder is somebody else's.
        LockedError: another service uses it.
    """

    def __init__(self, settings: ServiceSettings, own: list[Any]) -> None:
        self.settings, self.own = settings, own
        self.metrics = Metrics(settings.kind)
        self.engines = Engines(settings)
        self.cache = Cache(
            settings.cache_dir, digest(own, STAGE_VERSIONS[settings.kind]), settings.cache_mb * 1_000_000
        )
        self.desk = Desk(settings, self.engines, self.cache, self.metrics)
        watch = self.metrics.watch
        watch("queue_length", "Requests that wait for an engine.", lambda: self.desk.waiting)
        watch("running", "Requests at an engine.", lambda: self.desk.running)
        watch("ready", "1 when requests are taken.", lambda: float(self.engines.ready))
        watch("gpu_memory_bytes", "GPU memory that the engines hold.", lambda: self.engines.gpu_bytes)

    async def layered(self, request: wire.LayeredRequest) -> wire.LayeredAnswer:
        """Split a picture."""
        async with self._inferred(request, "layers") as made:
            names = range(made.told["layers"])
            layers = [
                wire.Layer(
                    layer_id=f"layer_{number}",
                    **await self._given(request, made, f"layer_{number}.png", "rgba_b64", "rgba_path"),
                    **await self._given(request, made, f"alpha_{number}.png", "alpha_b64", "alpha_path"),
                )
                for number in names
            ]
            return wire.LayeredAnswer(**_common(request, made), layers=layers)

    async def edit(self, request: wire.EditRequest) -> wire.EditAnswer:
        """Edit a picture."""
        async with self._inferred(request, "edit") as made:
            picture = await self._given(request, made, "result.png", "result_image_b64", "result_image_path")
            return wire.EditAnswer(**_common(request, made), **picture)

    async def item(self, request: wire.ItemRequest) -> wire.ItemAnswer:
        """Make an item of a run."""
        roots, item = self.settings.roots, dict(request.item)
        told: list[Any] = [item]
        for key, brought in (("path", request.source_b64), ("layers_folder", request.files)):
            if brought is None and item.get(key):
                if not isinstance(item[key], str):
                    raise ServiceError("invalid_input", f"item.{key} has to be a path")
                item[key] = str(inside(roots, item[key], f"item.{key}"))
                told.append(stamp(Path(item[key])))
        _plain_names(item)
        told += [
            _hash(request.source_b64),
            {name: _hash(text) for name, text in (request.files or {}).items()},
        ]

        def prepare(work: Path) -> dict[str, Any]:
            if request.source_b64 is not None:
                item["path"] = str(work / "source")
                (work / "source").write_bytes(unpacked(request.source_b64, "source_b64"))
            if request.files is not None:
                item["layers_folder"] = str(work / "layers")
                (work / "layers").mkdir()
                for name, text in request.files.items():
                    (work / "layers" / name).write_bytes(unpacked(text, f"files.{name}"))
            return {"make": "item", "item": item}

        async with self.desk.made(request.request_id, digest("item", told), prepare, keep=True) as made:
            files = None
            if request.return_b64:
                files = {name: await asyncio.to_thread(_packed, made.folder / name) for name in made.names}
            return wire.ItemAnswer(
                request_id=request.request_id, runtime=made.seconds, row=made.told["row"], names=made.names,
                files=files, cache_dir=str(made.folder),
            )  # fmt: skip

    def info(self) -> wire.Info:
        """What runs here."""
        settings = self.settings
        try:
            own_version = version("image-edit-dataset-factory")
        except PackageNotFoundError:  # a model's environment holds the code, not the package
            own_version = "source"
        return wire.Info(
            service=settings.kind,
            version=own_version,
            stage_version=STAGE_VERSIONS[settings.kind],
            backend=settings.backend,
            revision=settings.model_settings().revision or None,
            identity=self.own,
            max_concurrency=settings.max_concurrency,
            max_queue=settings.max_queue,
            infer_timeout_sec=settings.infer_timeout_sec,
            max_pixels=settings.max_pixels,
        )

    @contextlib.asynccontextmanager
    async def _inferred(
        self, request: wire.LayeredRequest | wire.EditRequest, make: str
    ) -> AsyncIterator[Made]:
        """A request of the wire contract, made."""
        told: list[Any] = [make, getattr(request, "prompt", "")]
        places: dict[str, Path | None] = {}
        brought = {"image": request.image_b64, "mask": getattr(request, "mask_b64", None)}
        for what, text in brought.items():
            path = getattr(request, f"{what}_path", None)
            places[what] = picture_path(self.settings.roots, path, f"{what}_path") if path else None
            place = places[what]
            told.append([str(place), stamp(place)] if place else _hash(text))

        def prepare(work: Path) -> dict[str, Any]:
            job: dict[str, Any] = {"make": make, "prompt": told[1]}
            for what, text in brought.items():
                place = places[what]
                if text is not None:
                    place = work / what
                    place.write_bytes(unpacked(text, f"{what}_b64"))
                job[what] = str(place) if place else None
            return job

        async with self.desk.made(
            request.request_id, digest("infer", told), prepare, keep=request.save_cache
        ) as made:
            yield made

    async def _given(
        self, request: wire.LayeredRequest | wire.EditRequest, made: Made, name: str, packed: str, path: str
    ) -> dict[str, Any]:
        """One picture of an answer, in the forms that were asked for."""
        text = await asyncio.to_thread(_packed, made.folder / name) if request.return_b64 else None
        return {packed: text, path: str(made.folder / name) if request.save_cache else None}


def service_app(service: Service) -> FastAPI:
    """The application of a service."""
    kind = service.settings.kind

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.engines.start()
        yield
        await service.engines.stop()
        service.cache.close()

    # The interactive pages would fetch their scripts from elsewhere.
    app = FastAPI(
        title=TITLES[kind], version=service.info().version, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.add_middleware(Gate, settings=service.settings, metrics=service.metrics)
    app.add_exception_handler(ServiceError, _of_service)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _of_validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _of_http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _of_bug)

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
        engines = service.engines
        told = wire.Ready(
            ready=engines.ready, backend=service.settings.backend, last_error=engines.last_error
        )
        return JSONResponse(told.model_dump(), 200 if told.ready else 503)

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

    if kind == "layered":

        @app.post(
            "/infer",
            summary="Split a picture into layers",
            operation_id="infer",
            response_model=wire.LayeredAnswer,
            responses=_ERRORS,
        )
        async def split(request: Request, body: wire.LayeredRequest) -> Response:
            return await _unless_left(request, body.request_id, lambda: service.layered(body))

    else:

        @app.post(
            "/infer",
            summary="Edit a picture",
            operation_id="infer",
            response_model=wire.EditAnswer,
            responses=_ERRORS,
        )
        async def edit(request: Request, body: wire.EditRequest) -> Response:
            return await _unless_left(request, body.request_id, lambda: service.edit(body))

    @app.post(
        "/items",
        summary="Make an item of a run of this factory",
        operation_id="items",
        response_model=wire.ItemAnswer,
        responses=_ERRORS,
    )
    async def items(request: Request, body: wire.ItemRequest) -> Response:
        return await _unless_left(request, body.request_id, lambda: service.item(body))

    return app


def own_identity(settings: ServiceSettings) -> list[Any]:
    """What of a service's backend and model changes a picture.

    Raises:
        WorkerError: there is no model where the settings say.
    """
    return identity(settings.backend, settings.model_settings())


async def _unless_left(
    request: Request, request_id: str, answer: Callable[[], Awaitable[BaseModel]]
) -> Response:
    """The answer; when the caller hangs up, the work is given up."""
    request.state.parsed()
    request.state.told["request_id"] = request_id
    work = asyncio.ensure_future(answer())
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


def _common(request: wire.LayeredRequest | wire.EditRequest, made: Made) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "runtime": made.seconds,
        "width": made.told["width"],
        "height": made.told["height"],
        "cache_dir": str(made.folder) if request.save_cache else None,
    }


def _packed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _hash(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _plain_names(item: dict[str, Any]) -> None:
    """See that no layer of an item names a file elsewhere.

    Raises:
        ServiceError: `invalid_input`: one does.
    """
    layers = item.get("layers")
    for layer in (layers.get("layers") if isinstance(layers, dict) else None) or []:
        name = layer.get("file") if isinstance(layer, dict) else None
        if not isinstance(name, str) or name != Path(name).name or name.startswith("."):
            raise ServiceError("invalid_input", "item.layers has a layer whose file is no plain name")


async def _answered(request: Request, error: ServiceError) -> Response:
    request.state.told["code"] = error.code
    return JSONResponse(error.body(), error.status)


async def _of_service(request: Request, error: ServiceError) -> Response:
    return await _answered(request, error)


async def _of_validation(request: Request, error: RequestValidationError) -> Response:
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'] if part != 'body') or 'body'}: {problem['msg']}"
        for problem in error.errors()
    ]
    return await _answered(request, ServiceError("invalid_input", "; ".join(problems)[:2000]))


async def _of_http(request: Request, error: HTTPException) -> Response:
    code = _CODES.get(error.status_code, "invalid_input")
    response = await _answered(request, ServiceError(code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _of_bug(request: Request, error: Exception) -> Response:
    _log.error("unforeseen", exc_info=error)
    message = "an unforeseen error; the service's log has it under this call's x-request-id"
    return await _answered(request, ServiceError("infer_failed", message))
