from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.canvas import fit_canvas
from iedf_assets.core.pictures.layers import load_alpha, load_background, load_object, recompose
from iedf_assets_tests.model_envs.qwen.conftest import SIZE
from model_envs.layered.diffusers import Backend
from model_envs.qwen.vision import read_name, read_rating

Settings = Callable[..., ModelSettings]


def decomposed(backend: Backend, request: LayerRequest, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    return {**backend.run(request, folder), "source_id": request.source_id}


def made_of(backend: Backend, *layers: np.ndarray) -> None:
    """Have the model return these layers, which lie on the photo's own grid."""
    canvas = fit_canvas(*SIZE, 30_000)
    pictures = [Image.fromarray(canvas.put(layer)) for layer in layers]

    def answer(_pipe: Any, **_arguments: Any) -> Any:
        return SimpleNamespace(images=[pictures])

    own = type(backend._pipe)
    pretended = type(own.__name__, (own,), {"__call__": answer, "__module__": own.__module__})
    backend._pipe = pretended(**backend._pipe.components)


def layer(box: tuple[int, int, int, int] | None, colour: tuple[int, int, int]) -> np.ndarray:
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    x, y, width, height = box or (0, 0, *SIZE)
    pixels[y : y + height, x : x + width] = (*colour, 255)
    return pixels


def test_a_real_pipeline_splits_a_photo_and_the_parts_fit_it(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    row = decomposed(Backend(settings("layered")), layer_request, tmp_path / "out")
    assert (row["width"], row["height"]) == SIZE
    assert row["recomposition_error"] > 0
    told = row["made_with"]
    assert told["model"] == "QwenImageLayeredPipeline"
    assert len(told["candidates"]) == 3
    if row["status"] == "done":
        assert {Image.open(tmp_path / "out" / f"layer_{number}.png").size for number in range(4)} == {SIZE}


def test_the_largest_whole_thing_near_the_middle_is_the_object(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    backend = Backend(settings("layered"))
    background = layer(None, (120, 0, 60))
    made_of(
        backend, background, layer((2, 2, 12, 12), (255, 255, 0)), layer((60, 40, 100, 70), (20, 200, 30))
    )
    row = decomposed(backend, layer_request, tmp_path / "out")
    assert row["status"] == "done", row
    assert [one["layer"] for one in row["made_with"]["candidates"]] == [2, 1]
    subject = row["objects"][0]
    assert abs(subject["x"] - 60) <= 3
    assert abs(subject["width"] - 100) <= 6
    mask = np.asarray(Image.open(tmp_path / "out" / "mask.png"))
    assert mask.shape == (SIZE[1], SIZE[0])
    assert 0.9 < np.count_nonzero(mask) / 7000 < 1.1
    rgba, x, y = load_object(tmp_path / "out", subject)
    assert (rgba.shape[2], x, y) == (4, subject["x"], subject["y"])
    assert np.array_equal(load_alpha(tmp_path / "out", subject)[0], rgba[..., 3])
    completed, left, top = load_background(tmp_path / "out", subject)
    assert left <= x
    assert top <= y
    photo = np.asarray(Image.open(layer_request.path))
    assert np.abs(recompose(photo, tmp_path / "out", subject).astype(int) - photo).mean() < 2
    # What lies behind the object takes the photo's shade at the rim, not the model's.
    rim = completed[2, 10:-10].astype(int)
    assert np.abs(rim - photo[top + 1, left + 10 : left + completed.shape[1] - 10]).mean() < 25


def test_without_an_object_the_photo_is_filtered_with_what_was_found(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    backend = Backend(settings("layered"))
    made_of(backend, layer(None, (9, 9, 9)), layer((0, 0, 3, 3), (1, 2, 3)), layer(None, (7, 7, 7)))
    row = decomposed(backend, layer_request, tmp_path / "out")
    assert (row["status"], row["reason"]) == ("filtered", "no_salient_object")
    assert "layer 2 covers 100.0%" in row["detail"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"layer_{number}.png" for number in range(3)
    }


def test_the_mask_alone_is_made_where_no_layer_is_needed(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    backend = Backend(settings("layered"))
    made_of(backend, layer(None, (120, 0, 60)), layer((60, 40, 100, 70), (20, 200, 30)))
    request = type(layer_request)(**{**layer_request.__dict__, "level": "mask"})
    row = decomposed(backend, request, tmp_path / "out")
    assert row["objects"][0]["layer"] is None
    assert (tmp_path / "out" / "alpha.png").exists()


def test_captions_come_from_the_checkpoints_own_model_and_name_the_object(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend(settings("layered", captions=True))
    made_of(backend, layer(None, (120, 0, 60)), layer((60, 40, 100, 70), (20, 200, 30)))
    answers = iter(["A green box on red.", '{"en": "a green box", "ch": "绿色盒子"}'])
    monkeypatch.setattr("model_envs.qwen.vision.ask", lambda *_: next(answers))
    row = decomposed(backend, layer_request, tmp_path / "out")
    assert row["made_with"]["caption"] == "A green box on red."
    assert row["objects"][0]["caption"] == {"en": "a green box", "ch": "绿色盒子"}


def test_the_tiny_models_own_captions_are_kept_and_are_no_names(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    backend = Backend(settings("layered", captions=True))
    row = decomposed(backend, layer_request, tmp_path / "out")
    assert isinstance(row["made_with"]["caption"], str)
    assert all(one["caption"] is None for one in row.get("objects", []))


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ('{"en": "a red cup", "ch": "红色杯子"}', {"en": "a red cup", "ch": "红色杯子"}),
        ('Here: {"en": " a  red cup ", "ch": "红杯"} ok', {"en": "a red cup", "ch": "红杯"}),
        ('{"en": "a red cup", "ch": "cup"}', None),
        ('{"en": "杯子", "ch": "杯子"}', None),
        ('{"en": "' + "long " * 30 + '", "ch": "杯子"}', None),
        ("a red cup", None),
        ("{broken", None),
        ("", None),
    ],
)
def test_a_name_is_short_and_in_both_languages(answer: str, name: dict[str, str] | None) -> None:
    assert read_name(answer) == name


@pytest.mark.parametrize(
    ("answer", "rating"),
    [
        ('{"instruction": 1, "preservation": 5}', {"instruction": 1, "preservation": 5}),
        ('{"instruction": 0, "preservation": 5}', None),
        ('{"instruction": 4.5, "preservation": 5}', None),
        ('{"instruction": "5", "preservation": 5}', None),
        ('{"instruction": true, "preservation": 5}', None),
        ('{"instruction": 5}', None),
        ("5 and 5", None),
    ],
)
def test_a_rating_is_two_whole_numbers_from_one_to_five(answer: str, rating: dict[str, int] | None) -> None:
    assert read_rating(answer) == rating


def test_a_long_thin_object_can_be_named_too(
    settings: Settings, layer_request: LayerRequest, tmp_path: Path
) -> None:
    backend = Backend(settings("layered", captions=True))
    made_of(backend, layer(None, (120, 0, 60)), layer((4, 70, 212, 4), (20, 200, 30)))
    row = decomposed(backend, layer_request, tmp_path / "out")
    assert row["status"] == "done", row
    assert row["objects"][0]["caption"] is None
