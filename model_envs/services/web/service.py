"""A service's parts, put together."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from iedf_assets.core.profile.checkpoints import identity
from iedf_assets.core.storage.keys import EDITS_VERSION, LAYERS_VERSION, digest
from model_envs.services.cache import Cache
from model_envs.services.desk import Desk
from model_envs.services.engines.pool import Engines
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings
from model_envs.services.web.wire import Info

STAGE_VERSIONS = {"layered": LAYERS_VERSION, "edit": EDITS_VERSION}


class Service:
    """One service: its parts, and what it says of itself.

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

    @property
    def runtime(self) -> str:
        """What runs here, in a word of the wire contract."""
        return self.settings.backend

    def info(self) -> Info:
        """What runs here."""
        settings = self.settings
        try:
            own_version = version("image-edit-dataset-factory")
        except PackageNotFoundError:  # a model's environment holds the code, not the package
            own_version = "source"
        return Info(
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


def own_identity(settings: ServiceSettings) -> list[Any]:
    """What of a service's backend and model changes a picture.

    Raises:
        WorkerError: there is no model where the settings say.
    """
    return identity(settings.backend, settings.model_settings())
