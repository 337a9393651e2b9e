import cv2
import numpy as np
import pytest

from iedf_assets.core.scoring.masks.remainders import Remainders, find_remainders
from iedf_assets_tests.helpers.things import before, ellipse, ground

CAT = ellipse(240, 180, 80, 110)
PICTURE = before(ground(), CAT)


def found(mask: np.ndarray, others: np.ndarray | None = None) -> Remainders:
    measured = find_remainders(PICTURE, mask, others)
    assert measured
    return measured


def test_a_whole_object_leaves_and_takes_nothing() -> None:
    measured = found(CAT)
    assert measured.outline_unseen < 0.05
    assert measured.remainder < 0.05
    assert measured.swallowed < 0.1
    assert measured.filled_holes == 0


@pytest.mark.parametrize("lost", [np.s_[230:], np.s_[:130], np.s_[:, 240:]])
def test_a_part_that_the_mask_lacks_is_a_remainder(lost: slice) -> None:
    part = CAT.copy()
    part[lost] = 0
    measured = found(part)
    assert measured.remainder > 0.15
    assert measured.outline_unseen > 0.1


def test_a_slab_of_background_is_swallowed_and_has_no_outline() -> None:
    joined = CAT.copy()
    joined[200:300, 240:420] = 255
    measured = found(joined)
    assert measured.swallowed > 0.15
    assert measured.outline_unseen > 0.15


def test_another_object_beside_it_is_no_remainder() -> None:
    left, right = CAT.copy(), CAT.copy()
    left[:, 240:] = 0
    right[:, :240] = 0
    assert found(left, right).remainder < 0.02 < found(left).remainder


def test_a_hole_that_shows_the_background_is_none_that_was_filled() -> None:
    hole = ellipse(240, 180, 40, 50)
    ring = CAT & ~hole
    through = np.where(hole[..., None] > 0, ground(), PICTURE).astype(np.uint8)
    seen, closed = find_remainders(through, ring), find_remainders(PICTURE, ring)
    assert seen
    assert closed
    assert seen.filled_holes < 0.1 < closed.filled_holes


def test_nothing_and_everything_tell_nothing() -> None:
    assert find_remainders(PICTURE, np.zeros_like(CAT)) is None
    assert find_remainders(PICTURE, np.full_like(CAT, 255)) is None


def test_measures_hardly_depend_on_the_size() -> None:
    part = CAT.copy()
    part[230:] = 0
    large = [cv2.resize(one, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST) for one in (PICTURE, part)]
    small, twice = found(part), find_remainders(*(np.asarray(one, np.uint8) for one in large))
    assert twice
    assert twice.remainder == pytest.approx(small.remainder, abs=0.05)
