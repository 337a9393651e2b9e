from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.phrases import level_of
from iedf_assets.core.edits.recipes import in_pixels
from iedf_assets.core.pictures.masks import moved
from iedf_assets.core.scoring.pair_views import PairView
from iedf_assets.core.scoring.whereabouts import located
from iedf_assets_tests.helpers.things import WIDTH, before, ellipse, ground

CAT = ellipse(220, 200, 50, 60)
SOURCE = before(ground(), CAT)
BOX = {"x": 170, "y": 140, "width": 101, "height": 121}


def shifted(percent: int) -> Pixels:
    dx = round(percent * WIDTH / 100)
    there = moved(CAT, dx, 0)
    return np.where(there[..., None] > 0, np.roll(SOURCE, dx, 1), ground()).astype(np.uint8)


@given(percent=st.integers(12, 40))
def test_a_move_that_is_told_in_words_is_measured(percent: int) -> None:
    told = {"subtype": "move", "direction": "right"}
    level = level_of({**told, "percent": percent})
    pair = PairView(SOURCE, shifted(percent), CAT)
    assert located(told, level, pair) == {**told, "percent": percent}


def test_a_move_up_to_another_thing_is_found_in_either_direction() -> None:
    pair = PairView(SOURCE, shifted(30), CAT)
    assert located({"subtype": "move"}, None, pair) == {
        "subtype": "move",
        "direction": "right",
        "percent": 30,
    }


def test_no_other_amount_is_found_than_the_words_are_used_for() -> None:
    pair = PairView(SOURCE, shifted(35), CAT)
    assert located({"subtype": "move", "direction": "right"}, "shift/little", pair)["percent"] < 18


@pytest.mark.parametrize("factor", [0.55, 0.7, 0.8, 1.2, 1.35, 1.5])
def test_a_scaling_that_is_told_in_words_is_measured(factor: float) -> None:
    recipe: dict[str, Any] = in_pixels({"subtype": "scale", "factor": factor}, BOX, *SOURCE.shape[1::-1])
    x, y = ((1 - factor) * recipe[name] for name in ("anchor_x", "anchor_y"))
    matrix = np.array([[factor, 0, x], [0, factor, y]])
    cat, there = (cv2.warpAffine(picture, matrix, SOURCE.shape[1::-1]) for picture in (SOURCE, CAT))
    pair = PairView(SOURCE, np.where(there[..., None] > 127, cat, ground()).astype(np.uint8), CAT)
    assert located({"subtype": "scale"}, level_of(recipe), pair) == {"subtype": "scale", "factor": factor}


def test_what_shows_nothing_stays_as_it_was_told() -> None:
    told = {"subtype": "move", "direction": "left"}
    speck = np.zeros_like(CAT)
    speck[50:53, 50:53] = 255
    assert located(told, "shift/some", PairView(SOURCE, SOURCE, speck)) == told
