"""Reading what workers tell through Pipes: by whole lines of any length, and past what cannot be handled."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PipesParams

from iedf_assets.core.contract import BEGUN, LOADED, PROGRESS
from iedf_assets.core.parallel import Report

POLL_S = 0.02


class LineMessageReader(dg.PipesMessageReader):
    """Reads Pipes messages from a file, line by whole line.

    A message that cannot be handled is kept as `fault` and does not stop the reading.

    Args:
        on_progress: called with (done, total) for each progress message; those go no further.
        on_loaded: called with what a worker says when its model is loaded.
        path: the file, which is there while messages are read; workers elsewhere have to see it too.
    """

    def __init__(self, on_progress: Report, on_loaded: Callable[[str], None], path: Path) -> None:
        self._on_progress, self._on_loaded, self._path = on_progress, on_loaded, path
        self.fault: str | None = None
        self.heard_at = time.monotonic()
        self.begun: set[str] = set()

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Follow the file while the block runs, and read what is left when it ends."""
        stop = threading.Event()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        thread = threading.Thread(target=self._follow, args=(handler, stop), name="pipes-messages")
        thread.start()
        try:
            yield {"path": str(self._path)}
        finally:
            stop.set()
            thread.join()
            self._path.unlink(missing_ok=True)

    def no_messages_debug_text(self) -> str:
        """What Dagster says when no message came."""
        return "The worker sent no message through its messages file."

    def _follow(self, handler: dg.PipesMessageHandler, stop: threading.Event) -> None:
        unread = b""
        with self._path.open("rb") as file:
            while True:
                last_look = stop.is_set()
                chunk = file.read()
                *lines, unread = (unread + chunk).split(b"\n")
                for line in lines:
                    self._handle(line, handler)
                if last_look:
                    return
                if not chunk:
                    stop.wait(POLL_S)

    def _handle(self, line: bytes, handler: dg.PipesMessageHandler) -> None:
        self.heard_at = time.monotonic()
        try:
            message: Any = json.loads(line)
            payload = _custom_payload(message)
            if PROGRESS in payload:
                self._on_progress(int(payload[PROGRESS]["done"]), int(payload[PROGRESS]["total"]))
            elif BEGUN in payload:
                self.begun.add(str(payload[BEGUN]))
            elif LOADED in payload:
                self._on_loaded(str(payload[LOADED]))
            else:
                handler.handle_message(message)
        except Exception as error:  # noqa: BLE001  # Dagster's handlers raise whatever the message provokes
            self.fault = f"{type(error).__name__}: {error} in the message {line[:200]!r}"


def _custom_payload(message: Any) -> dict[str, Any]:
    """The payload of a custom message; empty for Dagster's own messages."""
    if message.get("method") != "report_custom_message":
        return {}
    payload = message["params"]["payload"]
    return payload if isinstance(payload, dict) else {}
