import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.detail import (
    kept_sharpness,
    new_edges,
    scaled_sharpness,
    sharpness,
    structure,
    surroundings,
)

PHOTOS = {name: getattr(data, name)() for name in ("coffee", "astronaut", "chelsea")}


def region(photo: Pixels) -> Pixels:
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 5, height // 5), 0, 0, 360, 255, -1)
    return mask


def enlarged(photo: Pixels, factor: float) -> Pixels:
    size = photo.shape[1::-1]
    small = cv2.resize(photo, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def within(mask: Pixels, inside: Pixels, photo: Pixels) -> Pixels:
    return np.where(mask[..., None] > 0, inside, photo).astype(np.uint8)


@pytest.mark.parametrize("name", PHOTOS)
def test_what_was_enlarged_is_less_sharp_than_its_surroundings(name: str) -> None:
    photo, mask = PHOTOS[name], region(PHOTOS[name])
    own, twice, thrice = (
        sharpness(photo, within(mask, inside, photo), mask, surroundings(mask, mask))
        for inside in (photo, enlarged(photo, 2), enlarged(photo, 3))
    )
    assert own is not None
    assert twice is not None
    assert thrice is not None
    assert own > 1.15 * twice > 1.15 * thrice


@pytest.mark.parametrize("name", PHOTOS)
def test_other_light_keeps_the_sharpness_and_enlarging_does_not(name: str) -> None:
    photo, mask = PHOTOS[name], region(PHOTOS[name])
    darker = (photo.astype(float) * 0.6 + 20).astype(np.uint8)
    kept = kept_sharpness(photo, within(mask, darker, photo), mask)
    soft = kept_sharpness(photo, within(mask, enlarged(photo, 2), photo), mask)
    assert kept == pytest.approx(1, abs=0.25)
    assert soft is not None
    assert soft < 0.7


def test_too_little_to_tell_is_none() -> None:
    photo = PHOTOS["coffee"]
    speck = np.zeros(photo.shape[:2], np.uint8)
    speck[5:15, 5:15] = 255
    assert sharpness(photo, photo, speck, speck) is None
    assert sharpness(photo, photo, speck * 0, speck) is None
    assert structure(photo, photo, speck) is None
    assert kept_sharpness(photo, photo, speck) is None
    full = np.full_like(speck, 255)
    assert sharpness(photo, photo, full, surroundings(full, full)) is None


@pytest.mark.parametrize("name", PHOTOS)
def test_other_light_keeps_the_structure_and_another_picture_does_not(name: str) -> None:
    photo, mask = PHOTOS[name], region(PHOTOS[name])
    darker = (photo.astype(float) * 0.6 + 20).astype(np.uint8)
    assert structure(photo, photo, mask) == pytest.approx(1)
    kept = structure(photo, within(mask, darker, photo), mask)
    other = structure(photo, within(mask, photo[::-1], photo), mask)
    negative = structure(photo, within(mask, 255 - photo, photo), mask)
    assert kept is not None
    assert other is not None
    assert negative is not None
    assert kept > 0.95
    assert other < 0.5
    assert negative < -0.9


def test_flat_pictures_have_the_same_structure() -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert structure(flat, flat // 2, np.full((64, 64), 255, np.uint8)) == 1


@pytest.mark.parametrize("factor", [1.25, 1.5])
def test_an_object_that_the_recipe_enlarges_may_lose_the_grain_that_this_costs(factor: float) -> None:
    photo = PHOTOS["chelsea"]
    noisy = np.clip(photo + np.random.default_rng(1).normal(0, 4, photo.shape), 0, 255).astype(np.uint8)
    larger = np.asarray(cv2.resize(noisy, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
    before, after = (np.full(picture.shape[:2], 255, np.uint8) for picture in (noisy, larger))
    asked = sharpness(noisy, larger.astype(np.uint8), after, before, factor)
    unasked = sharpness(noisy, larger.astype(np.uint8), after, before)
    assert asked is not None
    assert unasked is not None
    assert asked == pytest.approx(unasked * factor**2)
    assert asked == pytest.approx(1, abs=0.4)
    assert unasked < 0.5


def test_grain_that_is_clipped_does_not_count_as_lost() -> None:
    photo, mask = PHOTOS["astronaut"], region(PHOTOS["astronaut"])
    brighter = np.clip(photo.astype(float) * 1.6, 0, 255).astype(np.uint8)
    kept = kept_sharpness(photo, within(mask, brighter, photo), mask)
    assert kept == pytest.approx(1, abs=0.25)
    white = np.full_like(photo, 255)
    assert kept_sharpness(photo, within(mask, white, photo), mask) is None


@pytest.mark.parametrize("factor", [1.3, 1.5])
def test_an_enlarged_object_is_as_sharp_as_its_source_enlarged_and_a_soft_one_is_not(factor: float) -> None:
    photo = data.astronaut()
    mask, there = (np.zeros(photo.shape[:2], np.uint8) for _ in range(2))
    cv2.circle(mask, (220, 120), 80, 255, -1)
    cv2.circle(there, (220, 120), round(80 * factor), 255, -1)
    motion = np.array([[factor, 0, 220 * (1 - factor)], [0, factor, 120 * (1 - factor)]])
    size = photo.shape[1], photo.shape[0]
    result = np.asarray(cv2.warpAffine(photo, motion, size, flags=cv2.INTER_CUBIC), np.uint8)
    soft = np.asarray(cv2.GaussianBlur(result, (0, 0), 2), np.uint8)
    alike, less = (scaled_sharpness(photo, picture, mask, there, factor) for picture in (result, soft))
    assert alike is not None
    assert less is not None
    assert alike == pytest.approx(1, abs=0.2)
    assert less < 0.65
    assert scaled_sharpness(photo, result, np.zeros_like(mask), there, factor) is None


@pytest.mark.parametrize("name", PHOTOS)
def test_a_colour_that_a_part_lacks_draws_edges_and_one_that_all_bears_draws_none(name: str) -> None:
    photo, mask = PHOTOS[name], region(PHOTOS[name])
    limit = float(Thresholds().max_new_edges or 0)
    exchanged = within(mask, photo[..., ::-1], photo)
    patch = np.zeros_like(mask)
    height, width = patch.shape
    cv2.circle(patch, (width // 2, height // 2), height // 10, 255, cv2.FILLED)
    painted = within(mask, np.full_like(photo, (40, 160, 60)) // 2 + photo // 2, photo)
    assert new_edges(photo, photo, mask) == 0
    assert float(new_edges(photo, painted, mask) or 0) < limit
    assert float(new_edges(photo, within(patch, photo, painted), mask) or 0) > 2 * limit
    assert new_edges(photo, exchanged, np.zeros_like(mask)) is None
