"""Whether one mask shows several things beside each other, on pasted real things."""

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Bools, Pixels
from model_envs.layered.side_by_side import SEVERAL, side_by_side


def cup() -> tuple[Pixels, Bools]:
    """Scikit-image's cup with its saucer."""
    photo = np.ascontiguousarray(data.coffee()[:, 60:500])
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(mask, (221, 210), (205, 188), 0, 0, 360, 1, cv2.FILLED)
    return photo, mask > 0


def cat() -> tuple[Pixels, Bools]:
    """The head of scikit-image's cat."""
    photo = np.ascontiguousarray(data.chelsea()[:, 20:380])
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(mask, (180, 150), (170, 148), 0, 0, 360, 1, cv2.FILLED)
    return photo, mask > 0


def upright() -> tuple[Pixels, Bools]:
    """Scikit-image's astronaut: a head above a suit of another colour."""
    photo = np.ascontiguousarray(data.astronaut())
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(mask, (225, 90), (72, 95), 0, 0, 360, 1, cv2.FILLED)
    cv2.fillPoly(mask, [np.array([[170, 170], [280, 170], [350, 260], [330, 511], [60, 511], [50, 260]])], 1)
    return photo, mask > 0


def pasted(one: tuple[Pixels, Bools], other: tuple[Pixels, Bools], overlap: int) -> tuple[Pixels, Bools]:
    """Two things on the same ground, the second before the first by so many columns."""
    (first, mine), (second, yours) = one, other
    height = max(len(first), len(second))
    width = first.shape[1] + second.shape[1] - overlap
    photo, mask = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.bool_)
    for picture, shape, at in ((first, mine, 0), (second, yours, width - second.shape[1])):
        box = np.s_[height - len(picture) :, at : at + picture.shape[1]]
        photo[box][shape] = picture[shape]
        mask[box] |= shape
    return photo, mask


@pytest.mark.parametrize("overlap", [40, 80, 120])
def test_two_things_that_touch_are_several(overlap: int) -> None:
    assert side_by_side(*pasted(cup(), cat(), overlap)) > SEVERAL


@pytest.mark.parametrize("one", [cup, cat, upright])
def test_one_thing_is_not_several(one: object) -> None:
    assert callable(one)
    photo, mask = one()
    assert side_by_side(photo, mask) < SEVERAL - 0.1
    assert side_by_side(np.ascontiguousarray(photo[:, ::-1]), mask[:, ::-1]) < SEVERAL - 0.1


def test_a_thing_on_another_is_not_told_from_one_thing() -> None:
    photo, mask = pasted(cup(), cat(), 80)
    assert side_by_side(np.ascontiguousarray(np.rot90(photo)), np.rot90(mask)) < SEVERAL


def test_a_speck_and_nothing_are_one_thing() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    for side in (0, 1, 3):
        mask = np.zeros((40, 40), np.bool_)
        mask[:side, :side] = True
        assert side_by_side(photo, mask) < SEVERAL


def test_it_does_not_depend_on_the_size() -> None:
    photo, mask = pasted(cup(), cat(), 80)
    half = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
    halved = cv2.resize(mask.astype(np.uint8), half.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert side_by_side(half, np.asarray(halved)) == pytest.approx(side_by_side(photo, mask), abs=0.08)
