"""The LoRA benchmark, to its end on tiny checkpoints: what it learns cannot be good, only that it learns."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import lora
from benchmarks.exported import Pair, read_pairs
from iedf_assets.core.contract import ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets_tests.model_envs.qwen.conftest import SIZE
from model_envs.qwen.loading import load_pipeline

Settings = Callable[..., ModelSettings]


@pytest.fixture
def export(photo: Path, tmp_path: Path) -> Path:
    """An imagefolder of two pairs: the photo's box recoloured, and moved by a tenth of the width."""
    source = np.asarray(Image.open(photo))
    mask = np.asarray(Image.open(photo.parent / "mask.png"))
    red, moved = source.copy(), source.copy()
    red[mask > 0] = (200, 20, 30)
    moved[mask > 0] = source[0, 0]
    step = SIZE[0] // 10
    moved[:, step:][mask[:, :-step] > 0] = source[mask > 0]
    recipes: list[dict[str, Any]] = [
        {"task": "semantic_edit", "subtype": "recolor", "colour": "red", "kind": "red"},
        {"task": "structural_edit", "subtype": "move", "dx": step, "dy": 0},
    ]
    for split, recipe, target in zip(("train", "validation"), recipes, (red, moved), strict=True):
        folder = tmp_path / "export" / split
        named = {}
        for role, pixels in (("source", source), ("target", target), ("mask", mask)):
            (folder / role).mkdir(parents=True)
            named[f"{role}_file_name"] = f"{role}/one.png"
            Image.fromarray(pixels).save(folder / role / "one.png")
        row = {"sample_key": split, "instruction_en": "change the box", "recipe": json.dumps(recipe), **named}
        (folder / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path / "export"


@pytest.fixture
def pair(export: Path) -> Pair:
    return read_pairs(export, "train")[0]


@pytest.mark.parametrize("kind", ["edit_plus", "kontext", "klein"])
def test_a_few_steps_bring_a_model_nearer_to_the_pair_it_is_shown(
    kind: str, settings: Settings, pair: Pair
) -> None:
    trainee = lora.Trainee(settings(kind))
    losses = list(lora.train(trainee, [pair], lora.Plan(steps=24, rank=8, rate=3e-2)))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-8:]) < np.mean(losses[:8])


def test_what_the_transformer_is_given_of_a_pair_is_its_pictures_as_the_model_sees_them(
    settings: Settings, pair: Pair
) -> None:
    trainee = lora.Trainee(settings("edit_plus"))
    lesson = trainee.lesson(pair)
    assert lesson.source.shape == lesson.target.shape
    same = trainee.lesson(replace(pair, target=pair.source))
    assert torch.equal(same.source, lesson.source)
    assert torch.equal(same.target, lesson.source)
    assert not torch.equal(lesson.target, lesson.source)


def test_a_model_that_is_given_no_more_than_noise_is_refused(
    settings: Settings, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = lora.Trainee(settings("edit"))
    monkeypatch.setattr(trainee, "_caught", lambda *_: {"hidden_states": torch.zeros(1, 5, 64)})
    with pytest.raises(WorkerError, match="does not hand its source on as tokens"):
        trainee.lesson(pair)


def test_the_script_runs_to_its_end_and_its_lora_loads(
    export: Path, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, output = settings("edit_plus"), tmp_path / "lora"
    told = ["--steps", "3", "--rank", "2", "--sampling-steps", "2", "--cfg", "1", "--megapixels", "0.03",
            "--dtype", "float32", "--device", "cpu"]  # fmt: skip
    lora.main([str(export), asked.model_dir, str(output), *told])
    measures = json.loads((output / "measures.json").read_text("utf-8"))
    assert (measures["pairs"], measures["held_out"], len(measures["losses"])) == (1, 1, 3)
    assert measures["before"].keys() == measures["after"].keys()
    assert measures["before"]["mse_outside"] > 0
    assert "| mse_outside |" in capsys.readouterr().out
    pipe = load_pipeline("edited_images", asked)
    pipe.load_lora_weights(str(output))
    assert pipe.get_active_adapters()


def test_without_pairs_of_both_splits_it_says_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="iedf export imagefolder makes them"):
        lora.main([str(tmp_path), settings("edit").model_dir, str(tmp_path / "lora")])
