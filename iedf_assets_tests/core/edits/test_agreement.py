from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.agreement import faults, instruction_faults, readings, stated_recipe
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT, subjects

SIZE = (600, 400)
MOVE = {"task": "structural_edit", "subtype": "move", "direction": "left", "percent": 15, "dx": -90, "dy": 0}


def mask_of(subject: dict[str, Any]) -> Pixels:
    """A full box where the subject is."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    x, y = subject["x"], subject["y"]
    mask[y : y + subject["height"], x : x + subject["width"]] = 255
    return mask


def texts_of(recipe: recipes.Recipe, subject: dict[str, Any]) -> dict[str, str]:
    chinese, english = instructions.write(recipe, subject, *SIZE, 5)
    return {"instruction_ch": chinese, "instruction_en": english}


@given(st.sampled_from(sorted(SUBTYPES)), subjects(), st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_the_factorys_own_texts_have_no_faults(subtype: str, subject: dict[str, Any], seed: int) -> None:
    recipe = recipes.draw(subtype, seed, subject, *SIZE, getattr(Recipes(), subtype))
    assume(not isinstance(recipe, recipes.Unplannable))
    assert isinstance(recipe, dict)
    silhouette = mask_of(subject)
    mask = 255 - silhouette if SUBTYPES[subtype].mask_of == "background" else silhouette
    texts = texts_of(recipe, subject)
    assert instruction_faults(texts, recipe, mask) == 0
    stated = stated_recipe(readings(texts), subtype)
    assert stated["subtype"] == subtype
    assert all(recipe[name] == pytest.approx(value, abs=0.005) for name, value in stated.items()
               if isinstance(value, float))  # fmt: skip
    assert {
        name: value for name, value in stated.items() if not isinstance(value, float)
    }.items() <= recipe.items()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"direction": "right"}, "direction"),
        ({"percent": 30}, "percent"),
        ({"subtype": "delete"}, "subtype"),
    ],
)
def test_a_text_of_another_recipe_is_faulty(change: dict[str, Any], fault: str) -> None:
    said = readings(texts_of(MOVE, SUBJECT))
    found = faults(said, change.get("subtype", "move"), MOVE | change, mask_of(SUBJECT))
    assert found
    assert {text.split(":")[0] for text in found} == {fault}


def test_texts_that_differ_from_each_other_or_from_the_picture_are_faulty() -> None:
    texts = texts_of(MOVE, SUBJECT) | {
        "instruction_en": texts_of(MOVE | {"percent": 20}, SUBJECT)["instruction_en"]
    }
    assert faults(readings(texts), "move", None, mask_of(SUBJECT)) == [
        "percent: the Chinese says 15, the English 20"
    ]
    elsewhere = {**SUBJECT, "x": 20, "y": 20, "width": 60, "height": 60}
    found = faults(readings(texts_of(MOVE, SUBJECT)), "move", MOVE, mask_of(elsewhere))
    assert found
    assert {text.split(":")[0] for text in found} == {"place"}


def test_a_size_that_the_mask_contradicts_is_faulty() -> None:
    large = {**SUBJECT, "area_share": 0.4}
    found = faults(readings(texts_of(MOVE, large)), "move", MOVE, mask_of(SUBJECT))
    assert found
    assert all(text.startswith("size: the text says large") for text in found)


def test_other_peoples_words_cannot_be_judged() -> None:
    texts = {"instruction_ch": "把杯子拿走", "instruction_en": "Take the cup away"}
    assert readings(texts) == {}
    assert instruction_faults(texts, MOVE, mask_of(SUBJECT)) is None
    assert stated_recipe({}, "delete") == {"subtype": "delete"}
