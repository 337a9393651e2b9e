"""Work in child processes, for what may hang, crash or take all memory: decoders of hostile files.

C code in a thread can be neither stopped nor survived. A child is told a function's place and an argument
that JSON can hold, and answers likewise. Children live as long as the process that uses them, so that their
start (a second of imports) is paid once; they end by themselves when it is gone.
"""

import atexit
import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from iedf_assets.core import errors
from iedf_assets.core.errors import FactoryError, SourceError, WorkerError
from iedf_assets.core.reasons import DECODER_DIED, TIMED_OUT

_ROOT = Path(__file__).resolve().parents[3]
# What died may have been killed from outside; what dies a second time is given up.
_TRIES = 2
# Bytes of what decoders print that are kept, and that a row tells.
_KEPT, _TOLD = 1 << 20, 300
_READ = 1 << 16
# How long one may take to start, on a machine that is busy with much else, seconds.
_START_S = 120.0


class GivenUpError(WorkerError):
    """The children were ended before they had done the work."""


class _DiedError(Exception):
    """A child ended in the middle of its work."""


class Apart:
    """Children, as many as are asked at once.

    Args:
        pixels: how many may be decoded at once in all of them together; a larger picture goes alone.
        memory: bytes that one child may take.
    """

    def __init__(self, pixels: int, memory: int) -> None:
        self._budget, self._memory = _Budget(pixels), memory
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._all: set[_Child] = set()
        self._lock = threading.Lock()
        self._given_up = False

    @property
    def usable(self) -> bool:
        """Whether it takes work."""
        return not self._given_up

    def call(self, function: str, argument: Any, timeout_s: float) -> Any:
        """What a function returns, called in a child. May be called from several threads.

        Args:
            function: `package.module:name`.
            argument: of it, as JSON can hold it; so is what it returns.
            timeout_s: seconds that it may take; waiting for others' pixels takes none.

        Raises:
            SourceError: `timed_out`, or `decoder_died` twice.
            GivenUpError: `give_up` was called.
            FactoryError: what the function raised.
        """
        for left in reversed(range(_TRIES)):
            child = self._child()
            try:
                answer = child.make({"function": function, "argument": argument}, timeout_s, self._budget)
            except _DiedError as error:
                self._drop(child)
                if self._given_up:
                    raise GivenUpError("the work was given up") from None
                if not left:
                    raise SourceError(DECODER_DIED, f"its decoder died twice: {error}") from None
            except BaseException:
                self._drop(child)
                raise
            else:
                self._idle.put(child)
                return _value(answer)
        raise AssertionError

    def give_up(self) -> None:
        """End all children at once, whatever they are at."""
        with self._lock:
            self._given_up = True
            children, self._all = self._all, set()
        for child in children:
            child.kill()
        self._budget.free()

    def _child(self) -> "_Child":
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.lives:
                    return child
                self._drop(child)
        with self._lock:
            if self._given_up:
                raise GivenUpError("the work was given up")
            child = _Child(self._memory)
            self._all.add(child)
            return child

    def _drop(self, child: "_Child") -> None:
        child.kill()
        with self._lock:
            self._all.discard(child)


_shared: dict[tuple[int, int], Apart] = {}
_sharing = threading.Lock()


def shared(pixels: int, memory: int) -> Apart:
    """The children of this process for these bounds; see `Apart`."""
    with _sharing:
        found = _shared.get((pixels, memory))
        if found is None or not found.usable:
            found = _shared[pixels, memory] = Apart(pixels, memory)
            atexit.register(found.give_up)
        return found


class _Budget:
    """Pixels under way."""

    def __init__(self, pixels: int) -> None:
        self._limit, self._held, self._freed = pixels, 0, False
        self._changed = threading.Condition()

    def take(self, pixels: int) -> None:
        """Wait until so many more may be decoded."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._freed or not self._held or self._held + pixels <= self._limit
            )
            self._held += pixels

    def give(self, pixels: int) -> None:
        with self._changed:
            self._held -= pixels
            self._changed.notify_all()

    def free(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._freed = True
            self._changed.notify_all()


class _Child:
    """One child process."""

    def __init__(self, memory: int) -> None:
        paths = (str(_ROOT), os.environ.get("PYTHONPATH"))
        # What decoders print names no file; of one that dies it is told with the file.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `kill`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "iedf_assets.core.apart.program", str(memory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,
        )  # fmt: skip
        self._rest = b""
        # Not `select`, which takes no descriptor above 1,023.
        self._talks = select.poll()
        assert self._process.stdout is not None
        self._talks.register(self._process.stdout, select.POLLIN)
        self._ending = threading.Lock()

    @property
    def lives(self) -> bool:
        """Whether it can be told anything."""
        return self._process.poll() is None

    def make(self, job: dict[str, Any], timeout_s: float, budget: _Budget) -> dict[str, Any]:
        held, deadline = 0, time.monotonic() + max(_START_S, timeout_s)
        try:
            self._send(job)
            while True:
                answer = self._receive(deadline, timeout_s)
                if answer is None:  # it has only now begun
                    deadline = time.monotonic() + timeout_s
                elif "claim" in answer:
                    begun = time.monotonic()
                    budget.take(answer["claim"])
                    held += answer["claim"]
                    deadline += time.monotonic() - begun
                    self._send({})
                else:
                    return answer
        finally:
            budget.give(held)
            self._forget()

    def _send(self, told: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise _DiedError(self._end()) from None

    def _receive(self, deadline: float, timeout_s: float) -> dict[str, Any] | None:
        """The next line; None for the empty one that says that a job was begun."""
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            left = max(deadline - time.monotonic(), 0)
            try:
                if not self._talks.poll(1000 * left):
                    raise SourceError(TIMED_OUT, f"not done within {timeout_s:g} s")
                data = os.read(self._process.stdout.fileno(), _READ)
            except (OSError, ValueError):  # `kill` closed it
                data = b""
            if not data:
                raise _DiedError(self._end())
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line) if line else None

    def _forget(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._said.seek(0, os.SEEK_END) > _KEPT:
                self._said.truncate(0)

    def _end(self) -> str:
        """How it ended, and what it said last."""
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        with contextlib.suppress(OSError, ValueError):
            size = self._said.seek(0, os.SEEK_END)
            self._said.seek(max(0, size - _TOLD))
            said = " ".join(self._said.read().decode("utf-8", "replace").split())
            return f"{how}: {said}" if said else how
        return how

    def kill(self) -> None:
        """End it, and all that it began."""
        with self._ending:
            with contextlib.suppress(ProcessLookupError):
                if self._process.returncode is None:
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for file in (self._process.stdin, self._process.stdout, self._said):
                if file is not None:
                    with contextlib.suppress(OSError):
                        file.close()


def _value(answer: dict[str, Any]) -> Any:
    if "done" in answer:
        return answer["done"]
    kind, *told = answer["raised"]
    error = getattr(errors, kind, None)
    if isinstance(error, type) and issubclass(error, FactoryError):
        raise error(*told)
    raise WorkerError(f"a child process failed: {kind}: {' '.join(told)}"[:2000])
