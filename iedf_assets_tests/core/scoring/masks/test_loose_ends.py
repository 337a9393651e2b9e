import cv2
import numpy as np
import pytest

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.masks import moved, scaled
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.loose_ends import LooseEnds, find_loose_ends
from iedf_assets_tests.helpers.things import before, ellipse, ground

THING = ellipse(220, 180, 70, 90)
LIMITS = Thresholds()


def lined(picture: Pixels, ends: tuple[tuple[int, int], tuple[int, int]], colour: int, width: int) -> Pixels:
    return np.asarray(cv2.line(picture.copy(), *ends, (colour,) * 3, width, cv2.LINE_AA), np.uint8)


def found(behind: Pixels, before_it: Pixels, there: Pixels | None = None) -> LooseEnds:
    """Of a perfect edit: what lies behind the thing comes into view."""
    source = np.where(THING[..., None] > 0, before_it, behind).astype(np.uint8)
    result = np.where(THING[..., None] > 0, behind, source).astype(np.uint8)
    measured = find_loose_ends(source, result, THING, there)
    assert measured
    return measured


@pytest.mark.parametrize("texture", ["grass", "gravel", "brick", "coffee"])
def test_a_thing_that_is_taken_away_whole_leaves_nothing(texture: str) -> None:
    behind = ground(texture)
    measured = found(behind, before(behind, THING))
    assert measured.loose < LIMITS.max_loose_ends  # type: ignore[operator]
    assert measured.hidden == 0


@pytest.mark.parametrize("ends", [((20, 180), (460, 180)), ((150, 20), (330, 340)), ((20, 330), (400, 20))])
def test_a_bar_behind_it_that_goes_on_is_no_loose_end(ends: tuple[tuple[int, int], tuple[int, int]]) -> None:
    behind = lined(ground(), ends, 250, 5)
    assert found(behind, before(behind, THING)).loose < LIMITS.max_loose_ends  # type: ignore[operator]


@pytest.mark.parametrize("width", [3, 6, 12])
@pytest.mark.parametrize(("texture", "colour"), [("grass", 255), ("coffee", 0)])
def test_a_bar_that_breaks_off_is_one(texture: str, colour: int, width: int) -> None:
    bare = ground(texture)
    behind = lined(bare, ((20, 180), (460, 180)), colour, width)
    source = before(behind, THING)
    result = np.where(THING[..., None] > 0, bare, source).astype(np.uint8)
    measured = find_loose_ends(source, result, THING)
    assert measured
    assert measured.loose > LIMITS.max_loose_ends  # type: ignore[operator]


def test_what_ends_under_the_moved_thing_is_hidden_and_the_grown_thing_covers_its_own() -> None:
    behind = lined(ground("coffee"), ((220, 180), (320, 180)), 0, 4)
    source = before(behind, THING)
    there = moved(THING, 60, 0)
    result = np.where(there[..., None] > 0, np.roll(source, 60, 1), ground("coffee")).astype(np.uint8)
    shifted = find_loose_ends(source, result, THING, there)
    assert shifted
    assert shifted.hidden > LIMITS.max_hidden_ends  # type: ignore[operator]
    grown = find_loose_ends(source, result, THING, scaled(THING, 1.3, 220, 180))
    assert grown
    assert grown.hidden == 0


def test_what_fills_the_picture_has_no_outline() -> None:
    assert find_loose_ends(ground(), ground(), np.full((360, 480), 255, np.uint8)) is None
