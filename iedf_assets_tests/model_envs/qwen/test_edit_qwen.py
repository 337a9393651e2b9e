from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig
from PIL import Image

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets_tests.model_envs.qwen.conftest import SIZE, made
from model_envs.edit.diffusers import Backend
from model_envs.qwen.denoising import Stopped

Settings = Callable[..., ModelSettings]
Requests = Callable[..., EditRequest]
KINDS = ("edit", "edit_plus", "inpaint")


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_has_the_photos_size_and_says_what_made_it(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    row, picture = made(backend, edit_request(), tmp_path / "one")
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert (row["status"], row["x"], row["y"]) == ("done", 0, 0)
    told = row["made_with"]
    assert told["model"].startswith("QwenImageEdit")
    assert told["revision"] == backend.revision
    assert (told["steps"], told["cfg"], told["seed"], told["dtype"]) == (2, 4.0, 1, "float32")
    assert told["canvas"][0] % 32 == told["canvas"][1] % 32 == 0
    assert told["scheduler"] == "FlowMatchEulerDiscreteScheduler"
    assert set(told["versions"]) == {"torch", "diffusers", "transformers", "accelerate"}
    _, again = made(backend, edit_request(), tmp_path / "again")
    _, other = made(backend, edit_request(seed=2), tmp_path / "other")
    assert np.array_equal(picture, again)
    assert not np.array_equal(picture, other)


def test_the_whole_picture_can_be_asked_for_without_a_mask(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    request = edit_request(local=False, layers_folder=str(tmp_path / "nowhere"))
    _, picture = made(Backend(settings("inpaint")), request, tmp_path / "one")
    assert picture.shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize("kind", ["edit", "inpaint"])
def test_edits_of_one_size_are_denoised_together_and_come_out_alike(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    single, batched = Backend(settings(kind)), Backend(settings(kind, batch_size=3))
    assert batched.readers is not None
    with ThreadPoolExecutor(batched.readers) as pool:
        outcomes = list(
            pool.map(lambda n: made(batched, edit_request(seed=n), tmp_path / f"batched{n}"), range(6))
        )
    assert max(row["made_with"]["batch"] for row, _ in outcomes) > 1
    for number, (_, picture) in enumerate(outcomes):
        _, alone = made(single, edit_request(seed=number), tmp_path / f"single{number}")
        assert np.abs(picture.astype(int) - alone).max() <= 2


@pytest.mark.parametrize(
    "kind", ["edit_plus", "qwen21", "kontext", "kontext_inpaint", "klein", "klein_inpaint", "longcat"]
)
def test_seeds_of_one_edit_are_denoised_together_and_come_out_alike(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    single, batched = Backend(settings(kind)), Backend(settings(kind, batch_size=3))
    assert batched.readers == 7
    with ThreadPoolExecutor(batched.readers) as pool:
        outcomes = list(
            pool.map(lambda n: made(batched, edit_request(seed=n), tmp_path / f"batched{n}"), range(4))
        )
    assert max(row["made_with"]["batch"] for row, _ in outcomes) == 3
    for number, (_, picture) in enumerate(outcomes):
        _, alone = made(single, edit_request(seed=number), tmp_path / f"single{number}")
        assert np.abs(picture.astype(int) - alone).max() <= 2


def test_edit_plus_is_never_given_several_prompts(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit_plus", batch_size=4))
    with ThreadPoolExecutor(4) as pool:
        requests = [edit_request(seed=n, instruction=f"put {n} lamps there") for n in range(4)]
        rows = list(pool.map(lambda one: made(backend, one, tmp_path / one.key)[0], requests))
    assert {row["made_with"]["batch"] for row in rows} == {1}


def test_prompts_and_pictures_are_encoded_once(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit"))
    encoded = []
    encoder = backend._pipe.text_encoder
    forward = encoder.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        encoded.append(1)
        return forward(*args, **kwargs)

    encoder.forward = counted
    for number in range(4):
        made(backend, edit_request(seed=number), tmp_path / str(number))
    # The instruction and the negative prompt, with the same photo each.
    assert len(encoded) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"offload": "group"},
        {"offload": "model"},
        {"device_map": "balanced"},
        {"quantization": "int8"},
        {"quantization": "fp8", "dtype": "bfloat16"},
        {"attention": "_native_math"},
        {"step_cache": "first_block"},
        {"step_cache": "taylorseer"},
        {"step_cache": "magcache"},
        {"tiling": True},
        {"compile": True},
        {"compile": True, "step_cache": "magcache"},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)
def test_every_option_reaches_the_model_and_still_makes_a_picture(
    changes: dict[str, Any], settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit_plus", **changes))
    transformer, vae = backend._pipe.transformer, backend._pipe.vae
    if "step_cache" in changes:
        assert transformer.is_cache_enabled
    if "tiling" in changes:
        assert vae.use_tiling
    if changes.get("quantization") == "int8":
        assert transformer.is_quantized
    if changes.get("quantization") == "fp8":
        assert torch.float8_e4m3fn in {parameter.dtype for parameter in transformer.parameters()}
    _, picture = made(backend, edit_request(), tmp_path / "one")
    assert picture.shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, True),
        ({"step_cache": "first_block"}, False),
        ({"quantization": "fp8", "dtype": "bfloat16"}, False),
    ],
)
def test_blocks_into_which_something_hooks_are_no_single_graph(
    changes: dict[str, Any], whole: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "diffusers.QwenImageTransformer2DModel.compile_repeated_blocks", lambda _, **how: told.append(how)
    )
    Backend(settings("edit_plus", compile=True, **changes))
    assert told == [{"fullgraph": whole}]


def test_an_attention_backend_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(WorkerError, match="cannot be loaded as asked"):
        Backend(settings("edit", attention="no_such_backend"))


def test_a_gpu_that_is_not_there_is_named(settings: Settings) -> None:
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(WorkerError, match="torch sees none"):
        Backend(settings("edit", device="cuda"))


def test_a_layered_model_cannot_edit(settings: Settings) -> None:
    with pytest.raises(WorkerError, match="QwenImageLayeredPipeline, which the worker of edited_images"):
        Backend(settings("layered"))


def test_a_lightning_lora_comes_with_its_scheduler(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    plain = Backend(settings("edit_plus"))
    pipe = plain._pipe
    pipe.transformer.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_k"], init_lora_weights=False))
    layers = {name: value for name, value in pipe.transformer.state_dict().items() if "lora" in name}
    named = {name.replace(".default", ""): value.contiguous() for name, value in layers.items()}
    pipe.save_lora_weights(str(tmp_path), transformer_lora_layers=named, weight_name="lightning.safetensors")
    lora = str(tmp_path / "lightning.safetensors")
    backend = Backend(settings("edit_plus", lora=lora, cfg=1.0, steps=4))
    scheduler = backend._pipe.scheduler.config
    assert scheduler.base_shift == scheduler.max_shift == pytest.approx(log(3))
    assert scheduler.shift_terminal is None
    assert scheduler.use_dynamic_shifting
    row, picture = made(backend, edit_request(), tmp_path / "one")
    assert (row["made_with"]["lora"], row["made_with"]["steps"]) == ("lightning.safetensors", 4)
    _, other = made(Backend(settings("edit_plus", cfg=1.0, steps=4)), edit_request(), tmp_path / "other")
    assert not np.array_equal(picture, other)


def test_a_worker_that_is_to_stop_stops_between_two_steps(
    settings: Settings,
    edit_request: Requests,
    stopped_midway: Callable[[Any], list[int]],
    tmp_path: Path,
) -> None:
    backend = Backend(settings("edit", steps=50))
    steps = stopped_midway(backend)
    with pytest.raises(Stopped):
        made(backend, edit_request(), tmp_path / "one")
    # Two forwards a step, with guidance.
    assert len(steps) <= 8


def exhausting(backend: Backend, times: int) -> list[int]:
    """Have the model run out of memory so many times; notes how many prompts it was given each time."""
    sizes: list[int] = []
    denoise = backend._denoise

    def hungry(works: list[Any]) -> Any:
        sizes.append(len(works))
        if len(sizes) <= times:
            raise torch.OutOfMemoryError
        return denoise(works)

    backend._denoise = hungry  # type: ignore[method-assign]
    return sizes


@pytest.mark.parametrize(
    ("times", "fallbacks"),
    [
        (1, ["tiling"]),
        (2, ["tiling", "offload"]),
        (3, ["tiling", "offload", "smaller_canvas"]),
    ],
)
def test_out_of_memory_goes_down_the_ladder_and_the_row_says_so(
    times: int, fallbacks: list[str], settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit_plus"))
    exhausting(backend, times)
    for seed in (1, 2):
        row, picture = made(backend, edit_request(seed=seed), tmp_path / str(seed))
        assert row["made_with"]["fallbacks"] == fallbacks
        assert picture.shape == (SIZE[1], SIZE[0], 3)
        width, height = row["made_with"]["canvas"]
        assert (width * height < 0.03e6 * 0.7) == ("smaller_canvas" in fallbacks)


def test_when_the_ladder_has_ended_the_edit_fails(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit_plus"))
    exhausting(backend, 99)
    with pytest.raises(torch.OutOfMemoryError):
        made(backend, edit_request(), tmp_path / "one")


def test_a_batch_that_does_not_fit_is_made_one_by_one(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings("edit", batch_size=4))
    sizes: list[int] = []
    denoise = backend._denoise

    def hungry(works: list[Any]) -> Any:
        sizes.append(len(works))
        if len(works) > 1:
            raise torch.OutOfMemoryError
        return denoise(works)

    backend._denoise = hungry  # type: ignore[method-assign]
    with ThreadPoolExecutor(6) as pool:
        rows = list(pool.map(lambda n: made(backend, edit_request(seed=n), tmp_path / str(n))[0], range(6)))
    assert {row["made_with"]["batch"] for row in rows} == {1}
    assert sum(size > 1 for size in sizes) == 1
    assert rows[-1]["made_with"]["fallbacks"] == ["single"]


def test_the_judge_is_asked_and_its_nonsense_is_no_rating(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    row, _ = made(Backend(settings("edit_plus", judge=True)), edit_request(), tmp_path / "one")
    assert row["judged"] is None


def test_the_judges_answer_becomes_ratings(
    settings: Settings, edit_request: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[Image.Image]]] = []

    def answer(_pipe: Any, question: str, pictures: list[Image.Image], _tokens: int) -> str:
        asked.append((question, pictures))
        return 'Sure: {"instruction": 5, "preservation": 4}'

    monkeypatch.setattr("model_envs.qwen.vision.ask", answer)
    row, _ = made(Backend(settings("edit_plus", judge=True)), edit_request(), tmp_path / "one")
    assert row["judged"] == {"instruction": 5, "preservation": 4}
    question, pictures = asked[0]
    assert "replace the box with a lamp" in question
    assert [picture.size for picture in pictures] == [SIZE, SIZE]
