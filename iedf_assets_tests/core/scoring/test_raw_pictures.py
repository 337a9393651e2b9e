import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.scoring.raw_pictures import look_at
from iedf_assets_tests.helpers.foreign_editor import MANNERS

PHOTO = np.asarray(data.coffee()[::2, ::2].copy(), np.uint8)


def mask() -> np.ndarray:
    found = np.zeros(PHOTO.shape[:2], np.uint8)
    cv2.circle(found, (PHOTO.shape[1] // 2, PHOTO.shape[0] // 2), 50, 255, -1)
    return found


@pytest.mark.parametrize("manner", MANNERS)
def test_what_an_editor_did_is_told_in_words(manner: str) -> None:
    allowed = np.asarray(cv2.dilate(mask(), np.ones((15, 15), np.uint8)), np.uint8)
    words = look_at(PHOTO, MANNERS[manner](PHOTO, mask()), allowed).words()
    # Whoever repaints much of the outside moves its measures along.
    assert manner in words if manner == "over-eager" else words == [manner]


def test_of_an_edit_of_everything_only_its_change_is_told() -> None:
    everything = np.full(PHOTO.shape[:2], 255, np.uint8)
    assert look_at(PHOTO, 255 - PHOTO, everything).words() == ["good"]
    lazy = look_at(PHOTO, PHOTO, everything)
    assert lazy.words() == ["lazy"]
    assert (lazy.shift_px, lazy.cast) == (None, None)


def test_what_cannot_be_aligned_says_so() -> None:
    other = np.random.default_rng(1).integers(0, 256, PHOTO.shape).astype(np.uint8)
    assert "unaligned" in look_at(PHOTO, other, mask()).words()
