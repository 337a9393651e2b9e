"""Gaps that a network half sees: carved where both it and the photo say so, and nowhere else."""

import cv2
import numpy as np
import pytest

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.objects import Found
from model_envs.layered.gaps import gaps

HEIGHT, WIDTH = 300, 240
WALL, CLOTH = (150, 150, 155), (40, 40, 60)
LEGS, GAP = np.s_[60:260, 90:150], np.s_[120:260, 116:125]


def standing(between: tuple[int, int, int] = WALL, grain: float = 2.0) -> Pixels:
    """A dark pair of legs before a wall, and what is seen between them."""
    rgb = np.full((HEIGHT, WIDTH, 3), WALL, np.float32)
    rgb[LEGS] = CLOTH
    rgb[GAP] = between
    noise = np.random.default_rng(0).normal(0, grain, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def seen(in_the_gap: float) -> Found:
    """The legs as a network sees them that is so sure of the gap."""
    probability = np.zeros((HEIGHT, WIDTH), np.float32)
    probability[LEGS] = 1
    probability[GAP] = in_the_gap
    return Found(np.asarray(cv2.GaussianBlur(probability, (0, 0), 1.0), np.float32), 1.0, 1.0)


def carved(rgb: Pixels, found: Found) -> float:
    """The share of the gap that is carved out; nothing else ever is."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[LEGS] = True
    gap = np.zeros_like(mask)
    gap[GAP] = True
    result = gaps(quick_lab(rgb), found, mask)
    assert not (result & ~gap).any()
    return float(result[gap].mean())


def test_a_gap_of_the_walls_colour_that_the_network_doubts_is_none_of_the_object() -> None:
    assert carved(standing(), seen(0.65)) > 0.85


@pytest.mark.parametrize(
    ("between", "sure", "grain"),
    [
        (WALL, 0.99, 2.0),  # the network is sure: a grey stripe on dark trousers
        ((190, 120, 90), 0.65, 2.0),  # of no colour that the wall has
        (WALL, 0.65, 40.0),  # before a busy wall much is of its colours
        (CLOTH, 0.65, 2.0),
    ],
)
def test_what_only_the_network_or_only_the_photo_says_is_kept(
    between: tuple[int, int, int], sure: float, grain: float
) -> None:
    assert carved(standing(between, grain), seen(sure)) == 0


def test_a_thing_of_the_walls_colour_all_over_is_kept() -> None:
    """No edges part what the network doubts from the rest."""
    rgb = standing()
    rgb[LEGS] = rgb[:200, :60]
    assert carved(rgb, seen(0.65)) == 0


def test_an_object_that_fills_its_picture_has_no_background_to_be_like() -> None:
    found = seen(0.65)
    assert not gaps(quick_lab(standing()), found, np.ones((HEIGHT, WIDTH), np.bool_)).any()
