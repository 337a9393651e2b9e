from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.phrases import PHRASES, Language
from iedf_assets.core.edits.readings import Reading, contradictions, disagreements, read
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT, subjects

SIZE = (600, 400)
WHOLE = {name for name, subtype in SUBTYPES.items() if subtype.mask_of == "everything"}
LANGUAGES: tuple[Language, ...] = ("ch", "en")
CAPTIONS = st.sampled_from([
    None,
    {"ch": "陶瓷咖啡杯", "en": "a ceramic coffee cup"},
    {"ch": "向左移动的大型车", "en": "a car moved to the left by 5 % of the image width"},
    {"ch": "变大的物体", "en": "thing that is 20 % larger in the centre"},
])  # fmt: skip
OTHERS: dict[str, Any] = {
    "direction": {"left": "right", "right": "left", "up": "down", "down": "up"}.__getitem__,
    "percent": lambda percent: percent + 3,
    "factor": lambda factor: 1 / factor,
    "colour": lambda colour: "pink" if colour != "pink" else "green",
    "kind": lambda kind: "cool" if kind != "cool" else "warm",
    "strength": lambda strength: 0.1 if strength >= 0.5 else 0.9,
}


@st.composite
def edits(draw: st.DrawFn) -> tuple[recipes.Recipe, dict[str, Any], tuple[str, str]]:
    subtype = draw(st.sampled_from(sorted(SUBTYPES)))
    subject = draw(subjects()) | {"caption": draw(CAPTIONS)}
    seed = draw(st.integers(0, 2**31))
    recipe = recipes.draw(subtype, seed, subject, *SIZE, getattr(Recipes(), subtype))
    assume(not isinstance(recipe, recipes.Unplannable))
    assert isinstance(recipe, dict)
    return recipe, subject, instructions.write(recipe, subject, *SIZE, seed)


@given(edits())
@settings(deadline=None, max_examples=200)
def test_what_was_written_is_read_back(edit: tuple[recipes.Recipe, dict[str, Any], tuple[str, str]]) -> None:
    recipe, subject, texts = edit
    both = [read(text, language) for text, language in zip(texts, LANGUAGES, strict=True)]
    for reading in both:
        assert reading
        assert disagreements(reading, recipe) == []
        assert (reading.direction, reading.percent) == (recipe.get("direction"), recipe.get("percent"))
        column, row = (
            min(int(3 * (subject[start] + subject[extent] / 2) / length), 2)
            for start, extent, length in (("x", "width", SIZE[0]), ("y", "height", SIZE[1]))
        )
        if recipe["subtype"] in WHOLE:
            assert reading.name == ""
            continue
        assert reading.place == (row, column)
        if subject["caption"] is None:
            assert reading.caption is None
            assert reading.object_colour == colour_names.name_of(subject["colour"]).key
    assert both[0]
    assert both[1]
    assert contradictions(both[0], both[1]) == []


@given(edits(), st.data())
@settings(deadline=None, max_examples=200)
def test_a_recipe_that_says_something_else_disagrees(
    edit: tuple[recipes.Recipe, dict[str, Any], tuple[str, str]], data: st.DataObject
) -> None:
    recipe, _, texts = edit
    names = sorted(set(OTHERS) & set(recipe))
    assume(names)
    name = data.draw(st.sampled_from(names))
    other = recipe | {name: OTHERS[name](recipe[name])}
    for text, language in zip(texts, LANGUAGES, strict=True):
        reading = read(text, language)
        assert reading
        assert [fault.split(":")[0] for fault in disagreements(reading, other)] == [name]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrasing_is_read_as_what_it_is(language: Language) -> None:
    values = {
        "it": instructions.object_name(SUBJECT, *SIZE, language, {"en": "object", "ch": "物体"}[language]),
        "colour": {"en": "light blue", "ch": "浅蓝色"}[language],
        "more": "slightly", "some": "a slight", "degree": {"en": "slightly", "ch": "略微"}[language],
    }  # fmt: skip
    for key, phrases in PHRASES[language].items():
        subtype, _, variety = key.partition("/")
        percent = 80 if variety == "smaller" else 125
        direction = {"horizontal": "left", "vertical": "up"}.get(variety, "left")
        word = {"en": {"left": "to the left", "up": "upwards"}, "ch": {"left": "左", "up": "上"}}[language]
        for phrase in phrases:
            text = phrase.format(
                **values, percent=percent, change=abs(percent - 100), direction=word[direction]
            )
            reading = read(text[0].upper() + text[1:], language)
            assert reading, text
            assert reading.subtype == subtype
            if subtype == "scale":
                assert reading.factor == percent / 100
            elif subtype in {"identity", "background"}:
                assert (reading.kind, reading.strength) == (variety, "slight")


@given(edits())
@settings(deadline=None, max_examples=50)
def test_a_text_in_the_other_language_is_not_read(
    edit: tuple[recipes.Recipe, dict[str, Any], tuple[str, str]],
) -> None:
    chinese, english = edit[2]
    assert read(chinese, "en") is None
    assert read(english, "ch") is None


@given(st.text(max_size=60))
def test_any_other_text_is_nothing_and_no_error(text: str) -> None:
    assert read(text, "en") is None
    assert read(text, "ch") is None


def test_languages_that_differ_contradict_each_other() -> None:
    ch, en = Reading("move", direction="left", percent=12), Reading("move", direction="right", percent=12)
    assert [fault.split(":")[0] for fault in contradictions(ch, en)] == ["direction"]
    assert contradictions(ch, ch) == []
