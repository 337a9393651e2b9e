"""Running a pipeline: one at a time, in batches where that is right, stoppable, and within memory.

Requests come from several threads, which read the next photos and write the last results meanwhile. Whoever
gets the model takes along what waits and fits into its batch.
"""

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch

from model_envs.qwen.loading import group_offload
from model_envs.stopping import STOP

_log = logging.getLogger(__name__)
# How long a batch that is not full waits for more, seconds: little beside an edit.
GATHER_S = 0.2


class Stopped(KeyboardInterrupt):  # an interrupt, which is no error
    """The worker is to stop; raised between two denoising steps."""


@dataclass(eq=False)
class _Ticket:
    """One request that waits for the model."""

    kind: Hashable
    item: Any
    outcome: Future[Any] = field(default_factory=Future)


class Turnstile:
    """Lets requests at the model one batch after another.

    Args:
        run: makes a batch of items of one kind; returns a result for each.
        size: of a batch, at most.
    """

    def __init__(self, run: Callable[[list[Any]], list[Any]], size: int) -> None:
        self._run = run
        self.size = size
        self._waiting: list[_Ticket] = []
        self._queue, self._model = threading.Lock(), threading.Lock()

    def __call__(self, kind: Hashable, item: Any) -> Any:
        """The result for an item; items of the same kind may be made together."""
        ticket = _Ticket(kind, item)
        with self._queue:
            self._waiting.append(ticket)
        with self._model:
            if not ticket.outcome.done():
                self._gather(kind)
                self._work_off(ticket)
        return ticket.outcome.result()

    def _gather(self, kind: Hashable) -> None:
        """Wait a moment for those that can be made together, and are read already or almost."""
        until = time.monotonic() + GATHER_S
        while self.size > 1 and time.monotonic() < until:
            with self._queue:
                if sum(ticket.kind == kind for ticket in self._waiting) >= self.size:
                    return
            time.sleep(GATHER_S / 20)

    def _work_off(self, first: _Ticket) -> None:
        with self._queue:
            alike = [ticket for ticket in self._waiting if ticket.kind == first.kind and ticket is not first]
            batch = [first, *alike[: self.size - 1]]
            self._waiting = [ticket for ticket in self._waiting if ticket not in batch]
        try:
            results = self._run([ticket.item for ticket in batch])
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for it
            for ticket in batch:
                ticket.outcome.set_exception(error)
        else:
            for ticket, result in zip(batch, results, strict=True):
                ticket.outcome.set_result(result)


class Memory:
    """What is given up, step by step, when the GPU runs out of memory.

    The ladder: smaller batches, decoding in tiles, parts of the model off the GPU, a smaller canvas. A rung
    stays for the rest of the worker's life, is logged, and is told in every row made from then on.

    Args:
        free: gives back memory that is only there for speed.
        may_offload: whether parts of the model may leave the GPU.

    Attributes:
        fallbacks: the rungs taken so far.
        canvas_share: of the canvas's area that is left.
    """

    def __init__(
        self, pipe: Any, device: torch.device, free: Callable[[], None], *, may_offload: bool
    ) -> None:
        self._pipe, self._device, self._free = pipe, device, free
        self.fallbacks: list[str] = []
        self.canvas_share = 1.0
        self._rungs = ["tiling", *(["offload"] if may_offload else []), "smaller_canvas"]

    def within(self, batch: int, attempt: Callable[[], Any]) -> Any:
        """What `attempt` returns; after an out of memory it is tried again a rung lower.

        Args:
            batch: how many items it makes at once; more than one is given back to be made one by one.

        Raises:
            BatchTooLargeError: the batch has to be made one by one.
            torch.OutOfMemoryError: the ladder has ended.
        """
        while True:
            try:
                return attempt()
            except torch.OutOfMemoryError:
                self._clean_up()
                if batch > 1:
                    self._note("single")
                    raise BatchTooLargeError from None
                if not self._rungs:
                    raise
                self._give_up(self._rungs.pop(0))

    def _give_up(self, rung: str) -> None:
        self._note(rung)
        if rung == "tiling":
            self._pipe.vae.enable_tiling()
        elif rung == "offload":
            group_offload(self._pipe, self._device)
        else:
            self.canvas_share = 0.5

    def _note(self, rung: str) -> None:
        if rung not in self.fallbacks:
            self.fallbacks.append(rung)
            _log.warning("out of memory: falling back to %s from here on", rung)

    def _clean_up(self) -> None:
        self._free()
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


class BatchTooLargeError(Exception):
    """A batch did not fit into memory: its items are to be made one by one."""


class WorkingArea:
    """Has a pipeline work on another area than its own, which its module may hold as a constant.

    Args:
        share: of the pipeline's own area.
    """

    def __init__(self, pipe: Any, share: float) -> None:
        own = type(pipe).__module__
        # A modular pipeline's encoders do it, in a module beside its own.
        encoders = f"{own.rpartition('.')[0]}.encoders" if own.endswith(".modular_pipeline") else own
        self._module: Any = sys.modules.get(encoders, sys.modules[own])
        self._share = share

    def __enter__(self) -> None:
        self._own = own = getattr(self._module, "calculate_dimensions", None)
        if own is not None and self._share != 1:
            self._module.calculate_dimensions = lambda area, ratio: own(area * self._share, ratio)

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._module.calculate_dimensions = self._own


def stop_between_steps(_pipe: Any, _step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
    """For `callback_on_step_end`: ends the run when the worker is to stop.

    Raises:
        Stopped: it is.
    """
    if STOP.is_set():
        raise Stopped
    return kept


def stop_before(*_: Any) -> None:
    """For a denoiser's forward hook, where a pipeline has no `callback_on_step_end`: the same.

    Raises:
        Stopped: the worker is to stop.
    """
    if STOP.is_set():
        raise Stopped


def generators(seeds: list[int]) -> list[torch.Generator]:
    """One per item, on the CPU, so that every device draws the same noise."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
