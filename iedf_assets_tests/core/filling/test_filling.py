from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.filling.filling import contrast_ratio, fill

MAGENTA = (255, 0, 255)
CUP = [(150, 30), (170, 8), (270, 0), (400, 2), (450, 60), (470, 150), (500, 240), (480, 330), (420, 399),
       (180, 399), (110, 340), (65, 270), (60, 200), (100, 130)]  # fmt: skip
ROCKET = [(300, 60), (345, 60), (365, 150), (368, 370), (280, 370), (285, 150)]
MOTORCYCLE = [(95, 440), (90, 180), (130, 150), (300, 90), (380, 55), (440, 40), (500, 60), (560, 100),
              (590, 180), (680, 270), (690, 440), (560, 480), (220, 480)]  # fmt: skip


def as_rgb(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[..., None].repeat(3, 2))


def ellipse(picture: Pixels, x: int, y: int, rx: int, ry: int) -> Pixels:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(mask, (x, y), (rx, ry), 0, 0, 360, 255, -1)
    return mask


def polygon(picture: Pixels, corners: list[tuple[int, int]]) -> Pixels:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 255)
    return mask


def texture(name: str) -> tuple[Pixels, Pixels]:
    picture = as_rgb(getattr(data, name)())
    return picture, ellipse(picture, 256, 256, 130, 100)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 200, (height, width, 3), np.uint8)


PHOTOS: dict[str, Callable[[], tuple[Pixels, Pixels]]] = {
    "grass": lambda: texture("grass"),
    "gravel": lambda: texture("gravel"),
    "brick": lambda: texture("brick"),
    "coffee": lambda: (data.coffee(), polygon(data.coffee(), CUP)),
    "rocket": lambda: (data.rocket(), polygon(data.rocket(), ROCKET)),
    "cat": lambda: (data.chelsea(), ellipse(data.chelsea(), 225, 130, 85, 85)),
    "motorcycle": lambda: (data.stereo_motorcycle()[0], polygon(data.stereo_motorcycle()[0], MOTORCYCLE)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [name if name == "grass" else pytest.param(name, marks=pytest.mark.slow) for name in PHOTOS],
)
def test_the_fill_has_the_contrast_of_what_is_around_it_and_nothing_of_the_object(name: str) -> None:
    photo, hole = PHOTOS[name]()
    photo = photo.copy()
    photo[hole > 0] = MAGENTA
    filled = fill(photo, hole, seed=1)
    assert contrast_ratio(filled, hole) >= 0.5
    np.testing.assert_array_equal(filled[hole == 0], photo[hole == 0])
    inside = filled[hole > 0].astype(int)
    assert not ((inside[:, 0] > 200) & (inside[:, 1] < 60) & (inside[:, 2] > 200)).any()


@pytest.mark.parametrize("name", ["grass", "gravel", "brick"])
def test_a_smear_is_told_from_texture_by_its_contrast(name: str) -> None:
    photo, hole = texture(name)
    assert contrast_ratio(photo, hole) == pytest.approx(1, abs=0.15)
    smeared = np.asarray(cv2.inpaint(photo, hole, 5, cv2.INPAINT_TELEA), np.uint8)
    assert contrast_ratio(smeared, hole) < 0.5


def test_contrast_has_the_value_of_its_formula() -> None:
    hole = np.zeros((120, 160), np.uint8)
    hole[40:80, 60:100] = 255
    swing = np.where(hole > 0, 5, 10) * np.where(np.arange(120) % 2, 1, -1)[:, None]
    photo = as_rgb((128 + swing).astype(np.uint8))
    # Of seven rows that swing by 1 either way four are alike: the variance is 1 - 1/49.
    deviation = np.sqrt(48 / 49)
    expected = (5 * deviation + 0.5) / (10 * deviation + 0.5)
    assert contrast_ratio(photo, hole) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    height=st.integers(8, 60),
    width=st.integers(8, 60),
    ellipses=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 25), st.integers(0, 25)),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 2**32),
)
def test_only_the_hole_changes_and_equal_seeds_give_equal_bytes(
    height: int, width: int, ellipses: list[tuple[int, int, int, int]], seed: int
) -> None:
    photo = np.ascontiguousarray(data.chelsea()[60 : 60 + height, 100 : 100 + width])
    hole = np.zeros((height, width), np.uint8)
    for x, y, rx, ry in ellipses:
        hole |= ellipse(photo, x, y, rx, ry)
    hole[0, 0] = 0
    before = photo.copy()
    filled = fill(photo, hole, seed=seed)
    np.testing.assert_array_equal(photo, before)
    np.testing.assert_array_equal(filled[hole == 0], photo[hole == 0])
    np.testing.assert_array_equal(filled, fill(photo, hole, seed=seed))


@pytest.mark.slow
def test_seeds_choose_between_what_is_alike() -> None:
    photo = np.ascontiguousarray(as_rgb(data.gravel())[:120, :160])
    hole = ellipse(photo, 80, 60, 30, 25)
    assert (fill(photo, hole, seed=1) != fill(photo, hole, seed=2)).any()


