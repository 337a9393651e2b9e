"""Checkpoints with an index of blocks alone: loaded through `ModularPipeline`, and run end to end."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest

from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets_tests.model_envs.qwen.conftest import SIZE, made, showing, sizes_made
from model_envs.edit.diffusers import Backend
from model_envs.layered.diffusers import Backend as Layered
from model_envs.qwen.denoising import Stopped

Settings = Callable[..., ModelSettings]
Requests = Callable[..., EditRequest]
KINDS = ("klein_modular", "kontext_modular", "edit_plus_modular", "qwen21_modular")
SEVERAL = ("klein_modular", "edit_plus_modular", "qwen21_modular")


@pytest.mark.parametrize("kind", KINDS)
def test_each_edits_a_photo_by_its_seed_as_the_row_of_its_models_says(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    assert isinstance(backend._pipe, diffusers.ModularPipeline)
    assert backend._kind.known
    row, picture = made(backend, edit_request(), tmp_path / "one")
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert row["made_with"]["model"] == type(backend._pipe).__name__
    _, again = made(backend, edit_request(), tmp_path / "again")
    _, other = made(backend, edit_request(seed=2), tmp_path / "other")
    _, words = made(backend, edit_request(instruction="remove it all"), tmp_path / "words")
    assert np.array_equal(picture, again)
    assert not np.array_equal(picture, other)
    assert not np.array_equal(picture, words)


@pytest.mark.parametrize("kind", ["klein", "kontext", "edit_plus"])
def test_pictures_are_those_of_the_pipeline_in_one_piece(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    _, modular = made(Backend(settings(f"{kind}_modular")), edit_request(), tmp_path / "modular")
    _, whole = made(Backend(settings(kind)), edit_request(), tmp_path / "whole")
    assert np.array_equal(modular, whole)


def test_photos_are_split_as_by_the_pipeline_in_one_piece(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    layers = []
    for kind in ("layered", "layered_modular"):
        folder = tmp_path / kind
        folder.mkdir()
        row = Layered(settings(kind)).run(layer_request, folder)
        layers.append([(folder / f"layer_{number}.png").read_bytes() for number in range(4)])
        assert row["made_with"]["model"].startswith("QwenImageLayered")
    assert layers[0] == layers[1]


@pytest.mark.parametrize("kind", KINDS)
def test_it_makes_pictures_on_the_canvas_that_it_is_given(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    sizes = sizes_made(backend)
    row, _ = made(backend, edit_request(), tmp_path / "one")
    assert sizes == [tuple(row["made_with"]["canvas"])]


@pytest.mark.parametrize("kind", SEVERAL)
def test_it_is_shown_an_object_of_another_photo(
    kind: str, settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    backend = Backend(settings(kind))
    request = edit_request()
    _, picture = made(backend, showing(request), tmp_path / "shown")
    _, without = made(backend, request, tmp_path / "without")
    assert not np.array_equal(picture, without)


def test_the_guidance_of_the_profile_is_that_of_its_guider(
    settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    pictures = []
    for cfg in (1.0, 4.0):
        backend = Backend(settings("edit_plus_modular", cfg=cfg))
        assert backend._pipe.guider.guidance_scale == cfg
        pictures.append(made(backend, edit_request(), tmp_path / str(cfg))[1])
    assert not np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("options", [{"offload": "group"}, {"tiling": True}, {"quantization": "fp8"}])
def test_options_that_belong_to_its_parts_work(
    options: dict[str, Any], settings: Settings, edit_request: Requests, tmp_path: Path
) -> None:
    row, _ = made(Backend(settings("klein_modular", **options)), edit_request(), tmp_path / "one")
    assert row["status"] == "done"


@pytest.mark.parametrize(
    "options",
    [
        {"offload": "model"},
        {"quantization": "int8"},
        {"device_map": "balanced"},
        {"step_cache": "first_block"},
    ],
)
def test_options_that_want_a_whole_pipeline_are_refused(options: dict[str, Any], settings: Settings) -> None:
    with pytest.raises(WorkerError, match="holds a modular pipeline, which does not take"):
        Backend(settings("klein_modular", **options))


def test_it_stops_between_two_steps(
    settings: Settings, edit_request: Requests, stopped_midway: Callable[[Any], list[int]], tmp_path: Path
) -> None:
    backend = Backend(settings("klein_modular", steps=50))
    steps = stopped_midway(backend)
    with pytest.raises(Stopped):
        made(backend, edit_request(), tmp_path / "one")
    assert len(steps) <= 8


def test_parts_come_from_the_folder_alone_and_code_in_it_is_not_run(
    settings: Settings, tmp_path: Path
) -> None:
    whole = settings("klein_modular")
    folder = tmp_path / "copy"
    shutil.copytree(whole.model_dir, folder)
    told = replace(whole, model_dir=str(folder))
    assert json.loads((folder / "modular_model_index.json").read_text("utf-8"))["vae"][2][
        "pretrained_model_name_or_path"
    ] == ("somebody/some-model")
    (folder / "block.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Block: pass\n")
    blocks = {"auto_map": {"ModularPipelineBlocks": "block.Block"}}
    (folder / "modular_config.json").write_text(json.dumps(blocks))
    with pytest.raises(WorkerError, match="cannot be loaded as asked"):
        Backend(told)
    assert not (tmp_path / "ran").exists()
    (folder / "modular_config.json").unlink()
    (folder / "vae" / "config.json").write_text('{"_class_name": "NoSuchClass"}')
    with pytest.raises(WorkerError, match="vae"):
        Backend(told)
