"""The backend onnx on real photos, with the network that set-up brings."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.layers import files_of
from iedf_assets.core.pictures.objects import Found
from iedf_assets.core.profile.checkpoints import network_settings
from iedf_assets.core.storage.files import content_hash
from iedf_assets_tests.helpers.networks import put_network
from iedf_assets_tests.model_envs.layered.test_side_by_side import cat, cup, pasted
from model_envs.layered.onnx import MOST, Backend, chosen
from model_envs.layered.side_by_side import SEVERAL

# Points as shares of width and height that belong to the subject, and points that do not.
SUBJECTS = {
    "astronaut": ([(0.42, 0.16), (0.45, 0.62), (0.3, 0.8)], [(0.05, 0.08), (0.7, 0.08)]),
    "coffee": ([(0.5, 0.3), (0.45, 0.75), (0.6, 0.62)], [(0.05, 0.1), (0.95, 0.9), (0.9, 0.1)]),
    "chelsea": ([(0.5, 0.5), (0.3, 0.35)], [(0.97, 0.75), (0.02, 0.1)]),
    "rocket": ([(0.505, 0.5), (0.505, 0.7)], [(0.3, 0.3), (0.75, 0.4), (0.1, 0.5)]),
}


@pytest.fixture(scope="module")
def backend() -> Backend:
    return Backend(network_settings(None))


def decompose(backend: Backend, photo: Pixels, folder: Path, level: str = "mask") -> dict[str, Any]:
    folder.mkdir(parents=True)
    path = folder.parent / f"{folder.name}.png"
    path.write_bytes(encode_png(photo))
    request = LayerRequest(
        key="k", source_id=content_hash(path.read_bytes()), path=str(path), max_megapixels=16,
        max_pixels=200_000_000, level=level, max_area=1.0, seed=7, output=str(folder),
    )  # fmt: skip
    return {**backend.run(request, folder), "source_id": request.source_id}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in SUBJECTS])
def test_the_mask_covers_the_subject_and_not_its_surroundings(
    backend: Backend, tmp_path: Path, name: str
) -> None:
    row = decompose(backend, getattr(data, name)(), tmp_path / "out")
    assert row["status"] == "done", row
    mask = decode(tmp_path / "out" / "mask.png")
    assert set(np.unique(mask)) == {0, 255}
    inside, outside = SUBJECTS[name]
    height, width = mask.shape
    assert all(mask[int(y * height), int(x * width)] == 255 for x, y in inside)
    assert all(mask[int(y * height), int(x * width)] == 0 for x, y in outside)
    assert not row["objects"][0]["several"]


@pytest.mark.slow
def test_things_that_do_not_touch_are_objects_and_together_one_more(backend: Backend, tmp_path: Path) -> None:
    photo = data.coffee()
    row = decompose(backend, np.hstack([photo, photo[:, ::-1]]), tmp_path / "out", level="layers")
    *alone, _ = row["objects"]
    assert [one["number"] for one in row["objects"]] == [1, 2, 3]
    assert len(alone) == 2
    assert [one["parts"] for one in row["objects"]] == [None, None, [1, 2]]
    masks = [decode(tmp_path / "out" / one["mask"]) > 0 for one in row["objects"]]
    assert np.array_equal(masks[-1], np.any(masks[:-1], axis=0))
    assert np.sum(masks[:-1], axis=0).max() == 1
    sides = sorted(one["center_x"] for one in alone)
    assert sides[0] < 0.5 < sides[1]
    assert [len(one["others"]) for one in row["objects"]] == [1, 1, 0]
    assert all(one["background"] is None for one in row["objects"])
    assert all((tmp_path / "out" / name).is_file() for one in row["objects"] for name in files_of(one))


@pytest.mark.slow
def test_two_things_in_one_mask_are_said_to_be_several(backend: Backend, tmp_path: Path) -> None:
    things, shape = pasted(cup(), cat(), 90)
    soft = cv2.GaussianBlur(cv2.resize(data.grass(), (1200, 700), interpolation=cv2.INTER_AREA), (0, 0), 4)
    photo = np.dstack([soft // 3, soft // 2, soft // 3]).astype(np.uint8)
    height, width = shape.shape
    photo[200 : 200 + height, 200 : 200 + width][shape] = things[shape]
    row = decompose(backend, photo, tmp_path / "out")
    (one,) = row["objects"]
    assert one["width"] > 0.9 * width
    assert one["several"]
    assert one["apart"] >= SEVERAL


@pytest.mark.slow
def test_the_same_photo_gives_the_same_bytes(backend: Backend, tmp_path: Path) -> None:
    photo = cv2.resize(data.rocket(), (320, 213), interpolation=cv2.INTER_AREA).astype(np.uint8)
    written: list[dict[str, bytes]] = []
    for name in ("a", "b"):
        cv2.setRNGSeed(len(written))
        decompose(Backend(network_settings(None)) if written else backend, photo, tmp_path / name, "layers")
        written.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gravel", "grass"])
def test_a_photo_in_which_nothing_stands_out_is_filtered_with_figures(
    backend: Backend, tmp_path: Path, name: str
) -> None:
    row = decompose(backend, np.dstack([getattr(data, name)()] * 3), tmp_path / "out")
    assert (row["status"], row["reason"]) == ("filtered", "no_salient_object")
    assert "the network's answer reaches 0." in row["detail"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["seen.png"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "gradient", "noise", "pixel"])
def test_made_up_pictures_without_a_subject_are_filtered(backend: Backend, tmp_path: Path, kind: str) -> None:
    ramp = np.linspace(0, 255, 300, dtype=np.uint8)
    photos = {
        "flat": np.full((200, 300, 3), 90, np.uint8),
        "gradient": np.tile(ramp[None, :, None], (200, 1, 3)),
        "noise": np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8),
        "pixel": np.zeros((1, 1, 3), np.uint8),
    }
    assert decompose(backend, photos[kind], tmp_path / "out")["status"] == "filtered"


def test_the_largest_of_the_sure_objects_comes_first() -> None:
    def one(side: int, confidence: float) -> Found:
        probability = np.zeros((100, 100), np.float32)
        probability[:side, :side] = 1
        return Found(probability, 1.0, confidence)

    small, large, unsure, slab = one(20, 0.99), one(50, 0.9), one(60, 0.7), one(99, 1.0)
    assert chosen([small, large, unsure, slab]) == [large, small, unsure]
    assert chosen([small, unsure]) == [small, unsure]
    assert chosen([unsure, slab]) == [unsure]
    assert chosen([one(50, 0.3), slab]) == []
    assert len(chosen([small] * 9)) == MOST


def test_a_file_that_is_no_network_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(WorkerError, match="cannot be read as an ONNX network"):
        Backend(network_settings(path))
    with pytest.raises(WorkerError, match="no known family"):
        Backend(network_settings(put_network(path, 512)))
    assert Backend(network_settings(put_network(path))).loaded == "U²-Net from n.onnx"
