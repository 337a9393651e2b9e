import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.registration import find_motion, undone
from iedf_assets.core.pairs.finishing import registered

NAMES = ("coffee", "chelsea", "astronaut", "rocket")


def photo_of(name: str) -> Pixels:
    return np.asarray(cv2.resize(getattr(data, name)(), None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC))


def disc(photo: Pixels) -> Pixels:
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.circle(mask, (photo.shape[1] // 2, photo.shape[0] // 2), photo.shape[0] // 5, 255, -1)
    return mask


def displaced(photo: Pixels, shift: float, zoom: float) -> tuple[Pixels, np.ndarray]:
    """As a model may return it: shifted, zoomed, in slightly other colours, noisy."""
    height, width = photo.shape[:2]
    centre = (width - 1) / 2, (height - 1) / 2
    factor = 1 + zoom
    motion = np.array([
        [factor, 0, centre[0] * (1 - factor) + shift],
        [0, factor, centre[1] * (1 - factor)],
    ])  # fmt: skip
    moved = cv2.warpAffine(
        photo, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    noise = np.random.default_rng(0).normal(0, 2, photo.shape)
    return np.clip(moved * 0.97 + 4 + noise, 0, 255).astype(np.uint8), motion


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shift", "zoom"),
    [
        (3.0, 0.01),
        *(pytest.param(*motion, marks=pytest.mark.slow) for motion in ((-7.5, -0.006), (0.4, 0.0))),
    ],
)
def test_a_models_shift_and_zoom_are_found_to_a_tenth_of_a_pixel(
    name: str, shift: float, zoom: float
) -> None:
    photo = photo_of(name)
    mask = disc(photo)
    moved, motion = displaced(photo, shift, zoom)
    moved[mask > 0] = 128
    found = find_motion(photo, moved, 255 - mask)
    assert found is not None
    height, width = mask.shape
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]).T
    assert np.abs(found.matrix @ corners - motion @ corners).max() < 0.1
    assert found.zoom == pytest.approx(abs(zoom), abs=0.0005)
    assert found.pixels == pytest.approx(abs(shift), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_undone_lies_on_its_source_again(name: str) -> None:
    photo = photo_of(name)
    moved, _ = displaced(photo, 3.0, 0.01)
    found = find_motion(photo, moved, 255 - disc(photo))
    assert found is not None
    back = undone(moved, found)
    again = find_motion(photo, back, 255 - disc(photo))
    assert again is not None
    assert again.pixels < 0.1
    assert again.zoom < 0.0005
    inside = np.s_[20:-20, 20:-20]
    errors = [
        np.abs(picture[inside].astype(float) - (photo[inside] * 0.97 + 4)).mean() for picture in (back, moved)
    ]
    assert errors[0] < errors[1] / 2


def test_the_same_picture_is_still_and_is_not_resampled() -> None:
    photo = photo_of("coffee")
    moved, scores = registered(photo, photo, 255 - disc(photo))
    assert np.array_equal(moved, photo)
    assert scores["raw_shift"] == pytest.approx(0, abs=1e-5)
    assert scores["raw_zoom"] == pytest.approx(0, abs=1e-4)


def test_another_picture_counts_as_wholly_displaced() -> None:
    photo = photo_of("coffee")
    noise = np.random.default_rng(1).integers(0, 256, photo.shape, np.uint8)
    moved, scores = registered(photo, noise, 255 - disc(photo))
    assert moved.shape == photo.shape
    assert max(scores["raw_shift"] or 0, scores["raw_zoom"] or 0) > 0.03


def test_without_an_outside_there_is_nothing_to_align() -> None:
    photo = photo_of("coffee")
    assert find_motion(photo, photo, np.zeros(photo.shape[:2], np.uint8)) is None
