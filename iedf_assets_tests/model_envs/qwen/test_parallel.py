"""A picture denoised by two processes, here on a CPU: the same picture, and nothing that hangs or is left."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets_tests.model_envs.qwen.conftest import made
from model_envs.edit.diffusers import Backend
from model_envs.qwen import parallel
from model_envs.qwen.denoising import Stopped
from model_envs.qwen.splitting import described, rebuilt, without_mask
from model_envs.stopping import STOP

Settings = Callable[..., ModelSettings]
Requests = Callable[..., EditRequest]
Split = Callable[..., Backend]


@pytest.fixture
def split(settings: Settings) -> Iterator[Split]:
    """Makes backends of two ranks, which end with the test."""
    backends: list[Backend] = []

    def of(kind: str, **changes: Any) -> Backend:
        backends.append(Backend(settings(kind, context_parallel=2, **changes)))
        return backends[-1]

    yield of
    for backend in backends:
        peers_of(backend).close()


def peers_of(backend: Backend) -> parallel.Peers:
    assert backend._peers is not None
    return backend._peers


def tokens_of(backend: Backend) -> list[int]:
    """Of a picture, as many as this process brings to the end of each call of the denoiser from now on."""
    numbers: list[int] = []
    end = backend._pipe.transformer.proj_out
    end.register_forward_pre_hook(lambda _, given: numbers.append(given[0].shape[1]))
    return numbers


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["edit_plus", "klein_modular"])
def test_two_processes_make_the_picture_that_one_makes_and_end_with_their_worker(
    kind: str, split: Split, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend, whole = split(kind), Backend(settings(kind))
    assert backend._memory._rungs == ["tiling", "smaller_canvas"]
    some, all_ = tokens_of(backend), tokens_of(whole)
    for seed in (1, 2):
        row, picture = made(backend, edit_request(seed=seed), tmp_path / f"split{seed}")
        told, alone = made(whole, edit_request(seed=seed), tmp_path / f"whole{seed}")
        assert np.abs(picture.astype(int) - alone).max() <= 2
        assert row["made_with"] == told["made_with"]
    assert some == [-(-number // 2) for number in all_] != []
    # Stopped between two steps, they are ready for the next picture.
    STOP.set()
    with pytest.raises(Stopped):
        made(backend, edit_request(), tmp_path / "stopped")
    STOP.clear()
    _, again = made(backend, edit_request(seed=2), tmp_path / "again")
    assert np.array_equal(again, picture)
    peers = peers_of(backend)
    peers.close()
    assert peers._others[1].returncode == 0
    assert not peers._folder.exists()


@pytest.mark.slow
def test_a_peer_that_dies_in_a_call_ends_the_worker_at_once_which_says_so(
    split: Split, edit_request: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ended = threading.Event()
    monkeypatch.setattr(parallel, "end_worker", ended.set)
    backend = split("klein", steps=200)
    peers = peers_of(backend)
    peer = peers._others[1]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            made(backend, edit_request(), tmp_path / "one")
        except RuntimeError as error:
            failures.append(error)

    working = threading.Thread(target=work)
    working.start()
    time.sleep(1)
    os.kill(peer.pid, signal.SIGKILL)
    assert ended.wait(5)
    working.join(10)
    assert not working.is_alive()
    assert failures
    assert "rank 1 of 2 that denoise together failed: SIGKILL" in capsys.readouterr().err
    assert gone(peer.pid)
    assert not peers._folder.exists()


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("qwen21", {}, "no way to split a QwenImage21Transformer2DModel"),
        ("longcat", {}, "no way to split a LongCatImageTransformer2DModel"),
        ("edit_plus", {"context_parallel": 3}, "by which the 2 heads of a QwenImageTransformer2DModel"),
        ("edit_plus", {"attention": "_native_math"}, "the attention backend _native_math does not do"),
        ("edit_plus", {"device_map": "balanced"}, "does not go with device_map: balanced"),
        ("klein_modular", {"offload": "group"}, "does not go with offload: group"),
        ("klein", {"step_cache": "magcache", "batch_size": 2}, "step_cache: magcache, batch_size: 2"),
    ],
)
def test_what_cannot_be_split_is_refused_by_its_key_before_anything_is_started(
    kind: str, changes: dict[str, Any], said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "Peers", None)
    with pytest.raises(WorkerError, match="context_parallel") as caught:
        Backend(settings(kind, **{"context_parallel": 2, **changes}))
    assert said in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize(("gpus", "said"), [(0, "torch sees no GPU"), (1, "the worker sees 1 GPUs")])
def test_too_few_gpus_are_refused(
    gpus: int, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(WorkerError, match=said):
        Backend(settings("edit_plus", context_parallel=2, device="auto"))


def test_the_arguments_of_a_call_arrive_as_they_were() -> None:
    given = (
        (torch.zeros(2, 3, dtype=torch.bfloat16), None, 2.5),
        {
            "img_shapes": [[(1, 4, 6), (1, 4, 6)]],
            "more": {"mask": torch.ones(2, dtype=torch.bool)},
            "x": True,
        },
    )
    tensors: list[torch.Tensor] = []
    told = described(given, tensors)
    asked: list[tuple[str, list[int], str]] = []

    def receive(dtype: str, shape: list[int], kind: str) -> torch.Tensor:
        asked.append((dtype, shape, kind))
        return tensors[len(asked) - 1]

    args, kwargs = rebuilt(told, receive)
    assert asked == [("bfloat16", [2, 3], "cpu"), ("bool", [2], "cpu")]
    assert (args[1:], kwargs["img_shapes"], kwargs["x"]) == ((None, 2.5), [[(1, 4, 6), (1, 4, 6)]], True)
    assert args[0] is tensors[0]
    assert kwargs["more"]["mask"] is tensors[1]


def test_a_mask_that_hides_nothing_is_left_out_and_one_that_does_is_refused() -> None:
    given = {"encoder_hidden_states_mask": torch.ones(1, 5, dtype=torch.int64), "return_dict": False}
    assert without_mask(given) == {"encoder_hidden_states_mask": None, "return_dict": False}
    assert without_mask({"return_dict": False}) == {"return_dict": False}
    given["encoder_hidden_states_mask"] = torch.tensor([[1, 1, 0]])
    with pytest.raises(WorkerError, match="filled up to a length"):
        without_mask(given)


def test_an_argument_that_nobody_can_tell_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(WorkerError, match="given a object cannot be split"):
        described({"kv_cache": object()}, [])
