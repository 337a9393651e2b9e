from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.phrases import level_words
from iedf_assets.core.edits.readings import Reading, contradictions, disagreements, read
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.profile.bank import LANGUAGES, PHRASINGS, Language, Phrasing, bank, level_name
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT, subjects

SIZE = (600, 400)
WHOLE = {name for name, subtype in SUBTYPES.items() if subtype.mask_of == "everything"}
CAPTIONS = st.sampled_from([
    None,
    {"ch": "陶瓷咖啡杯", "en": "a ceramic coffee cup"},
    {"ch": "向左移动的大型车", "en": "a car moved to the left by 5 % of the image width"},
    {"ch": "变大的物体", "en": "thing that is 20 % larger in the centre"},
])  # fmt: skip
OTHERS: dict[str, Any] = {
    "direction": {"left": "right", "right": "left", "up": "down", "down": "up"}.__getitem__,
    "percent": lambda percent: 1 if percent > 20 else percent + 40,
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
    if phrasing := instructions.phrasing_of(recipe, seed, 0.5):
        recipe["phrasing"] = phrasing
    return recipe, subject, instructions.write(recipe, subject, *SIZE, seed)


@given(edits())
@settings(deadline=None, max_examples=200)
def test_what_was_written_is_read_back(edit: tuple[recipes.Recipe, dict[str, Any], tuple[str, str]]) -> None:
    recipe, subject, texts = edit
    both = [read(text, language) for text, language in zip(texts, LANGUAGES, strict=True)]
    for reading in both:
        assert reading
        assert disagreements(reading, recipe) == []
        assert reading.direction == recipe.get("direction")
        assert reading.phrasing == recipe.get("phrasing", "exact")
        says_percent = "percent" in recipe and reading.phrasing == "exact"
        assert reading.percent == (recipe["percent"] if says_percent else None)
        if recipe["subtype"] in WHOLE:
            assert reading.name == ""
            continue
        assert reading.place == instructions.place_of(subject, *SIZE)
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
        said = "level" if name == "strength" or (name in {"percent", "factor"} and reading.level) else name
        assert [fault.split(":")[0] for fault in disagreements(reading, other)] == [said]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phrasing", PHRASINGS)
def test_every_phrase_is_read_as_what_it_is(language: Language, phrasing: Phrasing) -> None:
    words = bank().words[language]
    values: dict[str, Any] = {
        "it": instructions.object_name(SUBJECT, *SIZE, language, words.object),
        "lettering": SUBJECT["text"],
        "given": {"en": "a red cup", "ch": "一个红色杯子"}[language],
        "colour": colour_names.COLOURS["light_blue"].word(language),
    }
    for key in [f"{subtype}/{kind}" for subtype, entry in bank().edits.items() for kind in entry.kinds]:
        subtype, _, kind = key.partition("/")
        levels = list(bank().levels.get(level_name(key), {"": None}))
        values["beside"] = values["it"]
        for phrase, level in product(bank().edits[subtype].phrases(kind, language, phrasing), levels):
            percent = 80 if kind == "smaller" else 125
            values["direction"] = words.directions["up" if kind == "vertical" else "left"]
            said = f"{level_name(key)}/{level}"
            filled = values | (level_words(said, language) if level else {})
            text = phrase.format(**filled, percent=percent, change=abs(percent - 100))
            reading = read(text[0].upper() + text[1:], language)
            assert reading, text
            assert (reading.subtype, reading.phrasing) == (subtype, phrasing)
            if subtype == "scale" and phrasing == "exact":
                assert reading.factor == percent / 100
            if level and (phrasing == "plain" or level_name(key) == "strength"):
                assert reading.level == said
            assert (reading.beside is not None) == (kind == "beside")
            if reading.kind is not None:
                assert reading.kind == kind


def test_a_word_of_another_amount_disagrees_and_one_of_the_other_way_too() -> None:
    bigger = read("Make the orange object in the centre a little bigger", "en")
    assert bigger
    assert disagreements(bigger, {"subtype": "scale", "factor": 1.2}) == []
    for factor in (1.5, 0.8):
        found = disagreements(bigger, {"subtype": "scale", "factor": factor})
        assert [fault.split(":")[0] for fault in found] == ["level"]


def test_texts_of_earlier_versions_are_still_read() -> None:
    reading = read("Shift the dark grey object on the left to the right by 21 % of the image width", "en")
    assert reading
    assert (reading.percent, reading.object_colour) == (21, "dark_grey")


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


@pytest.mark.parametrize("letters", ["\u0131i", "\u0130i", "\u017fs", "\u212ak"])
def test_letters_that_count_as_others_are_read_as_these(letters: str) -> None:
    text = "Make the dark grey object in the centre a little smaller"
    usual = read(text, "en")
    assert usual
    odd = read(text.replace(letters[1], letters[0]), "en")
    assert odd
    assert (odd.level, odd.place, odd.object_colour) == (usual.level, usual.place, usual.object_colour)


def test_languages_that_differ_contradict_each_other() -> None:
    ch, en = Reading("move", direction="left", percent=12), Reading("move", direction="right", percent=12)
    assert [fault.split(":")[0] for fault in contradictions(ch, en)] == ["direction"]
    assert contradictions(ch, ch) == []
