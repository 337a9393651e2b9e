"""One denoiser over several processes: the group that they form, and a call's way from the first to all.

A call is told in a line of JSON, which says what its arguments are and what its tensors are like; the tensors
follow by broadcast. Nothing is pickled, and whatever listens does so on the loopback alone.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from diffusers import ContextParallelConfig
from diffusers.models import attention_dispatch

from iedf_assets.core.errors import WorkerError

# What one waits for another at most. Who dies is seen at once: see `model_envs.qwen.parallel`.
PATIENCE = timedelta(hours=1)
KEY = "workers.*.model.context_parallel"
REMEDY = f"set {KEY} to 1, or see docs/models.md for what it needs"
# What a denoiser is told of its prompt's length.
MASK = "encoder_hidden_states_mask"
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
_PLAIN = (bool, int, float, str, type(None))


def meet(rank: int, ranks: int, meeting: Path, device: torch.device) -> None:
    """Form a group with the other ranks; returns when all are there.

    Args:
        meeting: a file by which they find each other.
        device: of this rank.
    """
    for library in ("GLOO", "NCCL"):
        os.environ[f"{library}_SOCKET_IFNAME"] = _LOOPBACK
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        store=dist.FileStore(str(meeting), ranks),
        rank=rank,
        world_size=ranks,
        timeout=PATIENCE,
    )


def split(denoiser: Any, device: torch.device) -> None:
    """Have a denoiser do its share of each call, together with those of the other ranks."""
    # Prompts have any length: only this mode splits what the ranks do not divide.
    config = ContextParallelConfig(ulysses_degree=dist.get_world_size(), ulysses_anything=True)
    # What ranks exchange in attention is not for a compiled graph.
    attention_dispatch._templated_context_parallel_attention = torch.compiler.disable(  # noqa: SLF001
        attention_dispatch._templated_context_parallel_attention  # noqa: SLF001
    )
    with _counted(device):
        denoiser.enable_parallelism(config=config)


@contextmanager
def _counted(device: torch.device) -> Iterator[None]:
    """Has torch count one accelerator where there is none: diffusers divides ranks by their number."""
    own = torch.accelerator.device_count
    if device.type == "cpu":
        torch.accelerator.device_count = lambda: 1
    try:
        yield
    finally:
        torch.accelerator.device_count = own


def without_mask(given: dict[str, Any]) -> dict[str, Any]:
    """A call's named arguments without a mask that hides nothing of the prompt.

    Where the ranks do not divide a prompt's length, diffusers 0.42.1 puts the parts of its mask together
    wrongly.

    Raises:
        WorkerError: the mask hides something.
    """
    mask = given.get(MASK)
    if mask is None:
        return given
    if not mask.all():
        raise WorkerError("a prompt that is filled up to a length cannot be split over several GPUs", REMEDY)
    return {**given, MASK: None}


def described(value: Any, tensors: list[torch.Tensor]) -> Any:
    """What JSON can say of an argument; its tensors are appended to `tensors`.

    Raises:
        WorkerError: it is nothing that can be told.
    """
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        dtype = str(value.dtype).removeprefix("torch.")
        return {"tensor": [dtype, list(value.shape), value.device.type]}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [described(part, tensors) for part in value]}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: described(part, tensors) for name, part in value.items()}}
    if isinstance(value, _PLAIN):
        return value
    raise WorkerError(
        f"a denoiser that is given a {type(value).__name__} cannot be split over several GPUs",
        REMEDY,
    )


def rebuilt(told: Any, receive: Callable[[str, list[int], str], torch.Tensor]) -> Any:
    """The argument that was described; `receive` makes a tensor of its dtype, shape and kind of device."""
    match told:
        case {"tensor": [dtype, shape, device]}:
            return receive(dtype, shape, device)
        case {"tuple": parts}:
            return tuple(rebuilt(part, receive) for part in parts)
        case {"list": parts}:
            return [rebuilt(part, receive) for part in parts]
        case {"dict": parts}:
            return {name: rebuilt(part, receive) for name, part in parts.items()}
    return told


def send(tensor: torch.Tensor) -> None:
    """Hand a tensor of the first rank to all others."""
    _broadcast(tensor.detach().contiguous())


def received(dtype: str, shape: list[int], kind: str, device: torch.device) -> torch.Tensor:
    """A tensor of the first rank's, on the CPU as there, or on this rank's own device."""
    tensor = torch.empty(shape, dtype=getattr(torch, dtype), device=device if kind != "cpu" else kind)
    _broadcast(tensor)
    return tensor


def _broadcast(tensor: torch.Tensor) -> None:
    # By its bytes: not every dtype of a tensor is one that can be sent.
    if tensor.numel():
        dist.broadcast(tensor.reshape(-1).view(torch.uint8), 0)
