"""The segmentation network: which file is asked how, and what it says of real photos."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.subjects import Network, family_of
from iedf_assets_tests.helpers.networks import put_network, real_network

# Points as shares of width and height that belong to the subject, and points that do not.
SUBJECTS = {
    "astronaut": ([(0.42, 0.16), (0.45, 0.62)], [(0.05, 0.08), (0.7, 0.08)]),
    "coffee": ([(0.5, 0.3), (0.45, 0.75), (0.6, 0.62)], [(0.05, 0.1), (0.95, 0.9), (0.9, 0.1)]),
    "chelsea": ([(0.5, 0.5), (0.3, 0.35)], [(0.97, 0.75), (0.02, 0.1)]),
    "rocket": ([(0.505, 0.5), (0.505, 0.7)], [(0.3, 0.3), (0.75, 0.4), (0.1, 0.5)]),
}


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(real_network())


@pytest.mark.parametrize(
    "name", [name if name == "rocket" else pytest.param(name, marks=pytest.mark.slow) for name in SUBJECTS]
)
def test_the_subject_of_a_photo_is_found(network: Network, name: str) -> None:
    photo: Pixels = getattr(data, name)()
    answer = network.ask(photo)
    height, width = photo.shape[:2]
    assert answer.probability.shape == (height, width)
    assert answer.probability.dtype == np.float32
    assert (answer.probability.min(), answer.probability.max()) == pytest.approx((0, 1), abs=1e-3)
    assert answer.sees_subject
    inside, outside = SUBJECTS[name]
    assert all(answer.probability[int(y * height), int(x * width)] > 0.8 for x, y in inside)
    assert all(answer.probability[int(y * height), int(x * width)] < 0.2 for x, y in outside)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_textures_have_no_subject(network: Network, name: str) -> None:
    texture = getattr(data, name)()
    assert not network.ask(np.dstack([texture] * 3)).sees_subject


@pytest.mark.slow
def test_the_tiniest_photos_are_answered(network: Network) -> None:
    for shape in ((1, 1), (1, 400), (400, 1)):
        answer = network.ask(np.zeros((*shape, 3), np.uint8))
        assert answer.probability.shape == shape
        assert np.isfinite(answer.probability).all()
        assert not answer.sees_subject


@pytest.mark.slow
def test_threads_get_the_same_answers_as_one(network: Network) -> None:
    photos = [getattr(data, name)() for name in SUBJECTS]
    alone = [network.ask(photo).probability for photo in photos]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda photo: network.ask(photo).probability, photos))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize(
    ("options", "name", "logits"),
    [
        ({"side": 320}, "U²-Net", False),
        ({"side": 1024}, "ISNet", False),
        ({"side": 1024, "attends": True, "squashed": False}, "BiRefNet", True),
        ({"side": 1024, "attends": True}, "BiRefNet", False),
    ],
)
def test_a_file_tells_its_family(tmp_path: Path, options: dict[str, Any], name: str, logits: bool) -> None:
    family, _ = family_of(put_network(tmp_path / "n.onnx", **options))
    assert (family.name, family.side, family.logits) == (name, options["side"], logits)


@pytest.mark.parametrize(
    "options", [{"side": 512}, {"side": 320, "squashed": False}, {"inputs": 2}, {"channels": 1}]
)
def test_an_unknown_network_is_refused_with_what_was_expected(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = put_network(tmp_path / "n.onnx", **options)
    with pytest.raises(WorkerError, match="no known family") as caught:
        Network(path)
    assert "1x3x320x320" in caught.value.remedy
    assert "BiRefNet" in caught.value.remedy


def test_each_family_gets_its_pixels_on_its_own_scale(tmp_path: Path) -> None:
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[10:30, 20:40] = 120
    maxima = {}
    for side in (320, 1024):
        answer = Network(put_network(tmp_path / f"{side}.onnx", side, gain=1.0)).ask(photo)
        assert answer.probability[20, 30] > 0.9
        assert answer.probability[2, 2] < 0.1
        maxima[side] = answer.maximum
    # 120 is the photo's maximum, so 1, of which ImageNet's mean and deviation make 2.25, 2.43 and 2.64.
    assert maxima[320] == pytest.approx(1 / (1 + np.exp(-(2.249 + 2.429 + 2.640))), abs=1e-3)
    # 120 / 255 - 0.5, three times.
    assert maxima[1024] == pytest.approx(1 / (1 + np.exp(-3 * (120 / 255 - 0.5))), abs=1e-3)


def test_logits_are_squashed(tmp_path: Path) -> None:
    path = put_network(tmp_path / "n.onnx", 1024, attends=True, squashed=False)
    # A softmax along rows of equal values.
    assert Network(path).ask(np.zeros((8, 8, 3), np.uint8)).maximum == pytest.approx(
        1 / (1 + np.exp(-1 / 1024))
    )
