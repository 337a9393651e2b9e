"""Run a service in this environment: `python -m model_envs.services layered`.

It is told everything by environment variables, see `model_envs.services.settings`; `iedf serve` sets them
from a profile and flags, and finds the environment.
"""

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from iedf_assets.core.errors import FactoryError, ProfileError, of_system
from iedf_assets.core.profile.checkpoints import checkpoint
from model_envs.services.logs import set_up_logs
from model_envs.services.settings import STAGES, ServiceSettings
from model_envs.services.web.application import service_app
from model_envs.services.web.service import Service, own_identity
from model_envs.worker import MODEL_BACKENDS, backend_class

_log = logging.getLogger("iedf.service")
EXIT_USAGE = 2


class Server(uvicorn.Server):
    """A server that sends away what waits as soon as it is told to end; what is at an engine is finished."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A first signal ends gracefully, a second one at once."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._service.engines.refuse)


def serve(settings: ServiceSettings) -> None:
    """Serve until a signal comes.

    Raises:
        WorkerError: there is no such model, or this environment is not fit for the backend.
        ProfileError: the address is taken.
        StorageError, LockedError: the cache's folder is somebody else's, or another service's.
    """
    set_up_logs(settings.log_file)
    stage = STAGES[settings.kind]
    if settings.backend in MODEL_BACKENDS:
        checkpoint(Path(settings.model_settings().model_dir), stage)
    backend_class(stage, settings.backend)
    service = Service(settings, own_identity(settings))
    config = uvicorn.Config(
        service_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # What is at an engine may still take this long when the service is told to end.
        timeout_graceful_shutdown=round(settings.infer_timeout_sec) + 5,
    )
    # What is there by now stays; looking through it all again and again would hold up requests.
    gc.collect()
    gc.freeze()
    sock = _bound(settings.host, settings.port)
    _log.info("%s service (%s) on %s:%d", settings.kind, settings.backend, settings.host, settings.port)
    asyncio.run(Server(config, service).serve(sockets=[sock]))


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ProfileError: the address is taken, or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # asyncio switches the delay of small packets off only where the protocol is told.
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        raise ProfileError(
            f"cannot listen on {host}:{port}: {error}", "end what uses it, or choose another with --port"
        ) from error
    return sock


def main() -> int:
    """The command; the exit code says how it went: 1 for an error, 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m model_envs.services", description=__doc__)
    parser.add_argument("kind", choices=("layered", "edit"))
    try:
        serve(ServiceSettings.from_environment(parser.parse_args().kind, os.environ))
    except (FactoryError, OSError) as caught:
        error = of_system(caught) if isinstance(caught, OSError) else caught
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # to the one who starts it
        return EXIT_USAGE if isinstance(error, ProfileError) else 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
