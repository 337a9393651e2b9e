"""Objects of other photos that a model is shown."""

from typing import Any

import pytest

from iedf_assets.core.edits.instructions import write
from iedf_assets.core.edits.readings import disagreements, read
from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.planning import references
from iedf_assets.core.planning.book import Book, Source
from iedf_assets.core.planning.references import Reference, has_lost_reference, told_of_shown, with_reference
from iedf_assets.core.profile.bank import LANGUAGES, bank
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import Plant, source_id_of
from iedf_assets_tests.helpers.subjects import SUBJECT

CUP = {"en": "a red cup", "ch": "一个红色杯子"}
RECIPE = {"task": "semantic_edit", "subtype": "replace", "kind": "reference"}


def reference(source_id: str, caption: dict[str, str], number: int = 1) -> Reference:
    return Reference(
        Source(f"a/{source_id}.jpg", source_id, 10, 10), {}, {"number": number, "caption": caption}
    )


@pytest.fixture
def book(profile: Profile, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Book:
    there = [
        reference("one", {"en": "a dog", "ch": "一只狗"}),
        reference("two", {"en": "a table lamp", "ch": "一盏台灯"}),
        reference("two", CUP, 2),
    ]
    monkeypatch.setattr(references, "references_of", lambda _: iter(there))
    return Book.open(profile, layout, next(iter(profile.categories)))


def test_an_object_of_another_photo_and_of_another_name_is_shown_and_called_by_its_name(book: Book) -> None:
    recipes = [with_reference(RECIPE, book, "one", {"caption": None}, seed) for seed in range(20)]
    # A table lamp is what the bank has a kind of its own for.
    shown = {"reference": {"source_id": "two", "object": 2}, "given": CUP}
    assert all(recipe == {**RECIPE, **shown} for recipe in recipes)
    for seed in range(30):
        texts = write({**RECIPE, **shown}, SUBJECT, 600, 400, seed)
        for language, text in zip(LANGUAGES, texts, strict=True):
            assert CUP[language] in text
            reading = read(text, language)
            assert reading
            assert not disagreements(reading, {**RECIPE, **shown})
            assert disagreements(reading, {**RECIPE, **shown, "given": {"en": "a dog", "ch": "狗"}})


def test_without_another_there_is_no_such_edit(book: Book) -> None:
    found = with_reference(RECIPE, book, "two", {"caption": {"en": "A dog", "ch": "狗"}}, 1)
    assert isinstance(found, Unplannable)
    assert found.reason == "no_reference"


def test_an_edit_that_is_not_made_is_drawn_anew_when_its_reference_has_gone(book: Book) -> None:
    def row(source_id: str, status: str) -> dict[str, Any]:
        recipe = {**RECIPE, "reference": {"source_id": source_id, "object": 1}}
        return {"status": status, "recipe": recipe}

    assert not has_lost_reference(book, row("one", "planned"))
    assert has_lost_reference(book, row("gone", "planned"))
    assert not has_lost_reference(book, row("gone", "done"))


def test_an_object_may_be_shown_by_the_name_that_people_or_a_model_gave_it(
    profile: Profile, layout: Layout
) -> None:
    plant = Plant(profile, layout, "物体一致性", facts={"coffee": {"objects": [CUP]}})
    lamp = {"en": "a lamp", "ch": "灯"}
    one = {"number": 1, "parts": None, "area_share": 0.2, "mask": "mask.png"}
    captions = {"astronaut": None, "coffee": lamp, "chelsea": lamp, "rocket": {"en": "a rocket", "ch": ""}}
    for name, caption in captions.items():
        key = plant.keys.layers_key(source_id_of(name))
        objects = [{**one, "caption": caption}, {**one, "number": 2, "area_share": 0.001, "caption": lamp}]
        plant.layers[key] = {
            "key": key,
            "source_id": source_id_of(name),
            "status": "done",
            "objects": objects,
        }
    plant.save()
    told = [
        (one.source.path, one.object["number"], one.object["caption"])
        for one in references.references_of(Book.open(profile, layout, plant.name))
    ]
    assert told == [(f"{plant.name}/chelsea.png", 1, lamp), (f"{plant.name}/coffee.png", 1, CUP)]


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({**RECIPE, "reference": {"source_id": "two", "object": 2}}, "object"),
        ({"subtype": "move", "by": "model"}, "result"),
        ({"subtype": "move"}, None),
        ({"subtype": "replace", "kind": "cat"}, None),
    ],
)
def test_a_model_alone_is_told_what_a_second_picture_shows(recipe: dict[str, Any], told: str | None) -> None:
    for language in LANGUAGES:
        words = bank().words[language].shown
        assert told_of_shown(recipe, language) == (getattr(words, told) if told else "")
