"""What runs in an engine: a process that holds a backend and makes one request at a time.

Started by the service as `python -m model_envs.services.engines.program`, so that a request that takes too
long can really be ended. It reads a job per line (JSON) from standard input and answers a line on standard
output; whatever else prints lands in the log. When standard input closes, the service is gone and the engine
ends its process group.

A job is `{"make": "item" | "layers" | "edit", ...}`, see `model_envs.services.engines.making`. An answer is
`{"done": ...}`, `{"refused": reason}`, `{"failed": reason}` or `{"stopped": true}`; the first line says
`{"loaded": ...}` or `{"failed": ...}`.
"""

import errno
import json
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import cv2

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import FactoryError, SourceError
from iedf_assets.core.storage.files import fresh_folder
from model_envs.services.engines.making import make
from model_envs.services.engines.masks import RefusedError
from model_envs.stopping import STOP
from model_envs.worker import MODEL_BACKENDS, load_backend

NICE = 5
# Characters of an answer, and of a reason in it: what a request brings may come back in either.
MAX_ANSWER, MAX_MESSAGE = 16_000_000, 500
_log = logging.getLogger(__name__)


class Interrupted(BaseException):  # so that no backend's `except Exception` keeps it
    """The request at work is to be given up."""


class Loop:
    """The loop of the process.

    Args:
        told: what the service says at the start: `stage`, `backend`, `settings`, `max_pixels`.
    """

    def __init__(self, told: dict[str, Any], out: Any) -> None:
        self._told, self._out = told, out
        self._working = False
        self._jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def run(self) -> int:
        """Load, then work until the service goes."""
        signal.signal(signal.SIGUSR1, self._interrupted)
        threading.Thread(target=self._listen, name="jobs", daemon=True).start()
        # One picture at a time and engine: a pool of OpenCV's in each would only get in the others' way.
        cv2.setNumThreads(1)
        stage, settings = self._told["stage"], ModelSettings(**self._told["settings"])
        try:
            backend = load_backend(stage, self._told["backend"], settings)
        except FactoryError as error:
            self._say({"failed": str(error)})
            return 1
        except Exception as error:  # noqa: BLE001  # a model that cannot be loaded fails in any way it likes
            _log.exception("loading failed")
            self._say({"failed": f"{type(error).__name__}: {error}"})
            return 1
        self._say({"loaded": backend.loaded or "no model", "revision": backend.revision})
        while True:
            self._say(self._answer(backend, stage, self._jobs.get()))

    def _answer(self, backend: Any, stage: str, job: dict[str, Any]) -> dict[str, Any]:
        STOP.clear()
        try:
            with fresh_folder(Path(job["folder"])) as folder:
                self._working = True
                try:
                    made = make(backend, stage, job, folder, self._told["max_pixels"])
                finally:
                    self._working = False
        except (Interrupted, KeyboardInterrupt):
            return {"stopped": True}
        except (RefusedError, SourceError) as error:
            return {"refused": getattr(error, "problem", str(error))[:MAX_MESSAGE]}
        except Exception as error:  # noqa: BLE001  # a unit fails alone, whatever it was
            _log.exception("request failed")
            full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
            return {"failed": f"{type(error).__name__}: {error}"[:MAX_MESSAGE], "full": full}
        return {"done": made, "gpu_bytes": _gpu_bytes()}

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        STOP.set()
        # A model stops between two of its steps, with all its parts where they belong.
        if self._working and self._told["backend"] not in MODEL_BACKENDS:
            self._working = False
            raise Interrupted

    def _listen(self) -> None:
        try:
            for line in sys.stdin:
                self._jobs.put(json.loads(line))
        finally:
            # The service is gone, or what it says cannot be understood: it notices, and starts another.
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def _say(self, answer: dict[str, Any]) -> None:
        text = json.dumps(answer)
        if len(text) > MAX_ANSWER:
            text = json.dumps({"refused": f"what it makes takes more than {MAX_ANSWER} characters to tell"})
        self._out.write(text + "\n")
        self._out.flush()


def _gpu_bytes() -> int:
    """GPU memory that this process holds, bytes; 0 without torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    return sum(torch.cuda.memory_reserved(number) for number in range(torch.cuda.device_count()))


def main() -> int:
    """Run as an engine."""
    # Behind the service itself: it is to answer at once, however many pictures are being made.
    os.nice(NICE)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    # Whatever else prints must not reach the service as an answer.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return Loop(json.loads(sys.argv[1]), out).run()


if __name__ == "__main__":
    sys.exit(main())
