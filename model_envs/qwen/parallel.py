"""A picture denoised by several GPUs of a group: the worker's side.

The worker is the first rank. It starts a peer for each further GPU (`model_envs.qwen.peers`), which holds the
denoiser alone; diffusers splits the sequence over all of them. Everything else stays with the worker. When
one of them fails in a call, the others would wait for it: the worker ends then, and with it all of them.
"""

import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import diffusers
import torch
import torch.distributed as dist
from diffusers.models.attention_dispatch import _AttentionBackendRegistry

from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.checkpoints import Checkpoint, against_splitting, checkpoint
from iedf_assets.core.profile.fields import PROJECT_ROOT
from model_envs.qwen.loading import denoiser_of, device_of, load_pipeline
from model_envs.qwen.peers import LOADED, MEETING
from model_envs.qwen.splitting import KEY, REMEDY, described, meet, send, split, without_mask

POLL_S = 0.05
# How long peers may take to end by themselves, and how long one looks for who failed first, seconds.
ENDING_S, LOOKING_S = 5.0, 2.0
# Lines of a log's end that an error shows: the launcher shows fifteen of a worker's.
SHOWN = 10


def load_together(stage: str, settings: ModelSettings) -> tuple[Any, "Peers | None"]:
    """The pipeline of a checkpoint, and those who do a part of its denoising; None where nobody does.

    Raises:
        WorkerError: see `load_pipeline`; or it cannot be split as asked.
    """
    if settings.context_parallel == 1:
        return load_pipeline(stage, settings), None
    device = device_of(settings)
    _require_splittable(checkpoint(Path(settings.model_dir), stage), settings, device)
    peers = Peers(stage, settings)
    try:
        pipe = load_pipeline(stage, settings)
        peers.join(denoiser_of(pipe), device)
    except BaseException:
        peers.close()
        raise
    return pipe, peers


class Peers:
    """The processes that denoise together with this one: they load what the settings say, and wait."""

    def __init__(self, stage: str, settings: ModelSettings) -> None:
        self._ranks = settings.context_parallel
        self._folder = Path(mkdtemp(prefix="iedf-peers-"))
        self._end = threading.Lock()
        # Whether all ranks wait for the next call.
        self._in_step = self._closed = False
        self._others: dict[int, subprocess.Popen[bytes]] = {}
        # Threads of requests are waited for before: no call is under way then.
        atexit.register(self.close)
        told = json.dumps({"stage": stage, "settings": asdict(settings)})
        for rank in range(1, self._ranks):
            self._others[rank] = self._started(rank)
            self._tell(rank, told)

    def join(self, denoiser: Any, device: torch.device) -> None:
        """Have them take part in each call of a denoiser from now on; there is one call at a time.

        Raises:
            WorkerError: one of them could not load it.
        """
        self._await_loaded()
        for rank in self._others:
            threading.Thread(target=self._watch, args=(rank,), name=f"rank-{rank}", daemon=True).start()
        meet(0, self._ranks, self._folder / MEETING, device)
        split(denoiser, device)
        self._in_step = True
        own = denoiser.forward

        @functools.wraps(own)
        def forward(*args: Any, **kwargs: Any) -> Any:
            return self._called(own, args, kwargs)

        denoiser.forward = forward

    def close(self) -> None:
        """End them, gently where no call is under way; nothing of them is left."""
        with self._end:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        if self._in_step:
            self._leave()
        self._kill(ENDING_S)

    def _leave(self) -> None:
        """Dissolve the group, all ranks together, as NCCL wants it; what does not let go is left behind."""
        for rank in self._others:
            self._tell(rank, "")
        leaving = threading.Thread(target=dist.destroy_process_group, daemon=True)
        leaving.start()
        leaving.join(ENDING_S)

    def _called(self, own: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kwargs, tensors = without_mask(kwargs), list[torch.Tensor]()
        told = json.dumps([described(part, tensors) for part in (args, kwargs)])
        self._in_step = False
        for rank in self._others:
            self._tell(rank, told)
        try:
            for tensor in tensors:
                send(tensor)
            made = own(*args, **kwargs)
        except Exception:
            self._failed(self._looked_for(), traceback.format_exc())
            raise
        self._in_step = True
        return made

    def _started(self, rank: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "model_envs.qwen.peers", str(self._folder), str(rank)]
        with self._log(rank).open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=PROJECT_ROOT)

    def _tell(self, rank: int, line: str) -> None:
        pipe = self._others[rank].stdin
        assert pipe is not None
        # One that is gone is noticed elsewhere.
        with suppress(OSError):
            pipe.write(f"{line}\n".encode())
            pipe.flush()

    def _await_loaded(self) -> None:
        left = set(self._others)
        while left:
            for rank in sorted(left):
                if self._others[rank].poll() is not None:
                    raise WorkerError(
                        f"rank {rank} of {self._ranks} could not load the model: {self._end_of(rank)}", REMEDY
                    )
            left = {rank for rank in left if not (self._folder / LOADED.format(rank)).exists()}
            time.sleep(POLL_S if left else 0)

    def _watch(self, rank: int) -> None:
        self._others[rank].wait()
        self._failed(rank, "")

    def _looked_for(self) -> int:
        """The rank for which a call failed: a peer that is gone, or else this one."""
        until = time.monotonic() + LOOKING_S
        while time.monotonic() < until:
            for rank, other in self._others.items():
                if other.poll() is not None:
                    return rank
            time.sleep(POLL_S)
        return 0

    def _failed(self, rank: int, said: str) -> None:
        """Say which rank failed, and end the worker, unless all is at its end anyway."""
        with self._end:
            if self._closed:
                return
            self._closed = True
            how = self._end_of(rank) if rank else _last_lines(said)
            problem = f"rank {rank} of {self._ranks} that denoise together failed: {how}"
            print(WorkerError(problem, REMEDY), file=sys.stderr, flush=True)  # noqa: T201  # into its log
            self._kill(0)
            end_worker()

    def _kill(self, patience_s: float) -> None:
        """End their processes, and remove their folder."""
        until = time.monotonic() + patience_s
        for other in self._others.values():
            assert other.stdin is not None
            with suppress(OSError):
                other.stdin.close()
        for other in self._others.values():
            try:
                other.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _log(self, rank: int) -> Path:
        return self._folder / f"rank-{rank}.log"

    def _end_of(self, rank: int) -> str:
        code = self._others[rank].wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"{how}\n{_last_lines(self._log(rank).read_text('utf-8', 'replace'))}"


