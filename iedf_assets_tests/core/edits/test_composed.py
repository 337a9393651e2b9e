"""Several edits in one instruction: written, read back, and found wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.agreement import composed_faults
from iedf_assets.core.edits.readings import read
from iedf_assets.core.profile.subtypes import Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT

SIZE = (600, 400)
OTHER = SUBJECT | {"x": 20, "y": 20, "colour": [20, 60, 200]}
SUBTYPES = ("move", "scale", "delete", "recolor", "identity", "background")


def drawn(subtype: str, seed: int) -> recipes.Recipe:
    recipe = recipes.draw(subtype, seed, SUBJECT, *SIZE, getattr(Recipes(), subtype))
    assert isinstance(recipe, dict)
    return recipe


@given(st.lists(st.sampled_from(SUBTYPES), min_size=2, max_size=3), st.integers(0, 2**31))
@settings(deadline=None)
def test_what_is_composed_is_read_back_and_a_wrong_part_is_found(names: list[str], seed: int) -> None:
    edits = [drawn(name, seed + place) for place, name in enumerate(names)]
    subjects = [SUBJECT, OTHER, SUBJECT][: len(edits)]
    texts = instructions.write_composed(list(zip(edits, subjects, strict=True)), *SIZE, seed)
    told = dict(zip(("instruction_ch", "instruction_en"), texts, strict=True))
    assert composed_faults(told, {"edits": edits}) == []
    assert composed_faults(told, None) == []
    wrong = [*edits[:-1], drawn("delete" if names[-1] != "delete" else "move", seed)]
    assert composed_faults(told, {"edits": wrong})
    assert composed_faults(told, {"edits": edits[:-1]})


def test_a_background_beside_another_edit_says_nothing_of_what_stays() -> None:
    edits = [drawn("recolor", 1), drawn("background", 1)]
    chinese, english = instructions.write_composed([(edit, SUBJECT) for edit in edits], *SIZE, 5)
    assert english.count("background") == chinese.count("背景") == 1
    assert not any(word in english + chinese for word in ("stay", "keep", "unchanged", "不变", "原样"))
    # Alone, such words are nobody's: an edit of a background says that the subject stays.
    assert read(english.split(", and ")[1], "en") is None


@pytest.mark.parametrize("text", ["Make it nicer", "Make it nicer, and brighter"])
def test_other_peoples_words_are_not_read(text: str) -> None:
    assert composed_faults({"instruction_en": text}, {"edits": []}) is None


def test_a_language_that_says_something_else_is_found() -> None:
    english = "Remove the orange object in the centre, and remove the blue object in the upper left"
    chinese = "移除画面中央的橙色物体，同时将画面左上方的蓝色物体放大 20%"
    assert composed_faults({"instruction_ch": chinese, "instruction_en": english}, None)
