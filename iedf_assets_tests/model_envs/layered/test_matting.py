"""The soft alpha at full size and the object's own colours."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.arrays import Pixels
from model_envs.layered.matting import full_alpha, own_colours


def ellipse(height: int, width: int, axes: tuple[float, float], angle: int) -> Pixels:
    """A mask with one ellipse in the middle, its half axes as shares of the sides."""
    mask = np.zeros((height, width), np.uint8)
    half = max(1, round(axes[0] * width)), max(1, round(axes[1] * height))
    cv2.ellipse(mask, (width // 2, height // 2), half, angle, 0, 360, (255,), cv2.FILLED)
    return mask


@settings(max_examples=15, deadline=None)
@given(
    axes=st.tuples(st.floats(0.1, 0.4), st.floats(0.1, 0.4)),
    angle=st.integers(0, 179),
    factor=st.sampled_from([1.0, 1.5, 4.0]),
)
def test_alpha_is_soft_at_the_rim_only(axes: tuple[float, float], angle: int, factor: float) -> None:
    small = ellipse(90, 120, axes, angle)
    height, width = round(90 * factor), round(120 * factor)
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    alpha = full_alpha(photo, small)
    assert alpha.shape == (height, width)
    # The rim is two pixels of the small mask to either side; one more for its own interpolation.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(4 * factor) + 1,) * 2)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    well_inside = cv2.erode(large, kernel, borderType=cv2.BORDER_REPLICATE) == 255
    assert (alpha[well_inside] == 255).all()
    assert (alpha[cv2.dilate(large, kernel) == 0] == 0).all()


def test_alpha_snaps_to_the_photos_edge_where_the_mask_is_a_little_off() -> None:
    truth = ellipse(360, 480, (0.25, 0.3), 20)
    photo = np.where(truth[..., None] > 0, (200, 60, 40), (40, 80, 130)).astype(np.uint8)
    small = cv2.resize(truth, (120, 90), interpolation=cv2.INTER_AREA)
    rough = np.roll(np.where(small >= 128, 255, 0).astype(np.uint8), 1, axis=1)
    plain = cv2.resize(rough, (480, 360), interpolation=cv2.INTER_LINEAR)
    wrong = [np.count_nonzero((mask >= 128) != (truth > 0)) for mask in (plain, full_alpha(photo, rough))]
    assert wrong[1] < wrong[0] / 2


def test_own_colours_are_free_of_the_background_along_the_rim() -> None:
    soft = np.asarray(cv2.GaussianBlur(ellipse(300, 400, (0.25, 0.3), 0), (0, 0), 2.0), np.uint8)
    share = soft[..., None].astype(np.float64) / 255
    front, back = np.array([220.0, 60.0, 40.0]), np.array([20.0, 90.0, 160.0])
    photo = np.rint(share * front + (1 - share) * back).astype(np.uint8)
    rim = (soft > 50) & (soft < 255)
    freed = own_colours(photo, soft)
    before = np.abs(photo[rim] - front).mean()
    after = np.abs(freed[rim] - front).mean()
    assert after < before / 4
    assert (freed[(soft == 0) | (soft == 255)] == photo[(soft == 0) | (soft == 255)]).all()


def test_a_hard_alpha_leaves_the_photo_as_it_is() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert (own_colours(photo, ellipse(40, 50, (0.3, 0.3), 0)) == photo).all()
