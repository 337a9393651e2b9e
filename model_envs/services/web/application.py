"""The application of a service: the gate before its routes, and what begins and ends with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from model_envs.services.web.failures import handle_failures
from model_envs.services.web.guard import Guard
from model_envs.services.web.routes import add_routes
from model_envs.services.web.service import Service

TITLES = {"layered": "Layered service", "edit": "Edit service"}


def service_app(service: Service) -> FastAPI:
    """The application of a service."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.engines.start()
        yield
        await service.engines.stop()
        service.cache.close()

    # FastAPI's own interactive pages fetch their scripts from elsewhere.
    app: FastAPI = FastAPIOffline(
        title=TITLES[service.settings.kind],
        version=service.info().version,
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs/files",
    )
    app.add_middleware(Guard, settings=service.settings, metrics=service.metrics)
    handle_failures(app)
    add_routes(app, service)
    return app
