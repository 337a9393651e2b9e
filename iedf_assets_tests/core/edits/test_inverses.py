"""The way back from an edit: its parameters, its object and its words."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.inverses import inverted, percent_back, undone
from iedf_assets.core.edits.readings import contradictions, disagreements, read
from iedf_assets.core.edits.stated import KINDS
from iedf_assets.core.profile.bank import LANGUAGES
from iedf_assets.core.profile.derive import INVERSES
from iedf_assets.core.profile.subtypes import Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT, subjects

SIZE = (600, 400)
DOG = {"caption": {"en": "a dog", "ch": "狗"}}


def inverse_of(recipe: dict[str, Any], subject: dict[str, Any]) -> tuple[recipes.Recipe, recipes.Subject]:
    found = inverted(recipe, subject)
    assert not isinstance(found, recipes.Unplannable)
    return found


@st.composite
def edits(draw: st.DrawFn) -> tuple[recipes.Recipe, dict[str, Any], int]:
    subtype = draw(st.sampled_from(sorted(INVERSES)))
    subject, seed = draw(subjects()) | DOG, draw(st.integers(0, 2**31))
    recipe = recipes.draw(subtype, seed, subject, *SIZE, getattr(Recipes(), subtype))
    assume(isinstance(recipe, dict))
    assert isinstance(recipe, dict)
    return recipe, subject, seed


@given(edits(), st.sampled_from([0.0, 1.0]))
@settings(deadline=None)
def test_an_inverse_is_asked_for_in_words_that_are_read_back(
    edit: tuple[recipes.Recipe, dict[str, Any], int], plain_share: float
) -> None:
    recipe, there = inverse_of(edit[0], edit[1])
    recipe = instructions.phrased(recipe, edit[2], plain_share, there, [], SIZE)
    texts = instructions.write(recipe, there, *SIZE, edit[2])
    both = [read(text, language) for text, language in zip(texts, LANGUAGES, strict=True)]
    for reading in both:
        assert reading
        assert disagreements(reading, recipe) == []
        if reading.name:
            assert reading.place == instructions.place_of(there, *SIZE)
    assert both[0]
    assert both[1]
    assert contradictions(both[0], both[1]) == []


@given(edits())
@settings(deadline=None)
def test_the_inverse_of_the_inverse_of_a_move_or_scaling_is_the_edit_itself(
    edit: tuple[recipes.Recipe, dict[str, Any], int],
) -> None:
    recipe, subject, _ = edit
    assume(recipe["subtype"] in {"move", "scale"})
    back, there = inverse_of(recipe, subject)
    again, there = inverse_of(back, dict(there))
    assert again.pop("factor", None) == pytest.approx(recipe.get("factor"), abs=1e-4)
    assert again == {name: value for name, value in recipe.items() if name != "factor"}
    assert all(abs(there[side] - subject[side]) <= 1 for side in ("x", "y", "width", "height"))


def test_a_moved_object_is_called_by_the_place_where_it_ended_up() -> None:
    recipe = {"task": "structural_edit", "subtype": "move", "direction": "right", "percent": 30,
              "dx": 180, "dy": 0}  # fmt: skip
    back, there = inverse_of(recipe, SUBJECT)
    assert (back["direction"], back["percent"], back["dx"]) == ("left", 30, -180)
    _, english = instructions.write(back, there, *SIZE, 1)
    assert "on the right" in english
    assert "to the left by 30%" in english or "30% of the image width" in english


@pytest.mark.parametrize(
    ("kind", "percent", "back"),
    [("brighter", 25, 20), ("darker", 20, 25), ("higher", 35, 26), ("lower", 35, 54), ("warmer", 20, 20)],
)
def test_a_stated_edit_is_undone_by_the_percentage_that_gets_back(kind: str, percent: int, back: int) -> None:
    subtype = next(name for name, kinds in KINDS.items() if kind in kinds)
    assert percent_back(subtype, kind, percent) == back
    recipe = {"subtype": subtype, "kind": kind, "percent": percent}
    found, _ = inverse_of(recipe, {})
    assert found["percent"] == back
    assert undone(found) == recipe


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a dog", "a dog in the centre"),
        ("orange cup", "an orange cup in the centre"),
        ("red flowers", "red flowers in the centre"),
        ("glass", "a glass in the centre"),
    ],
)
def test_what_was_removed_is_added_by_its_name(name: str, said: str) -> None:
    recipe, there = inverse_of({"subtype": "delete"}, SUBJECT | {"caption": {"en": name, "ch": "某物"}})
    assert recipe == {"task": "semantic_edit", "subtype": "add", "kind": "object"}
    chinese, english = instructions.write(recipe, there, *SIZE, 3)
    assert said in english
    assert "画面中央的某物" in chinese


@pytest.mark.parametrize("caption", [None, "a dog", {"en": "a dog"}])
def test_what_has_no_name_in_both_languages_is_not_added(caption: Any) -> None:
    found = inverted({"subtype": "delete"}, SUBJECT | {"caption": caption})
    assert isinstance(found, recipes.Unplannable)
    assert found.reason == "no_name"


def test_no_model_is_asked_for_what_only_undoes_a_removal() -> None:
    kinds = {
        recipe["kind"]
        for seed in range(200)
        if isinstance(recipe := recipes.draw("add", seed, SUBJECT, *SIZE, Recipes().add), dict)
    }
    assert "object" not in kinds
    with pytest.raises(ValueError, match="add has no kind object"):
        Recipes.model_validate({"add": {"kinds": ["object"]}})
