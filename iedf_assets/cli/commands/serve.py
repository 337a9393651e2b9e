"""`iedf serve`: becomes a service in the model's own environment."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from iedf_assets.core.parallel import thread_count
from iedf_assets.core.profile.checkpoints import OLDER_NAME, PIPELINES
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.nesting import SERVICES, require_apart
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.environments import OFFLINE, find_environment
from model_envs.services.settings import PORTS, Kind


def serve_models(profile: Profile, kind: Kind, flags: dict[str, Any]) -> None:
    """Become the service; does not return.

    Flags count before environment variables, those before the profile.

    Raises:
        WorkerError: there is no such environment.
        ProfileError: the cache lies where photos or products do.
    """
    prefix = f"{kind.upper()}_"
    told = _of_profile(profile, kind, flags.get("port"))
    told |= {name: os.environ[prefix + name] for name in told if os.environ.get(prefix + name)}
    told |= {name.upper(): _text(value) for name, value in flags.items() if value is not None}
    require_apart({**profile.folders, "the cache": Path(told["CACHE_DIR"]).absolute()}, profile.categories)
    worker = getattr(profile.workers, kind)
    # Only a model of torch's needs an environment of its own.
    own_environment = worker.environment if worker.runs_pipeline else f"iedf-{kind}"
    environment = find_environment(own_environment if told["BACKEND"] in {PIPELINES, OLDER_NAME} else None)
    given = {prefix + name: text for name, text in told.items()}
    own = {**environment.variables, **OFFLINE, "PYTHONPATH": str(PROJECT_ROOT)}
    os.chdir(PROJECT_ROOT)
    command = [str(environment.python), "-m", "model_envs.services", kind]
    os.execve(command[0], command, {**os.environ, **own, **given})  # noqa: S606  # replaced on purpose


def _of_profile(profile: Profile, kind: Kind, port_flag: int | None) -> dict[str, str]:
    """Variable → value, as the profile has them; the cache's folder is named after the port."""
    worker, layout = getattr(profile.workers, kind), Layout.of(profile)
    ports = (urlsplit(address).port for address in worker.endpoints)
    port = str(port_flag or os.environ.get(f"{kind.upper()}_PORT") or next(filter(None, ports), PORTS[kind]))
    settings = asdict(worker.model_settings())
    engines = len(worker.devices) or 1 if worker.runs_pipeline else thread_count(worker.threads)
    # Photos and layers lie here; whatever else is asked for is refused.
    roots = [layout.data, layout.staging]
    return {
        "BACKEND": worker.backend,
        "MODEL": json.dumps(settings),
        "MODEL_DIR": settings.get("model_dir", ""),
        "DEVICE": settings.get("device", ""),
        "DEVICES": ";".join(worker.devices),
        "MAX_CONCURRENCY": str(engines),
        "PORT": port,
        "ROOTS": _text(roots),
        "CACHE_DIR": str(layout.staging / SERVICES / f"{kind}-{port}"),
        "LOG_FILE": str(layout.logs / "services" / f"{kind}.log"),
    }


def _text(value: Any) -> str:
    """A flag's value as a variable."""
    if isinstance(value, (list, tuple)):
        return os.pathsep.join(str(Path(part).absolute()) for part in value)
    return str(Path(value).absolute()) if isinstance(value, Path) else str(value)
