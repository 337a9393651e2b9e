"""Which object and which recipe a slot's tries ask for."""

from typing import Any

import pytest

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.planning.abilities import BEYOND_MODEL
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.drawing import (
    NO_OTHER_RECIPE,
    NOT_TOLD_APART,
    SEVERAL_THINGS,
    drawn_for,
    objects_for,
    subject_of,
    words_seed,
)
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.keys import Slot
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.runs import with_settings

CATEGORY = "物体一致性"
SIZE = {"width": 1000, "height": 800}


def thing(number: int, x: int, share: float = 0.05, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "x": x, "y": 500, "width": 120, "height": 200, "area_share": share,
        "center_x": 0.5, "center_y": 0.7, "colour": [180, 60, 50], "touches_border": False, "caption": None,
        "parts": None, "mask": f"mask_{number}.png", "footprint": None, "layer": None, "others": [], **more,
    }  # fmt: skip


THREE = [thing(1, 100), thing(2, 400), thing(3, 700), thing(4, 100, 0.15, width=720, parts=[1, 2, 3])]


@pytest.fixture
def book(profile: Profile, layout: Layout) -> Book:
    counts = "{move: 2, delete: 1, background: 1, recolor: 1, scale: 0, identity: 1}"
    changed = with_settings(profile, "tries=6", f"categories.{CATEGORY}.subtypes={counts}")
    return Book.open(changed, layout, CATEGORY)


def tries(book: Book, subtype: str, variant: int = 0) -> list[Slot]:
    every = book.keys.tries("0" * 16)
    return [slot for slot in every if (slot.subtype.name, slot.variant) == (subtype, variant)]


def drawn(book: Book, slot: Slot, objects: list[dict[str, Any]]) -> Any:
    return drawn_for(book, slot, {**SIZE, "objects": objects})[0]


def test_an_edit_of_the_whole_picture_is_of_no_object_however_many_there_are(
    profile: Profile, layout: Layout
) -> None:
    changed = with_settings(profile, f"categories.{CATEGORY}.subtypes={{move: 1, brightness: 1}}")
    book = Book.open(changed, layout, CATEGORY)
    (slot,) = tries(book, "brightness")
    assert drawn(book, slot, THREE).keys() == {"task", "subtype", "kind", "percent"}


def test_tries_that_are_compared_are_one_recipe_of_one_object_by_other_seeds(book: Book) -> None:
    best, first = drawn_by_a_model(book, "best"), drawn_by_a_model(book, "first")
    recipes = [drawn(best, slot, THREE) for slot in tries(best, "delete")]
    assert [recipe.pop("try", 1) for recipe in recipes] == [1, 2, 3, 4, 5, 6]
    assert all(recipe == recipes[0] for recipe in recipes)
    slots = tries(best, "delete")
    assert len({words_seed(best, slot) for slot in slots}) == 1
    assert slots[0].edit_key == tries(first, "delete")[0].edit_key
    assert slots[1].edit_key != tries(first, "delete")[1].edit_key


def drawn_by_a_model(book: Book, choose: str) -> Book:
    elsewhere = "launcher: service, endpoints: [http://127.0.0.1:1], revision: one"
    edit = f"workers.edit={{backend: diffusers, {elsewhere}}}"
    profile = with_settings(book.profile, "tries=6", f"choose={choose}", edit)
    return Book.open(profile, book.layout, CATEGORY)


def test_tries_go_through_the_objects_then_the_group_then_through_seeds(book: Book) -> None:
    found = [drawn(book, slot, THREE) for slot in tries(book, "delete")]
    assert [recipe["object"] for recipe in found[:4]] == [1, 2, 3, 4]
    # A removal has no parameters: another seed is the same edit again.
    assert all(isinstance(one, Unplannable) and one.reason == NO_OTHER_RECIPE for one in found[4:])
    moves = [drawn(book, slot, THREE[:2]) for slot in tries(book, "move")]
    assert [recipe["object"] for recipe in moves[:4]] == [1, 2, 1, 2]
    assert len({tuple(sorted(recipe.items())) for recipe in moves[:4]}) == 4


