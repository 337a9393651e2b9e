from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.pictures.masks import (
    allowed_region,
    drawn_in,
    edit_masks,
    margin_px,
    moved,
    region_alpha,
    scaled,
)
from iedf_assets.core.profile.subtypes import SUBTYPES

MOVE = {"dx": 20, "dy": -6}
SCALE = {"factor": 1.4, "anchor_x": 40.0, "anchor_y": 50.0}


@st.composite
def silhouettes(draw: st.DrawFn) -> Pixels:
    """A few filled ellipses, some of them cut by the border, in a picture of any small size."""
    height, width = draw(st.integers(9, 120)), draw(st.integers(9, 120))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 3))):
        centre = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        axes = draw(st.integers(1, 30)), draw(st.integers(1, 30))
        cv2.ellipse(mask, centre, axes, draw(st.integers(0, 179)), 0, 360, 255, -1)
    return mask


def disc(width: int = 100, height: int = 80) -> Pixels:
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (40, 40), 12, 255, -1)
    return mask


def true_distance(mask: Pixels) -> Floats:
    """Euclidean distance of every pixel to the nearest white one."""
    return np.asarray(cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


@pytest.mark.parametrize("name", ["delete", "recolor", "identity"])
def test_the_mask_of_an_edit_in_place_is_the_silhouette_alone(name: str) -> None:
    mask, result_mask = edit_masks(SUBTYPES[name], disc(), {})
    assert np.array_equal(mask, disc())
    assert result_mask is None


def test_the_mask_of_a_background_edit_is_the_background() -> None:
    mask, result_mask = edit_masks(SUBTYPES["background"], disc(), {})
    assert np.array_equal(mask, 255 - disc())
    assert result_mask is None


def test_a_moved_object_keeps_its_mask_and_gets_a_shifted_result_mask() -> None:
    mask, result_mask = edit_masks(SUBTYPES["move"], disc(), MOVE)
    assert np.array_equal(mask, disc())
    assert result_mask is not None
    assert np.array_equal(result_mask, np.roll(disc(), (-6, 20), axis=(0, 1)))


@given(silhouettes(), st.integers(-140, 140), st.integers(-140, 140))
def test_moving_is_a_translation_that_cuts_at_the_border(mask: Pixels, dx: int, dy: int) -> None:
    height, width = mask.shape
    room = np.zeros((height + 280, width + 280), np.uint8)
    room[140 + dy : 140 + dy + height, 140 + dx : 140 + dx + width] = mask
    assert np.array_equal(moved(mask, dx, dy), room[140:-140, 140:-140])


@given(
    silhouettes(),
    st.floats(0.5, 1.8),
    st.floats(-20, 140, allow_nan=False),
    st.floats(-20, 140, allow_nan=False),
)
@settings(deadline=None)
def test_scaling_in_the_objects_box_equals_scaling_the_whole_picture(
    mask: Pixels, factor: float, x: float, y: float
) -> None:
    matrix = np.array([[factor, 0, x * (1 - factor)], [0, factor, y * (1 - factor)]])
    whole = cv2.warpAffine(mask, matrix, mask.shape[::-1], flags=cv2.INTER_LINEAR) > 127
    result = scaled(mask, factor, x, y) > 0
    # Both maps are rounded to fractions of a pixel, so single pixels on the contour may differ.
    contour = cv2.morphologyEx(whole.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    assert not np.any((whole != result) & (contour == 0))
    assert np.count_nonzero(whole != result) <= 0.1 * np.count_nonzero(contour)


def test_a_scaled_object_has_its_area_times_the_factor_squared_and_keeps_its_anchor() -> None:
    mask, result_mask = edit_masks(SUBTYPES["scale"], disc(), SCALE)
    assert result_mask is not None
    assert np.array_equal(mask, disc())
    assert np.count_nonzero(result_mask) == pytest.approx(1.4**2 * np.count_nonzero(mask), rel=0.03)
    # The disc's centre (40, 40) under new = anchor + factor * (old - anchor).
    rows, columns = np.nonzero(result_mask)
    assert (columns.mean(), rows.mean()) == pytest.approx((40, 36), abs=0.1)


def test_scaling_nothing_gives_nothing() -> None:
    assert not scaled(np.zeros((20, 30), np.uint8), 1.5, 3, 4).any()


@given(silhouettes(), st.integers(4, 30), st.floats(0, 1), st.sampled_from(["delete", "move", "scale"]))
@settings(deadline=None, max_examples=60)
def test_an_objects_alpha_is_full_on_its_masks_and_gone_beyond_the_margin(
    silhouette: Pixels, reach: int, feather: float, name: str
) -> None:
    subtype = SUBTYPES[name]
    _, result_mask = edit_masks(subtype, silhouette, MOVE if name == "move" else SCALE)
    alpha = region_alpha(subtype, silhouette, result_mask, reach, feather)
    shapes = silhouette if result_mask is None else silhouette | result_mask
    distance = true_distance(shapes)
    assert (alpha[shapes > 0] == 255).all()
    assert not alpha[distance >= reach].any()
    # The solid part of the margin, less what the chamfer distance may read too much.
    assert (alpha[distance * 1.04 < reach * (1 - feather) - 1e-3] == 255).all()


@given(silhouettes(), st.integers(4, 30), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_a_background_edits_alpha_is_nothing_on_the_subject_and_full_beyond_the_margin(
    silhouette: Pixels, reach: int, feather: float
) -> None:
    alpha = region_alpha(SUBTYPES["background"], silhouette, None, reach, feather)
    assert not alpha[silhouette > 0].any()
    assert (alpha[true_distance(silhouette) >= reach] == 255).all()


def test_alpha_falls_smoothly_and_never_rises_away_from_the_object() -> None:
    mask = np.zeros((60, 200), np.uint8)
    mask[:, :50] = 255
    row = region_alpha(SUBTYPES["delete"], mask, None, 40, 0.6)[30].astype(int)
    steps = np.diff(row)
    assert (steps <= 0).all()
    assert steps.min() > -20
    t = (40 - 21) / 24  # of the ramp's 24 pixels at 21 pixels off
    assert row[49 + 21] == pytest.approx(255 * (3 * t**2 - 2 * t**3), abs=6)
    assert 0 < row[49 + 37] < 15


def test_alpha_of_a_subject_that_fills_the_picture_shows_no_background_edit() -> None:
    full = np.full((20, 30), 255, np.uint8)
    assert not region_alpha(SUBTYPES["background"], full, None, 5, 0.5).any()


def test_without_a_subject_a_background_edit_shows_everywhere_and_an_objects_edit_nowhere() -> None:
    empty = np.zeros((20, 30), np.uint8)
    assert (region_alpha(SUBTYPES["background"], empty, None, 5, 0.5) == 255).all()
    assert not region_alpha(SUBTYPES["delete"], empty, None, 5, 0.5).any()


@given(silhouettes())
def test_the_allowed_region_is_exactly_the_blocks_that_alpha_touches(alpha: Pixels) -> None:
    allowed = allowed_region(alpha)
    assert allowed.shape == alpha.shape
    assert allowed.dtype == np.uint8
    for top in range(0, alpha.shape[0], 8):
        for left in range(0, alpha.shape[1], 8):
            expected = 255 if alpha[top : top + 8, left : left + 8].any() else 0
            assert (allowed[top : top + 8, left : left + 8] == expected).all()


def test_the_faintest_alpha_touches_its_block() -> None:
    alpha = np.zeros((17, 17), np.uint8)
    alpha[16, 16] = 1
    assert np.count_nonzero(allowed_region(alpha)) == 1


def test_the_margin_is_a_share_of_the_short_side_but_never_less_than_four_pixels() -> None:
    settings_ = SimpleNamespace(margin=0.015)
    assert margin_px(settings_, 2048, 1368) == 21
    assert margin_px(settings_, 1368, 2048) == 21
    assert margin_px(settings_, 128, 128) == 4


@given(by=st.integers(1, 8), left=st.integers(-20, 60))
def test_a_silhouette_is_drawn_in_but_not_from_the_frame(by: int, left: int) -> None:
    silhouette = np.zeros((60, 80), np.uint8)
    cv2.rectangle(silhouette, (left, 20), (left + 30, 79), 255, cv2.FILLED)
    smaller = drawn_in(silhouette, by)
    assert not (smaller & ~silhouette).any()
    away = cv2.copyMakeBorder(silhouette, by, by, by, by, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[by:-by, by:-by]
    assert not smaller[(depth > 0) & (depth < by - 1)].any()
    assert smaller[depth > by + 1].all()
