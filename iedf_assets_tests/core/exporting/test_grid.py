from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.grid import MAX_ENLARGEMENT, SIZES, STEP, fitted
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg


def pair(width: int, height: int, box: tuple[int, int, int, int]) -> dict[str, Pixels]:
    """A photo of a size, and the same with other light in a box, as published."""
    photo = np.asarray(cv2.resize(data.coffee(), (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    left, top, right, bottom = box
    allowed = np.zeros((height, width), np.uint8)
    allowed[top // 8 * 8 : -(-bottom // 8) * 8, left // 8 * 8 : -(-right // 8) * 8] = 255
    mask = np.zeros_like(allowed)
    mask[top:bottom, left:right] = 255
    edited = np.where(mask[..., None] > 0, 255 - (255 - photo) // 2, photo).astype(np.uint8)
    source, target = (decode_jpeg(encode_jpeg(picture, 95)) for picture in (photo, edited))
    return {"source": source, "target": target, "mask": mask, "allowed": allowed}


def require_exact(sized: Any) -> None:
    """The files would be equal wherever the new region does not allow them to differ."""
    source, target = (decode_jpeg(encode_jpeg(sized.pixels[role], 95)) for role in ("source", "target"))
    outside = sized.pixels["allowed"] == 0
    assert outside.any()
    assert np.array_equal(source[outside], target[outside])
    assert not np.array_equal(source, target)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(
    st.integers(1100, 1600),
    st.integers(1100, 1600),
    st.floats(0, 0.7),
    st.floats(0, 0.7),
    st.floats(0.05, 0.25),
)
def test_a_large_pair_comes_to_a_kept_size_and_stays_exact_outside(
    width: int, height: int, x: float, y: float, share: float
) -> None:
    left, top = int(x * width), int(y * height)
    found = pair(width, height, (left, top, left + int(share * width), top + int(share * height)))
    sized = fitted(found, 95)
    shapes = {picture.shape[:2] for picture in sized.pixels.values()}
    assert len(shapes) == 1
    assert shapes.pop()[::-1] in SIZES
    assert not sized.small
    assert sized.pixels["mask"].any()
    assert set(np.unique(sized.pixels["mask"])) <= {0, 255}
    require_exact(sized)


@settings(deadline=None)
@given(st.integers(32, 300), st.integers(32, 300))
def test_a_small_pair_keeps_its_scale_and_is_cut_to_whole_steps(width: int, height: int) -> None:
    found = pair(width, height, (0, 0, width // 3, height // 3))
    sized = fitted(found, 95)
    assert sized.small
    shape = sized.pixels["source"].shape
    assert (shape[1], shape[0]) == (width // STEP * STEP, height // STEP * STEP)
    # Nothing was resampled: every pixel is one of the photo's.
    places = cv2.matchTemplate(found["source"], sized.pixels["source"], cv2.TM_SQDIFF)
    assert places.min() / sized.pixels["source"].size < 0.01


def test_nothing_is_enlarged_by_more_than_the_limit() -> None:
    side = int(1024 / MAX_ENLARGEMENT)
    assert fitted(pair(side - 1, side - 1, (9, 9, 90, 90)), 95).small
    assert not fitted(pair(side + 1, side + 1, (9, 9, 90, 90)), 95).small


def test_a_pair_of_a_kept_size_is_left_as_published() -> None:
    found = pair(1248, 832, (100, 100, 300, 300))
    sized = fitted(found, 95)
    assert sized.made_from == "published"
    assert sized.pixels is found


def test_the_crop_holds_the_edit_where_any_can() -> None:
    sized = fitted(pair(3000, 1100, (2800, 500, 2950, 700)), 95)
    share = (sized.pixels["mask"] > 0).sum() / 150 / 200
    height, width = sized.pixels["mask"].shape
    scale = min(3000 / width, 1100 / height)
    assert share * scale**2 == pytest.approx(1, abs=0.05)