def test_a_photos_only_object_is_not_named(book: Book) -> None:
    assert drawn(book, tries(book, "delete")[0], THREE[:1]) == {"task": "semantic_edit", "subtype": "delete"}


def test_further_variants_begin_with_further_objects(book: Book) -> None:
    firsts = [tries(book, "move", variant)[0] for variant in (0, 1)]
    assert [drawn(book, slot, THREE)["object"] for slot in firsts] == [1, 2]


def test_the_background_lies_around_all_objects(book: Book) -> None:
    slot = tries(book, "background")[0]
    assert drawn(book, slot, THREE)["object"] == 4
    assert "object" not in drawn(book, slot, THREE[:1])


def test_an_object_of_which_no_such_edit_can_be_made_is_passed_over(book: Book) -> None:
    slots = tries(book, "delete")
    objects = [thing(1, 100, share=0.6), thing(2, 400)]
    assert drawn(book, slots[0], objects)["object"] == 2
    assert drawn(book, slots[0], [thing(1, 100, share=0.6)]).reason == "object_too_large"


def test_specks_are_left_alone_as_long_as_there_is_more(book: Book) -> None:
    slot = tries(book, "move")[0]
    objects = [thing(1, 100, share=0.001), thing(2, 400)]
    layers = {**SIZE, "objects": objects}
    assert [one["number"] for one in objects_for(book, slot, layers)] == [2]
    assert objects_for(book, slot, {**SIZE, "objects": objects[:1]}) == objects[:1]


def test_what_is_taken_away_is_as_large_as_its_layer_with_its_shadow(book: Book) -> None:
    one = thing(1, 100, layer={"file": "object_1.png", "x": 90, "y": 500, "width": 200, "height": 230})
    boxes = {
        subtype: [subject_of(tries(book, subtype)[0], one)[side] for side in ("x", "y", "width", "height")]
        for subtype in ("move", "background")
    }
    assert boxes == {"move": [90, 500, 200, 230], "background": [100, 500, 120, 200]}


def test_an_object_that_words_do_not_tell_from_another_is_passed_over(book: Book) -> None:
    slot = tries(book, "delete")[0]
    twins = [thing(1, 100), thing(2, 150), thing(3, 100, 0.1, width=220, parts=[1, 2])]
    assert drawn(book, slot, twins)["object"] == 3
    assert drawn(book, slot, twins[:2]).reason == NOT_TOLD_APART


def test_what_looks_like_several_things_is_left_alone_beside_others(book: Book) -> None:
    objects = [thing(1, 100, apart=0.1, several=True), thing(2, 700, apart=-0.4, several=False)]
    assert drawn(book, tries(book, "delete")[0], objects)["object"] == 2
    assert drawn(book, tries(book, "background")[0], objects[:1])["subtype"] == "background"


@pytest.mark.parametrize("subtype", ["identity", "delete", "move"])
def test_all_there_is_can_be_edited_even_if_it_looks_like_several_things(book: Book, subtype: str) -> None:
    one, other = thing(1, 100, apart=0.1, several=True), thing(2, 700, apart=0.2, several=True)
    slot = tries(book, subtype)[0]
    assert drawn(book, slot, [one])["subtype"] == subtype
    assert drawn(book, tries(book, "recolor")[0], [one]).reason == SEVERAL_THINGS
    # By a name, or beside others, it is not "the subject of the photo".
    assert drawn(book, slot, [one, other]).reason == SEVERAL_THINGS
    assert drawn(book, slot, [one | {"caption": {"en": "a dog", "ch": "一只狗"}}]).reason == SEVERAL_THINGS


@pytest.mark.parametrize(
    "worker",
    ["{}", "{backend: diffusers, launcher: service, endpoints: [http://127.0.0.1:1], revision: one}"],
)
def test_a_move_that_is_up_to_a_model_is_not_asked_of_what_cannot_be_shown_it(
    book: Book, worker: str
) -> None:
    moves = f"categories.{CATEGORY}.subtypes={{move: 1}}"
    changed = with_settings(book.profile, moves, "recipes.move.by=model", f"workers.edit={worker}")
    other = Book.open(changed, book.layout, CATEGORY)
    assert drawn(other, tries(other, "move")[0], THREE).reason == BEYOND_MODEL