def end_worker() -> None:
    """End this process as one that was killed: the launcher starts another."""
    os.kill(os.getpid(), signal.SIGKILL)


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-SHOWN:]) or "(it printed nothing)"


def _require_splittable(found: Checkpoint, settings: ModelSettings, device: torch.device) -> None:
    """See that a checkpoint's denoiser can be split as the settings ask for.

    Raises:
        WorkerError: it cannot.
    """
    ranks = settings.context_parallel
    why = against_splitting(asdict(settings))
    if why:
        raise WorkerError(f"{KEY}: {ranks} does not go with {', '.join(why)}", REMEDY)
    name = found.components.get("transformer", "")
    kind: Any = getattr(diffusers, name, None)
    if getattr(kind, "_cp_plan", None) is None:
        raise WorkerError(
            f"{KEY} is {ranks}, and diffusers has no way to split a {name or found.class_name}", REMEDY
        )
    heads = kind.load_config(found.folder / "transformer", local_files_only=True)["num_attention_heads"]
    if heads % ranks:
        raise WorkerError(f"{KEY} is {ranks}, by which the {heads} heads of a {name} do not divide", REMEDY)
    able = sorted(_AttentionBackendRegistry._supports_context_parallel)  # noqa: SLF001  # nothing else tells
    if settings.attention not in (None, *able):
        raise WorkerError(
            f"{KEY} is {ranks}, which the attention backend {settings.attention} does not do",
            f"set workers.*.model.attention to null or one of {', '.join(able)}",
        )
    if device.type == "cuda" and torch.cuda.device_count() < ranks:
        raise WorkerError(
            f"{KEY} is {ranks}, and the worker sees {torch.cuda.device_count()} GPUs",
            "name so many in each group of workers.*.devices",
        )
    if device.type == "cpu" and settings.device != "cpu":
        raise WorkerError(
            f"{KEY} is {ranks}, and torch sees no GPU", "set workers.*.model.device to cpu to try it without"
        )
