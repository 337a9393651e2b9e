"""Which edits of a photo can be laid over each other."""

from typing import Any

import pytest

from iedf_assets.core.planning.derived.laying import leaves_alone
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.keys import Slot

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
