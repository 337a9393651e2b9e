"""Names that people gave objects, put to the objects that they mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from iedf_assets.core.planning.called import covered, with_names
from iedf_assets.core.storage.journal import Row

DOG, BALL = {"en": "dog", "ch": "狗"}, {"en": "ball", "ch": "球"}


def three() -> list[Row]:
    """Two objects, the first of which a model has named, and both as a group."""
    alone = [{"number": number, "parts": None, "caption": None} for number in (1, 2)]
    return [{**alone[0], "caption": {"en": "animal", "ch": "动物"}}, alone[1],
            {"number": 3, "parts": [1, 2], "caption": None}]  # fmt: skip


def left_or_right(one: Mapping[str, Any], point: tuple[float, float]) -> float:
    return float((one["number"] == 1) == (point[0] < 0.5)) if point[1] < 0.9 else 0.0


def captions(*names: Row) -> list[Any]:
    return [one["caption"] for one in with_names(three(), names, left_or_right)]


def test_a_name_without_a_point_is_the_main_object_s_and_goes_before_a_model_s() -> None:
    assert captions(DOG) == [DOG, None, None]


def test_a_name_with_a_point_is_that_of_the_object_that_lies_there() -> None:
    assert captions({**BALL, "at": [0.8, 0.5]}, {**DOG, "at": [0.2, 0.5]}) == [DOG, BALL, None]


def test_a_point_on_nothing_names_nothing_and_of_two_names_of_an_object_the_first_counts() -> None:
    unnamed = three()[0]["caption"]
    assert captions({**BALL, "at": [0.8, 0.95]}) == [unnamed, None, None]
    assert captions({**DOG, "at": [0.2, 0.5]}, {**BALL, "at": [0.3, 0.5]}) == [DOG, None, None]


def test_what_lies_around_a_point_counts_so_that_a_thin_thing_can_be_pointed_at() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[:, 100:102] = 255
    assert covered(mask, (0.495, 0.5)) > 0
    assert covered(mask, (0.2, 0.5)) == 0
    assert covered(np.full((100, 200), 255, np.uint8), (1.0, 1.0)) == 1
