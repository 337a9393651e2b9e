import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import structural_similarity

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.scoring.ssim import TILE, ssim


def reference(a: Pixels, b: Pixels) -> float:
    return float(structural_similarity(a, b, channel_axis=2, data_range=255))


@pytest.mark.slow
@given(
    size=st.tuples(st.integers(7, 140), st.integers(7, 140)),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    extent=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    seed=st.integers(0, 2**32 - 1),
    strength=st.integers(1, 255),
)
@settings(deadline=None, max_examples=80)
def test_a_local_change_scores_as_scikit_image_says(
    size: tuple[int, int], at: tuple[float, float], extent: tuple[int, int], seed: int, strength: int
) -> None:
    rng = np.random.default_rng(seed)
    a = data.astronaut()[: size[0], 100 : 100 + size[1]]
    b = a.copy()
    top, left = int(at[0] * (size[0] - 1)), int(at[1] * (size[1] - 1))
    patch = b[top : top + extent[0], left : left + extent[1]]
    patch[:] = np.clip(patch + rng.integers(-strength, strength + 1, patch.shape), 0, 255)
    assert ssim(a, b) == pytest.approx(reference(a, b), abs=1e-9)


@pytest.mark.parametrize("shape", [(7, 7), (7, 50), (TILE + 6, TILE + 6), (TILE + 7, 2 * TILE + 8)])
def test_pictures_that_differ_everywhere_score_as_scikit_image_says(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    a, b = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    assert ssim(a, b) == pytest.approx(reference(a, b), abs=1e-9)


def test_extremes_do_not_overflow() -> None:
    a = np.zeros((40, 40, 3), np.uint8)
    a[::2] = 255
    for b in (255 - a, np.full_like(a, 255), np.zeros_like(a)):
        assert ssim(a, b) == pytest.approx(reference(a, b), abs=1e-9)


def test_far_apart_changes_are_all_counted() -> None:
    a = data.coffee()
    b = a.copy()
    for top, left in ((0, 0), (399, 599), (200, 300), (0, 599)):
        b[top, left] = 255 - b[top, left]
    assert ssim(a, b) == pytest.approx(reference(a, b), abs=1e-9)
    assert ssim(a, b) < 1


def test_equal_pictures_score_exactly_one() -> None:
    assert ssim(data.chelsea(), data.chelsea().copy()) == 1.0


def test_a_known_difference_need_not_be_searched_for() -> None:
    a = data.chelsea()
    b = a.copy()
    b[50:90, 100:160] //= 2
    changed = np.zeros(a.shape[:2], np.uint8)
    changed[50:90, 100:160] = 255
    assert ssim(a, b, changed) == ssim(a, b)


@pytest.mark.parametrize("shape", [(6, 100, 3), (100, 6, 3), (1, 1, 3)])
def test_where_no_window_fits_only_equal_pictures_are_similar(shape: tuple[int, ...]) -> None:
    a = np.full(shape, 100, np.uint8)
    b = a.copy()
    assert ssim(a, b) == 1
    b[0, 0, 0] += 1
    assert ssim(a, b) == 0
