"""The classical layered backend on real photos."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.layers import load_alpha, load_background, load_object, recompose
from iedf_assets.core.storage.files import content_hash
from model_envs.layered.classical import Backend

# Points as shares of width and height that belong to the subject, and points that do not.
SUBJECTS = {
    "astronaut": ([(0.42, 0.16), (0.45, 0.62)], [(0.05, 0.08), (0.85, 0.3), (0.7, 0.08)]),
    "coffee": ([(0.5, 0.3), (0.45, 0.75), (0.6, 0.62)], [(0.05, 0.1), (0.95, 0.9), (0.9, 0.1)]),
    "chelsea": ([(0.5, 0.5), (0.3, 0.35), (0.2, 0.8)], [(0.97, 0.75), (0.02, 0.1)]),
    "rocket": ([(0.505, 0.5), (0.505, 0.7)], [(0.3, 0.3), (0.75, 0.4), (0.1, 0.5)]),
}
TEXTURES = ("grass", "gravel", "brick")


def put(folder: Path, photo: Pixels) -> Path:
    path = folder / "photo.png"
    path.write_bytes(encode_png(photo))
    return path


def decompose(path: Path, folder: Path, level: str = "layers", **changes: Any) -> dict[str, Any]:
    request = LayerRequest(
        key="k",
        source_id=content_hash(path.read_bytes()),
        path=str(path),
        max_megapixels=16,
        max_pixels=200_000_000,
        level=level,
        max_area=changes.pop("max_area", 1.0),
        seed=7,
        output=str(folder),
    )
    folder.mkdir()
    return {**Backend(ModelSettings()).run(request, folder), "source_id": request.source_id}


@pytest.mark.parametrize(
    "name",
    [name if name == "coffee" else pytest.param(name, marks=pytest.mark.slow) for name in SUBJECTS],
)
@pytest.mark.parametrize("factor", [1.0, pytest.param(1.7, marks=pytest.mark.slow)])
def test_the_mask_covers_the_subject_and_not_its_surroundings(
    tmp_path: Path, name: str, factor: float
) -> None:
    photo = cv2.resize(getattr(data, name)(), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    row = decompose(put(tmp_path, photo.astype(np.uint8)), tmp_path / "out", level="mask")
    assert row["status"] == "done", row
    mask = decode(tmp_path / "out" / "mask.png")
    assert set(np.unique(mask)) == {0, 255}
    inside, outside = SUBJECTS[name]
    height, width = mask.shape
    assert all(mask[int(y * height), int(x * width)] == 255 for x, y in inside)
    assert all(mask[int(y * height), int(x * width)] == 0 for x, y in outside)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name == "gravel" else pytest.param(name, marks=pytest.mark.slow) for name in TEXTURES]
)
def test_a_photo_in_which_nothing_stands_out_is_filtered_with_figures(tmp_path: Path, name: str) -> None:
    photo = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_GRAY2RGB)
    row = decompose(put(tmp_path, photo.astype(np.uint8)), tmp_path / "out")
    assert (row["status"], row["reason"]) == ("filtered", "no_salient_object")
    assert "score" in row["detail"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["seen.png"]


@pytest.mark.parametrize("kind", ["flat", "gradient", "noise"])
def test_made_up_pictures_without_a_subject_are_filtered(tmp_path: Path, kind: str) -> None:
    ramp = np.linspace(0, 255, 300, dtype=np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    flat = np.full((200, 300, 3), 90, np.uint8)
    photo = {"flat": flat, "gradient": np.tile(ramp[None, :, None], (200, 1, 3)), "noise": noise}[kind]
    assert decompose(put(tmp_path, photo), tmp_path / "out")["status"] == "filtered"


@pytest.mark.slow
def test_the_layers_recompose_to_the_photo(tmp_path: Path) -> None:
    photo = data.rocket()
    row = decompose(put(tmp_path, photo), tmp_path / "out")
    whole = recompose(photo, tmp_path / "out", row["objects"][0])
    error = float(np.abs(whole.astype(np.int16) - photo).mean())
    assert error == pytest.approx(row["recomposition_error"], abs=1e-3)
    assert error < 0.5
    (one,) = row["objects"]
    assert [one[name]["file"] for name in ("background", "layer")] == ["background.png", "object_1.png"]


@pytest.mark.slow
def test_the_completed_background_no_longer_shows_the_object(tmp_path: Path) -> None:
    photo = data.rocket()
    row = decompose(put(tmp_path, photo), tmp_path / "out")
    background, x, y = load_background(tmp_path / "out", row["objects"][0])
    height, width = background.shape[:2]
    mask = decode(tmp_path / "out" / "mask.png")[y : y + height, x : x + width] > 0
    before = photo[y : y + height, x : x + width][mask].mean()
    assert background[mask].mean() < 0.7 * before


@pytest.mark.slow
def test_the_box_holds_all_of_the_alpha_and_the_facts_agree(tmp_path: Path) -> None:
    row = decompose(put(tmp_path, data.coffee()), tmp_path / "out")
    rgba, x, y = load_object(tmp_path / "out", row["objects"][0])
    subject = row["objects"][0]
    assert (x, y, rgba.shape[1], rgba.shape[0]) == tuple(subject[k] for k in ("x", "y", "width", "height"))
    alpha = rgba[..., 3]
    assert alpha[0].any()
    assert alpha[-1].any()
    assert alpha[:, 0].any()
    assert alpha[:, -1].any()
    mask = decode(tmp_path / "out" / "mask.png")
    assert subject["area_share"] == pytest.approx((mask > 0).mean(), abs=1e-4)
    red, green, blue = subject["colour"]
    assert red > green + 40
    assert red > blue + 40


def test_level_mask_and_subjects_too_large_for_any_edit_get_no_layers(tmp_path: Path) -> None:
    path = put(tmp_path, data.coffee())
    for name, changes in (("a", {"level": "mask"}), ("b", {"max_area": 0.3})):
        row = decompose(path, tmp_path / name, **changes)
        (one,) = row["objects"]
        assert (one["layer"], one["background"]) == (None, None)
        assert {file.name for file in (tmp_path / name).iterdir()} == {"mask.png", "alpha.png"}
        alpha, x, y = load_alpha(tmp_path / name, one)
        assert (x, y) == (one["x"], one["y"])
        assert alpha.max() == 255


@pytest.mark.slow
def test_bytes_do_not_depend_on_what_drew_from_the_generator_before(tmp_path: Path) -> None:
    paths = {}
    for name in ("rocket", "coffee"):
        (tmp_path / name).mkdir()
        small = cv2.resize(getattr(data, name)(), (320, 213), interpolation=cv2.INTER_AREA)
        paths[name] = put(tmp_path / name, small.astype(np.uint8))
    outputs: list[dict[str, bytes]] = []
    for turn, order in enumerate((("rocket", "coffee"), ("coffee", "rocket"))):
        cv2.setRNGSeed(turn * 1000)
        cv2.kmeans(np.zeros((9, 1), np.float32), 2, np.zeros((9, 1), np.int32), (3, 2 + turn, 1), 1, 0)
        files: dict[str, bytes] = {}
        for name in order:
            folder = tmp_path / f"{turn}-{name}"
            decompose(paths[name], folder)
            files |= {f"{name}/{file.name}": file.read_bytes() for file in folder.iterdir()}
        outputs.append(files)
    assert outputs[0] == outputs[1]
