"""A fill belongs where it is when the photo has something like it at about that height."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.masks import moved, scaled
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.fills import fringe, misplaced_fill
from iedf_assets_tests.helpers.things import HEIGHT, WIDTH, before, ellipse, ground

THING = ellipse(220, 180, 70, 90)
LIMIT, FRINGE = (float(limit or 0) for limit in (Thresholds().max_misplaced_fill, Thresholds().max_fringe))


def scene(above: str, below: str) -> np.ndarray:
    """Two real textures, the upper one dark, one above the other."""
    return np.vstack([ground(above)[:180] // 3, ground(below)[180:]])


@pytest.mark.parametrize(("above", "below"), [("gravel", "grass"), ("brick", "gravel"), ("grass", "brick")])
@pytest.mark.parametrize("there", [None, moved(THING, 120, 0), scaled(THING, 0.6, 220, 270)])
def test_what_goes_on_at_its_height_belongs_there_and_what_comes_from_another_does_not(
    above: str, below: str, there: np.ndarray | None
) -> None:
    behind = scene(above, below)
    source = before(behind, THING)
    right = behind if there is None else before(behind, there)
    wrong = np.where(THING[..., None] > 0, np.roll(behind, 180, 0), right)
    if there is not None:
        wrong = np.where(there[..., None] > 0, right, wrong)
    assert float(misplaced_fill(source, right, THING, there) or 0) < LIMIT
    assert float(misplaced_fill(source, wrong.astype(np.uint8), THING, there) or 0) > 3 * LIMIT


def test_where_nothing_is_filled_or_nothing_lies_beside_it_nothing_is_said() -> None:
    picture = ground("grass")
    assert misplaced_fill(picture, picture, THING, scaled(THING, 1.4, 220, 180)) is None
    across = np.zeros((HEIGHT, WIDTH), np.uint8)
    across[2:358] = 255
    assert misplaced_fill(picture, picture, across, None) is None


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 255), st.integers(40, 400), st.integers(60, 300))
def test_what_is_all_of_one_colour_is_never_out_of_place(colour: int, x: int, y: int) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    assert not misplaced_fill(picture, picture, ellipse(x, y, 50, 40), None)


def strands(picture: Pixels, colour: int) -> Pixels:
    """Hair that stands out all around the thing."""
    drawn = picture.copy()
    for angle in np.arange(0, 2 * np.pi, 0.12):
        way = np.array([70 * np.cos(angle), 90 * np.sin(angle)])
        first, last = (tuple(np.rint([220, 180] + way * far).astype(int).tolist()) for far in (0.9, 1.25))
        cv2.line(drawn, first, last, (colour,) * 3, 1, cv2.LINE_AA)
    return drawn


@pytest.mark.parametrize("there", [None, moved(THING, 120, 0)])
def test_hair_that_stays_before_a_blurred_background_is_a_fringe(there: np.ndarray | None) -> None:
    blurred = np.asarray(cv2.GaussianBlur(ground("coffee"), (0, 0), 6), np.uint8)
    clean = blurred if there is None else before(blurred, there)
    left = np.where(THING[..., None] > 0, clean, strands(clean, 20)).astype(np.uint8)
    assert float(fringe(clean, THING, there) or 0) < FRINGE
    assert float(fringe(left, THING, there) or 0) > FRINGE


@pytest.mark.parametrize("texture", ["grass", "gravel", "brick"])
def test_what_is_fine_everywhere_is_none(texture: str) -> None:
    assert float(fringe(ground(texture), THING, None) or 0) < FRINGE


def test_where_nothing_is_seen_around_it_nothing_is_said_of_a_fringe() -> None:
    everywhere = np.full((HEIGHT, WIDTH), 255, np.uint8)
    assert fringe(ground(), everywhere, None) is None
    assert fringe(ground(), THING, everywhere) is None
