"""What runs in a child of `iedf_assets.core.apart.children`: it calls one function after another.

It reads a job per line (JSON) from standard input, `{"function", "argument"}`, and answers on standard
output: an empty line when it begins, `{"claim": pixels}` before it decodes, which an empty object grants, and
at last `{"done": ...}` or `{"raised": [kind, problem, ...]}`. When standard input closes, nobody needs it.
"""

import contextlib
import importlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import traceback
from typing import Any

import cv2

from iedf_assets.core.errors import FactoryError, SourceError
from iedf_assets.core.memory import count_pixels, importing


class Loop:
    """The loop of the process."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def run(self) -> None:
        """Work until the other end goes."""
        threading.Thread(target=self._listen, name="listening", daemon=True).start()
        count_pixels(self._claim)
        while True:
            job = self._told.get()
            self._say("")
            self._say(json.dumps(_outcome(job), ensure_ascii=True))

    def _claim(self, pixels: int) -> None:
        self._say(json.dumps({"claim": pixels}))
        self._told.get()

    def _listen(self) -> None:
        try:
            for line in sys.stdin:
                self._told.put(json.loads(line))
        finally:
            # Whatever a decoder is at: it has a process group of its own.
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def _outcome(job: dict[str, Any]) -> dict[str, Any]:
    module, _, name = job["function"].partition(":")
    try:
        with importing():
            function = getattr(importlib.import_module(module), name)
        return {"done": function(job["argument"])}
    except SourceError as error:
        return {"raised": [type(error).__name__, error.reason, error.problem, error.remedy]}
    except FactoryError as error:
        return {"raised": [type(error).__name__, error.problem, error.remedy]}
    except Exception as error:  # noqa: BLE001  # it is told where somebody sees it
        return {"raised": [type(error).__name__, str(error), traceback.format_exc()]}


def main() -> None:
    """Run as a child."""
    memory = int(sys.argv[1])
    with contextlib.suppress(ValueError, OSError, OverflowError):  # a lower bound stays
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cv2.setNumThreads(1)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    # Whatever else prints must not reach the other end as an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Loop(out).run()


if __name__ == "__main__":
    main()
