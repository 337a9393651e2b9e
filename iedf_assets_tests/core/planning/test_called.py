"""Names that people gave objects, put to the objects that they mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.called import called, covered, with_names
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout

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


def test_the_masks_of_a_photo_tell_which_object_lies_at_a_point(profile: Profile, layout: Layout) -> None:
    book = Book.open(profile, layout, "物体一致性")
    folder = layout.staged("image_layers", "ab12")
    folder.mkdir(parents=True)
    left = np.zeros((60, 80), np.uint8)
    left[:, :30] = 255
    masks = {"mask.png": left, "mask_2.png": left[:, ::-1]}
    for name, mask in masks.items():
        (folder / name).write_bytes(encode_png(np.ascontiguousarray(mask)))
    objects = [{"number": n, "parts": None, "caption": None, "mask": name} for n, name in enumerate(masks, 1)]
    layers = {"key": "ab12", "objects": objects}
    names = [
        {**BALL, "at": [0.9, 0.5]},
        {**DOG, "at": [0.1, 0.5]},
        {"en": "cat", "ch": "猫", "at": [0.5, 0.5]},
    ]
    assert [one["caption"] for one in called(book, layers, names)["objects"]] == [DOG, BALL]
    assert called(book, layers, []) is layers
    (folder / "mask.png").unlink()
    with pytest.raises(StorageError):
        called(book, layers, names)
