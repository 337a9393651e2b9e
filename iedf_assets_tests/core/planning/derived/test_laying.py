"""Which edits of a photo can be laid over each other."""

from typing import Any

import pytest

from iedf_assets.core.planning.derived.laying import edited_objects, follows, goes_along, leaves_alone
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.keys import Slot
from iedf_assets_tests.helpers.profiles import CLASSICAL

TWO = [{"number": 1, "parts": None}, {"number": 2, "parts": None}]
GROUP = {"number": 3, "parts": [1, 2]}


def edit(subtype: str, number: int) -> tuple[Slot, dict[str, Any]]:
    slot = Slot("abc", SUBTYPES[subtype], 0, 1, "mixed", "", "", "", "")
    return slot, {"subtype": subtype, "object": number}


@pytest.mark.parametrize(
    ("edits", "alone"),
    [
        ([edit("recolor", 1), edit("move", 2)], True),
        ([edit("recolor", 1), edit("background", 3)], True),
        ([edit("recolor", 1), edit("identity", 2), edit("background", 3)], False),
        ([edit("recolor", 3), edit("background", 3)], False),
        ([edit("recolor", 2), edit("background", 2)], False),
    ],
)
def test_beside_a_background_not_all_objects_are_edited(edits: list[Any], alone: bool) -> None:
    assert leaves_alone({"objects": [*TWO, GROUP]}, edits) is alone


CUP: dict[str, Any] = {
    "layer": None,
    "number": 1,
    "parts": None,
    "x": 50,
    "y": 50,
    "width": 80,
    "height": 80,
    "colour": [20, 40, 180],
}
JUG = {**CUP, "number": 2, "x": 300}
LAYERS: dict[str, Any] = {"width": 400, "height": 200, "objects": [CUP, JUG]}
HOW: dict[str, dict[str, Any]] = {
    "move": {"dx": 60, "dy": 0, "direction": "right", "percent": 15},
    "scale": {"factor": 1.2, "anchor_x": 90, "anchor_y": 90},
    "recolor": {"colour": "green"},
}


def of(subtype: str, number: int, **told: Any) -> tuple[Slot, dict[str, Any]]:
    slot, recipe = edit(subtype, number)
    return slot, {**recipe, **HOW.get(subtype, {}), **told}


@pytest.mark.parametrize(
    ("done", "step", "can_follow"),
    [
        ([of("move", 1)], of("recolor", 1), True),
        ([of("move", 1)], of("identity", 1), True),
        ([of("move", 1), of("recolor", 1)], of("identity", 1), True),
        ([of("move", 1)], of("identity", 2), True),
        # By then the colour is not the one that it starts from.
        ([of("identity", 1)], of("recolor", 1), False),
        # Its layer is the photo's, in the colours and the size that it has there.
        ([of("recolor", 1)], of("move", 1), False),
        ([of("scale", 1)], of("recolor", 1), False),
        ([of("delete", 1)], of("recolor", 1), False),
        # It is beside the other one by then, or partly outside.
        ([of("move", 1, dx=160), of("recolor", 2)], of("recolor", 1), False),
        ([of("move", 1, dx=-60)], of("recolor", 1), False),
        # A model has drawn it anew, with an outline that nobody knows.
        ([of("move", 1, by="model")], of("recolor", 1), False),
        ([of("move", 1, by="model")], of("identity", 2), True),
        # What a model draws shows further around it.
        ([of("move", 1, dx=140)], of("identity", 2), True),
        ([of("move", 1, dx=140, by="model")], of("identity", 2), False),
    ],
)
def test_an_object_is_edited_again_where_its_mask_and_layer_go_along(
    done: list[Any], step: Any, can_follow: bool
) -> None:
    profile = load_profile(CLASSICAL)
    category = next(iter(profile.categories.values()))
    assert follows(category, LAYERS, step, done) is can_follow


def test_an_object_that_was_moved_is_found_where_it_is() -> None:
    (cup, jug) = edited_objects(LAYERS["objects"], [of("move", 1), of("recolor", 1)])
    assert (cup["x"], cup["moved"], cup["colour_name"]) == (110, [60, 0], "green")
    assert jug is JUG


def test_colour_or_light_goes_along_with_a_move_of_the_same_object_alone() -> None:
    assert goes_along(of("move", 1), of("recolor", 1))
    assert goes_along(of("identity", 1), of("move", 1))
    assert not goes_along(of("move", 1), of("recolor", 2))
    assert not goes_along(of("scale", 1), of("recolor", 1))
    assert not goes_along(of("identity", 1), of("recolor", 1))
