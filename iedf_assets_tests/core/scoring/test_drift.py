import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.scoring.drift import find_drift

PHOTO = data.coffee()
OUTSIDE = np.full(PHOTO.shape[:2], 255, np.uint8)
OUTSIDE[120:300, 200:420] = 0


def drifted(dx: float, dy: float, zoom: float) -> Pixels:
    """The photo moved and zoomed about its centre, with another edit inside."""
    height, width = OUTSIDE.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    factor = 1 + zoom
    shift = centre * (1 - factor) + (dx, dy)
    motion = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
    moved = cv2.warpAffine(
        PHOTO, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    moved[OUTSIDE == 0] = 90
    return np.asarray(moved, np.uint8)


@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.0, -1.0), (1.5, 2.0)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(shift: tuple[float, float]) -> None:
    drift = find_drift(PHOTO, drifted(*shift, 0), OUTSIDE)
    assert drift
    assert drift.shift_px == pytest.approx(np.hypot(*shift), abs=0.1)
    assert drift.zoom < 5e-4


@pytest.mark.parametrize("zoom", [0.003, -0.01])
def test_a_zoom_is_found_to_a_two_thousandth(zoom: float) -> None:
    drift = find_drift(PHOTO, drifted(0, 0, zoom), OUTSIDE)
    assert drift
    assert drift.zoom == pytest.approx(abs(zoom), abs=5e-4)
    assert drift.shift_px < 0.15


def test_another_shade_is_no_drift() -> None:
    warm = np.clip(drifted(0, 0, 0) * np.array([1.05, 1.0, 0.9]) + 4, 0, 255).astype(np.uint8)
    drift = find_drift(PHOTO, warm, OUTSIDE)
    assert drift
    assert (drift.shift_px, drift.zoom) == pytest.approx((0, 0), abs=0.05)


def test_where_nothing_can_be_aligned_nothing_is_claimed() -> None:
    flat = np.full_like(PHOTO, 128)
    assert find_drift(flat, flat, OUTSIDE) is None


def test_a_large_photo_is_measured_in_its_own_pixels() -> None:
    large = cv2.resize(PHOTO, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpAffine(
        large, np.array([[1.0, 0, 3], [0, 1, 0]]), large.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    drift = find_drift(large, np.asarray(moved, np.uint8), np.full(large.shape[:2], 255, np.uint8))
    assert drift
    assert drift.shift_px == pytest.approx(3, abs=0.15)
