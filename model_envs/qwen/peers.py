"""A peer of a worker: a process that holds the denoiser alone, and does its share of each call of it.

Started by `model_envs.qwen.parallel` as `python -m model_envs.qwen.peers FOLDER RANK`, in the worker's
process group. Its standard input brings a line of JSON for each thing to do: first what is to be loaded, then
calls. When that closes, the worker is gone, and the peer ends.
"""

import json
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from iedf_assets.core.contract import ModelSettings
from model_envs.qwen.loading import device_of, load_denoiser
from model_envs.qwen.splitting import meet, rebuilt, received, split

# In the folder of a worker's peers: by what they meet, and what says that one has loaded.
MEETING, LOADED = "meeting", "rank-{}.loaded"


def work(folder: Path, rank: int, lines: "queue.SimpleQueue[str]") -> None:
    """Load, join the others, and do a share of each call until there are no more."""
    told = json.loads(lines.get())
    settings = _on(rank, ModelSettings(**told["settings"]))
    device = device_of(settings)
    denoiser = load_denoiser(told["stage"], settings)
    (folder / LOADED.format(rank)).touch()
    meet(rank, settings.context_parallel, folder / MEETING, device)
    split(denoiser, device)

    def receive(dtype: str, shape: list[int], kind: str) -> torch.Tensor:
        return received(dtype, shape, kind, device)

    with torch.inference_mode():
        for call in iter(lines.get, "\n"):
            args, kwargs = (rebuilt(part, receive) for part in json.loads(call))
            denoiser(*args, **kwargs)
    dist.destroy_process_group()


def _on(rank: int, settings: ModelSettings) -> ModelSettings:
    """The settings of a rank: a GPU of its own, and nothing that other parts need."""
    device = device_of(settings)
    return replace(settings, device=f"cuda:{rank}" if device.type == "cuda" else "cpu", tiling=False)


def _listen(folder: Path, lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    # A worker that was killed leaves that to its peers.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Run as a peer."""
    # Its end is the worker's, which stops between two steps.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(folder, lines), name="calls", daemon=True).start()
    code: Any = 1
    try:
        work(folder, rank, lines)
        code = 0
    except BaseException:  # noqa: BLE001  # whatever it was ends it, and its log says so
        traceback.print_exc()
    sys.stderr.flush()
    # At once: communicators whose other ends are gone may never let go.
    os._exit(code)


if __name__ == "__main__":
    main()
