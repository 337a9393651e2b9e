"""What a slot's n-th try asks for: of which object, by which recipe.

A slot's tries go through the objects of its photo first, and then through further seeds; what cannot be
made of an object, or was tried before, is passed over. Where the best of all tries is kept, they are one
recipe by several seeds, so that they can be compared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from iedf_assets.core.edits import recipes
from iedf_assets.core.edits.instructions import is_told_apart
from iedf_assets.core.planning.abilities import REFERENCE
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.references import with_reference
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot, seed_from

# A slot's further tries draw nothing new.
NO_OTHER_RECIPE = "no_other_recipe"
# What an object would be called is true of another one too.
NOT_TOLD_APART = "not_told_apart"
# An object's mask looks like several things that touch.
SEVERAL_THINGS = "several_things"
# From this share of an object's area on, another one counts.
NOTICED = 1 / 3


def drawn_for(book: Book, slot: Slot, layers: Row) -> tuple[recipes.Recipe | recipes.Unplannable, Row]:
    """The recipe of a slot at its try, or why there is none, and the object that it is for.

    Args:
        layers: the row of the photo's decomposition.
    """
    if slot.number > 1 and book.keys.keeps_best(slot):
        drawn, one = drawn_for(book, replace(slot, number=1), layers)
        return (drawn if isinstance(drawn, recipes.Unplannable) else {**drawn, "try": slot.number}), one
    objects = objects_for(book, slot, layers)
    refused: recipes.Unplannable | None = None
    found: list[recipes.Recipe] = []
    for one, drawn in _in_turn(book, slot, layers, objects):
        if isinstance(drawn, recipes.Unplannable):
            refused = refused or drawn
        elif drawn not in found:
            found.append(drawn)
            if len(found) == slot.number:
                return drawn, one
    if refused and not found:
        return refused, objects[0]
    return recipes.Unplannable(NO_OTHER_RECIPE, "this photo allows no edit that was not tried before"), {}


def objects_for(book: Book, slot: Slot, layers: Row) -> list[Row]:
    """The objects that a slot may take, in the order of its tries; an empty one for the whole picture.

    Further variants of an edit begin with further objects, and a group is the last resort; but the
    background is what lies around all of them.
    """
    if slot.subtype.needs == "none":
        return [{}]
    objects: list[Row] = layers["objects"]
    groups = [one for one in objects if one["parts"]]
    if slot.subtype.mask_of == "background":
        return [*groups, *objects][:1]
    least = book.category.thresholds.min_mask_share
    alone = [one for one in objects if not one["parts"] and one["area_share"] >= least]
    first = slot.variant % max(len(alone), 1)
    return [*alone[first:], *alone[:first], *groups] or objects


def subject_of(slot: Slot, one: Row) -> recipes.Subject:
    """An object as its recipe sees it: with its shadow where the edit takes it along."""
    if slot.subtype.needs != "layers" or not one["layer"]:
        return one
    return {**one, **{side: one["layer"][side] for side in ("x", "y", "width", "height")}}


def words_seed(book: Book, slot: Slot) -> int:
    """The seed of a slot's words at its try: tries that are compared are asked for in the same ones."""
    return seed_of(book, slot, 1 if book.keys.keeps_best(slot) else slot.number)


def seed_of(book: Book, slot: Slot, number: int) -> int:
    """The seed of a slot's recipes and words; number 1 is that of its first ones."""
    told = ("plan", book.profile.seed, slot.source_id, slot.subtype.task, slot.subtype.name, slot.variant)
    return seed_from(*told, *([number] if number > 1 else []))


def _in_turn(
    book: Book, slot: Slot, layers: Row, objects: list[Row]
) -> Iterator[tuple[Row, recipes.Recipe | recipes.Unplannable]]:
    limits = book.abilities.within(getattr(book.category.recipes, slot.subtype.name), slot.subtype)
    several, size = len(layers["objects"] or []) > 1, (layers["width"], layers["height"])
    unfit = {one.get("number"): _unfit(slot, one, layers) for one in objects}
    for seed_number in range(1, slot.number + 1):
        seed = seed_of(book, slot, seed_number)
        for one in objects:
            refused = unfit[one.get("number")]
            if refused:
                yield one, refused
                continue
            if isinstance(limits, recipes.Unplannable):
                yield one, limits
                continue
            drawn = recipes.draw(slot.subtype.name, seed, subject_of(slot, one), *size, limits)
            if not isinstance(drawn, recipes.Unplannable) and drawn.get("kind") == REFERENCE:
                drawn = with_reference(drawn, book, slot.source_id, one, seed)
            if not isinstance(drawn, recipes.Unplannable):
                if several and one:
                    drawn["object"] = one["number"]
                # A model makes another picture of the same recipe, by another seed.
                if seed_number > 1 and book.category.workers.edit.runs_pipeline:
                    drawn["try"] = seed_number
            yield one, drawn


def _unfit(slot: Slot, one: Row, layers: Row) -> recipes.Unplannable | None:
    """Why an object is none for this edit, whatever the recipe; None when it is one."""
    number, objects = one.get("number"), layers["objects"] or []
    # A background is what lies around all of them.
    by_name = len(objects) > 1 and slot.subtype.mask_of == "object"
    if by_name and not is_told_apart_of(one, objects, layers["width"], layers["height"]):
        return recipes.Unplannable(NOT_TOLD_APART, f"object {number} is like another one")
    # What is all there is keeps its place as the subject of the photo, be it one thing or not.
    sole = len(objects) == 1 and not one.get("caption") and slot.subtype.name != "recolor"
    if one.get("several") and slot.subtype.mask_of == "object" and not sole:
        told = f"object {number} looks like several things that touch ({one['apart']:.2f})"
        return recipes.Unplannable(SEVERAL_THINGS, told)
    return None


def is_told_apart_of(one: recipes.Subject, objects: Iterable[Row], width: int, height: int) -> bool:
    """Whether words tell which of the photo's objects is meant; a group is all of them.

    What is much smaller than the object is not what anybody would take the words for.

    Args:
        one: the object, perhaps at another place than it is in the photo.
        objects: all of the photo's.
        width, height: of the picture, pixels.
    """
    if one["parts"]:
        return True
    others = [
        other
        for other in objects
        if not other["parts"]
        and other["number"] != one["number"]
        and other["area_share"] >= NOTICED * one["area_share"]
    ]
    return is_told_apart(one, others, width, height)