@pytest.mark.slow
def test_the_number_of_threads_makes_no_difference() -> None:
    photo = np.ascontiguousarray(as_rgb(data.grass())[:240, :240])
    hole = ellipse(photo, 120, 120, 40, 30)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = fill(photo, hole, seed=3)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(fill(photo, hole, seed=3), alone)


def test_a_gradient_goes_on_through_the_hole_without_a_rim() -> None:
    rows, columns = np.mgrid[0:300, 0:400]
    sky = np.stack([60 + rows * 0.3, 110 + rows * 0.25 + columns * 0.1, 180 + rows * 0.2], -1)
    grain = np.random.default_rng(0).normal(0, 1.5, sky.shape)
    photo = np.rint(sky + grain).astype(np.uint8)
    hole = ellipse(photo, 210, 140, 70, 60)
    photo[hole > 0] = 0
    filled = fill(photo, hole, seed=1)
    smooth = cv2.GaussianBlur(filled.astype(np.float32), (0, 0), 3)
    assert np.abs(smooth - sky)[hole > 0].max() < 4
    rim = cv2.morphologyEx(hole, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    across = np.abs(cv2.Sobel(filled, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(filled, cv2.CV_32F, 0, 1))
    assert across[rim].mean() < 1.15 * across[hole == 0].mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    "box",
    [
        np.s_[0:30, 0:40], np.s_[50:51, 70:71], np.s_[50:53, 0:160], np.s_[4:116, 4:156],
        *(pytest.param(box, marks=pytest.mark.slow) for box in (
            np.s_[90:120, 110:160], np.s_[0:120, 60:100], np.s_[40:80, 10:150], np.s_[0:110, 0:160]
        )),
    ],
    ids=["corner", "pixel", "line", "all but a frame", "other corner", "across", "wide", "nearly all"],
)  # fmt: skip
def test_a_hole_of_any_place_and_size_is_filled_from_what_is_known(box: tuple[slice, slice]) -> None:
    photo = np.ascontiguousarray(as_rgb(data.gravel())[:120, :160])
    hole = np.zeros((120, 160), np.uint8)
    hole[box] = 255
    photo[box] = MAGENTA
    filled = fill(photo, hole, seed=0).astype(int)
    assert np.abs(filled[box][..., 0] - filled[box][..., 1]).max() <= 3
    ring = cv2.dilate(hole, np.ones((41, 41), np.uint8)) > hole
    assert abs(filled[hole > 0].mean() - photo[ring].mean()) < 40


def test_holes_that_lie_apart_are_filled_each_from_its_own_surroundings() -> None:
    photo = np.zeros((100, 400, 3), np.uint8)
    photo[:, :200] = noise(100, 200) // 4 + 20
    photo[:, 200:] = noise(100, 200) // 4 + 180
    hole = ellipse(photo, 70, 50, 15, 15) | ellipse(photo, 330, 50, 15, 15)
    photo[hole > 0] = MAGENTA
    filled = fill(photo, hole, seed=0)
    assert filled[:, :200][hole[:, :200] > 0].max() < 100
    assert filled[:, 200:][hole[:, 200:] > 0].min() > 150


def test_an_edge_goes_on_through_the_hole() -> None:
    photo = np.where(np.arange(240)[:, None, None] < 117, 70, 170) + noise(240, 320).astype(int) // 10
    photo = photo.astype(np.uint8)
    hole = ellipse(photo, 160, 117, 50, 40)
    photo[hole > 0] = MAGENTA
    filled = cv2.blur(fill(photo, hole, seed=0).mean(2), (5, 1))
    assert filled[hole > 0].min() > 60
    edge = [int((filled[:, x] > 130).argmax()) for x in range(115, 205)]
    assert max(abs(row - 117) for row in edge) <= 2


def test_many_specks_in_a_large_picture_are_filled_one_by_one() -> None:
    photo = np.ascontiguousarray(np.tile(as_rgb(data.gravel()), (3, 4, 1)))
    hole = np.zeros(photo.shape[:2], np.uint8)
    hole[20::150, 20::150] = 255
    hole = np.asarray(cv2.dilate(hole, np.ones((5, 5), np.uint8)))
    photo[hole > 0] = MAGENTA
    filled = fill(photo, hole, seed=0)[hole > 0].astype(int)
    assert np.abs(filled[:, 0] - filled[:, 1]).max() <= 3


def test_no_hole_changes_nothing() -> None:
    photo = noise(20, 30)
    filled = fill(photo, np.zeros((20, 30), np.uint8), seed=0)
    np.testing.assert_array_equal(filled, photo)
    assert filled is not photo


def test_a_hole_without_surroundings_is_refused() -> None:
    with pytest.raises(ValueError, match="whole picture"):
        fill(noise(20, 30), np.full((20, 30), 255, np.uint8), seed=0)
    with pytest.raises(ValueError, match="the picture"):
        fill(noise(20, 30), np.full((30, 20), 255, np.uint8), seed=0)
    with pytest.raises(ValueError, match="no hole"):
        contrast_ratio(noise(20, 30), np.zeros((20, 30), np.uint8))
    with pytest.raises(ValueError, match="around"):
        contrast_ratio(noise(20, 30), np.full((20, 30), 255, np.uint8))
