"""Real services in processes of their own, for tests."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from iedf_assets.core.profile.fields import PROJECT_ROOT

START_S = 60
# Tests run in several processes at once. Below 20,000 are the ports of Ray's workers.
_PORTS = itertools.count(20_000 + os.getpid() % 120 * 100)


@dataclass
class Running:
    """A service that runs."""

    kind: str
    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, route: str, body: Any, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.address}{route}", json=body, timeout=60, trust_env=False, **options)

    def get(self, route: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.address}{route}", timeout=10, trust_env=False, **options)

    def until_ready(self) -> "Running":
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if self.get("/readyz").status_code == 200:
                    return self
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log.read_text('utf-8')[-3000:]}")

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def free_port() -> int:
    """A port that nothing listens on and no other test is given.

    It is none of those that the system hands out by itself, to whoever asks in the meantime.
    """
    for port in _PORTS:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def start(
    kind: str, folder: Path, *arguments: str, port: int | None = None, env: Mapping[str, str] | None = None
) -> Running:
    """Start `iedf serve`; its output goes to a log in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = folder / f"{kind}-{port}.out"
    command = [sys.executable, "-m", "iedf_assets.cli", "serve", kind, "--port", str(port), *arguments]
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )  # fmt: skip
    return Running(kind, f"http://127.0.0.1:{port}", process, log)


@contextlib.contextmanager
def serving(kind: str, folder: Path, *arguments: str, **options: Any) -> Iterator[Running]:
    """A service that is ready while the block runs."""
    running = start(kind, folder, *arguments, **options)
    try:
        yield running.until_ready()
    finally:
        running.end()
