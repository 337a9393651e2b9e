import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.scoring.seams import MOST_TEXTURE, seam, texture_step

PHOTOS = {name: getattr(data, name)() for name in ("coffee", "astronaut", "chelsea", "rocket")}
REACH = 16


def disc(photo: Pixels) -> Pixels:
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.circle(mask, (photo.shape[1] // 2, photo.shape[0] // 2), photo.shape[0] // 5, 255, -1)
    return mask


def brighter(photo: Pixels, where: np.ndarray, levels: float) -> Pixels:
    """By so many levels times `where`, 0 to 1."""
    return np.clip(photo + levels * where[..., None], 0, 255).round().astype(np.uint8)


def distance_from(mask: Pixels) -> np.ndarray:
    return cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_hard_paste_of_ten_levels_shows_and_a_feathered_one_does_not(name: str) -> None:
    photo, mask = PHOTOS[name], disc(PHOTOS[name])
    away = distance_from(mask)
    hard = seam(photo, brighter(photo, (away < 8).astype(float), 12), mask, REACH)
    soft = seam(photo, brighter(photo, np.clip(1 - away / REACH, 0, 1), 12), mask, REACH)
    assert hard is not None
    assert soft is not None
    assert hard > 2.5 * soft
    assert hard > 1.5


def test_what_is_the_same_around_the_mask_has_no_seam() -> None:
    photo, mask = PHOTOS["coffee"], disc(PHOTOS["coffee"])
    inside = np.where(mask[..., None] > 0, 255 - photo, photo).astype(np.uint8)
    assert seam(photo, inside, mask, REACH) == 0


def test_a_step_that_was_there_and_went_is_no_seam() -> None:
    photo, mask = PHOTOS["coffee"], disc(PHOTOS["coffee"])
    halo = brighter(photo, (distance_from(mask) < 8).astype(float), -60)
    gone, made = seam(halo, photo, mask, REACH), seam(photo, halo, mask, REACH)
    assert gone is not None
    assert made is not None
    assert gone < made / 3


@pytest.mark.parametrize("level", [0, 255])
def test_a_mask_without_an_edge_has_no_seam_to_look_for(level: int) -> None:
    photo = PHOTOS["coffee"]
    assert seam(photo, photo, np.full(photo.shape[:2], level, np.uint8), REACH) is None


@pytest.mark.parametrize("name", PHOTOS)
def test_a_patch_in_another_shade_shows_also_where_the_edit_itself_has_a_hard_outline(name: str) -> None:
    photo, mask = PHOTOS[name], disc(PHOTOS[name])
    inside = np.where(mask[..., None] > 0, 255 - photo, photo).astype(np.uint8)
    patch = brighter(inside, (distance_from(mask) < 8).astype(float), 16)
    plain, found = seam(photo, inside, mask, REACH), seam(photo, patch, mask, REACH)
    assert plain == 0
    assert found is not None
    assert found > 2.1


@pytest.mark.parametrize("texture", ["grass", "gravel", "brick"])
def test_a_rough_texture_has_steps_of_its_own_and_a_smooth_one_has_none(texture: str) -> None:
    rough = np.dstack([getattr(data, texture)()] * 3)
    mask = np.zeros(rough.shape[:2], np.uint8)
    cv2.circle(mask, (256, 256), 60, 255, -1)
    smooth = np.asarray(cv2.GaussianBlur(rough, (0, 0), 25), np.uint8)
    steps = texture_step(rough, mask, REACH), texture_step(smooth, mask, REACH)
    assert steps[0] is not None
    assert steps[1] is not None
    assert 0 <= steps[1] < 0.2 < steps[0] <= MOST_TEXTURE


def test_where_there_is_no_room_aside_nothing_is_known_of_the_texture() -> None:
    photo = PHOTOS["coffee"]
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[20:-20, 20:-20] = 255
    assert texture_step(photo, mask, REACH) is None
    assert texture_step(photo, np.zeros_like(mask), REACH) is None
