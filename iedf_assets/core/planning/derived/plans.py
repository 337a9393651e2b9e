"""What is made of published pairs: the rows of their edits, and the requests.

A derived slot comes due when all that it is made of is published as it is planned now, in a wave after that
of its photo's own edits. Workers render turns alone. Which there are is in `core.storage.slots.derived`.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import combinations

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.recipes import Recipe, Subject, Unplannable
from iedf_assets.core.pairs.composing import ComposedRequest
from iedf_assets.core.pairs.finishing import PairRequest
from iedf_assets.core.pairs.inverses import InverseRequest
from iedf_assets.core.pairs.making import AnyPair
from iedf_assets.core.pairs.samples import published_files
from iedf_assets.core.pictures.layers import object_of, silhouette_file
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.derived.laying import (
    EDITS_OVERLAP,
    NOTHING_LEFT_ALONE,
    Edit,
    edited_objects,
    follows,
    goes_along,
    is_apart,
    leaves_alone,
)
from iedf_assets.core.planning.drawing import NOT_TOLD_APART, is_told_apart_of, seed_of, subject_of
from iedf_assets.core.planning.materials import (
    asks_opinion,
    attempts_of,
    layers_inputs,
    others_of,
    pair_request,
)
from iedf_assets.core.profile.subtypes import COMPOSED
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import TURNS_VERSION, Slot, derived_id, seed_from
from iedf_assets.core.storage.naming import SampleKey
from iedf_assets.core.storage.slots.derived import chain_of, is_turn, turns_of

_Drawn = tuple[Recipe, Subject] | Unplannable
_Told = tuple[Recipe, tuple[str, str]] | Unplannable
# What a recipe says of its words alone.
_SAID = ("phrasing", "beside")


def derived_row(book: Book, slot: Slot, layers: Row) -> Row:
    """The row of edited_images of a derived slot that is due.

    It is `rejected` with the reason, `planned` where a worker is to make its picture, else `done`.

    Args:
        layers: the row of the photo's decomposition.
    """
    parents = [book.edits[parent.edit_key] for parent in slot.parents]
    shared = ("source_id", "layers_key", "scene")
    row: Row = {
        **{name: parents[-1][name] for name in shared},
        "key": slot.edit_key,
        "task": slot.subtype.task,
        "subtype": slot.subtype.name,
        "variant": slot.variant,
        "attempts": 0,
    }
    told = _composed(book, slot, layers) if slot.subtype is COMPOSED else _told(book, slot, layers)
    if isinstance(told, Unplannable):
        return {**row, "status": "rejected", "reason": told.reason, "detail": told.detail, "recipe": None}
    recipe, (chinese, english) = told
    edit_ids = [parent["edit_id"] for parent in parents]
    row |= {
        "edit_id": derived_id(slot.role, edit_ids, _further(slot, recipe)),
        "recipe": recipe,
        "instruction_ch": chinese,
        "instruction_en": english,
    }
    if slot.is_rendered:
        return {**row, "status": "planned"}
    made = {name: parents[-1][name] for name in ("backend", "model_revision", "made_with")}
    return {**row, **made, "status": "done", "recomposition_error": None, "judged": None}


def begun_with(book: Book, slot: Slot) -> tuple[str, str]:
    """The published picture that a turn begins with, on disk, and the hash of its bytes."""
    last = slot.parents[0]
    sample = SampleKey.parse(book.published[last.name].sample_key)
    path = book.layout.dataset / sample.file("result")
    return str(path), book.pairs[last.pair_key]["checksums"]["result.jpg"]


def derived_request(book: Book, slot: Slot, edit: Row, known: Row | None, path: str) -> AnyPair:
    """The request to finish a derived slot that is due.

    Args:
        edit: its row of edited_images.
        known: its row of edit_pairs, if there is one.
        path: of the photo, on disk.
    """
    row = {
        "key": slot.pair_key,
        "edit_key": slot.edit_key,
        "edit_id": edit["edit_id"],
        "source_id": slot.source_id,
        "attempts": attempts_of(known),
    }
    if slot.subtype is COMPOSED:
        return _composed_request(book, slot, edit, row, path)
    if is_turn(slot):
        return _turn_request(book, slot, edit, known, path)
    return _inverse_request(book, slot, edit, row)


def _told(book: Book, slot: Slot, layers: Row) -> _Told:
    """The recipe of an inverse or a turn, and its texts."""
    drawn = _drawn(book, slot, layers)
    if isinstance(drawn, Unplannable):
        return drawn
    recipe, subject = drawn
    # Nobody is beside what has moved meanwhile.
    beside = [] if is_turn(slot) else layers["objects"] or []
    size, seed = (layers["width"], layers["height"]), seed_from(seed_of(book, slot, 1), slot.role)
    recipe = instructions.phrased(recipe, seed, book.category.plain_share, subject, beside, size)
    return recipe, instructions.write(recipe, subject, *size, seed)


def _composed(book: Book, slot: Slot, layers: Row) -> _Told:
    """The recipe of several edits at once, and its texts."""
    edits = [(parent, _bare(book.edits[parent.edit_key]["recipe"])) for parent in slot.parents]
    modelled = any(book.edits[parent.edit_key]["made_with"] for parent in slot.parents)
    if not all(
        is_apart(book.category, layers, *two) or (goes_along(*two) and not modelled)
        for two in combinations(edits, 2)
    ):
        return Unplannable(EDITS_OVERLAP, "two of its edits show in one place")
    if not leaves_alone(layers, edits):
        return Unplannable(NOTHING_LEFT_ALONE, "beside the background it edits all objects that there are")
    subjects = [subject_of(parent, object_of(layers["objects"], recipe)) for parent, recipe in edits]
    seed = seed_from(seed_of(book, slot, 1), slot.role)
    parts = [recipe for _, recipe in edits]
    size = layers["width"], layers["height"]
    texts = instructions.write_composed(list(zip(parts, subjects, strict=True)), *size, seed)
    return {"task": COMPOSED.task, "subtype": COMPOSED.name, "edits": parts}, texts


def _bare(recipe: Recipe) -> Recipe:
    """A recipe without what it says of its words."""
    return {name: value for name, value in recipe.items() if name not in _SAID}


def _drawn(book: Book, slot: Slot, layers: Row) -> _Drawn:
    """The recipe of a derived slot and its object as it finds it, or why there is none."""
    if not is_turn(slot):
        return _inverse(slot, book.edits[slot.parents[0].edit_key]["recipe"], layers)
    if len(slot.parents) > 1:
        return _turn(book, slot, layers)
    limits = getattr(book.category.recipes, slot.subtype.name)
    seed = seed_from(seed_of(book, slot, 1), slot.role)
    tone = recipes.draw(slot.subtype.name, seed, {}, layers["width"], layers["height"], limits)
    return tone if isinstance(tone, Unplannable) else (tone, {})


def _inverse(slot: Slot, recipe: Recipe, layers: Row) -> _Drawn:
    (parent,) = slot.parents
    objects = layers["objects"] or []
    one = object_of(objects, recipe) if parent.subtype.needs != "none" else {}
    drawn = inverted(recipe, subject_of(parent, one) if one else {})
    if isinstance(drawn, Unplannable) or not one:
        return drawn
    return drawn if _is_meant(drawn[1], objects, layers) else _not_told_apart(one)


def _turn(book: Book, slot: Slot, layers: Row) -> _Drawn:
    """Another edit of the photo, made of what the turns before it left."""
    last, step = slot.parents
    recipe = _bare(book.edits[step.edit_key]["recipe"])
    done = _done(book, last)
    if not follows(book.category, layers, (step, recipe), done):
        return Unplannable(EDITS_OVERLAP, "it shows where an edit before it does")
    objects = edited_objects(layers["objects"], done)
    one = subject_of(step, object_of(objects, recipe))
    meant = step.subtype.mask_of != "object" or _is_meant(one, objects, layers)
    return (recipe, one) if meant else _not_told_apart(one)


def found_by(book: Book, slot: Slot, recipe: Recipe) -> Row:
    """The object of a recipe as a slot finds it; empty where there is none."""
    layers = book.layers.get(slot.layers_key, {})
    done = _done(book, slot.parents[0]) if is_turn(slot) and slot.is_rendered else []
    return object_of(edited_objects(layers.get("objects") or [], done), recipe)


def _done(book: Book, last: Slot) -> list[Edit]:
    """What the turns up to a slot made of the photo."""
    return [(before, book.edits[before.edit_key]["recipe"]) for before in chain_of(last)]


def _is_meant(one: Subject, objects: Iterable[Row], layers: Row) -> bool:
    return is_told_apart_of(one, objects, layers["width"], layers["height"])


def _not_told_apart(one: Subject) -> Unplannable:
    return Unplannable(NOT_TOLD_APART, f"object {one['number']} is like another one by then")


def _further(slot: Slot, recipe: Recipe) -> Row | None:
    """What of an edit does not follow from those that it is made of."""
    if slot.is_rendered:
        return {"turns": TURNS_VERSION}
    return recipe if is_turn(slot) else None


def _turn_request(book: Book, slot: Slot, edit: Row, known: Row | None, path: str) -> PairRequest:
    turns = turns_of(slot.parents[0])
    below = [_found(book, turn, book.edits[turn.edit_key], None, path) for turn in turns]
    own = _found(book, slot, edit, known, path)
    return replace(
        own,
        inputs={folder: files for turn in (*below, own) for folder, files in turn.inputs.items()},
        below=[asdict(turn) for turn in below],
        source_checksum=book.pairs[slot.parents[0].pair_key]["checksums"]["result.jpg"],
    )


def _found(book: Book, turn: Slot, edit: Row, known: Row | None, path: str) -> PairRequest:
    """The request of a turn alone, with its object as it finds it."""
    request = pair_request(book, turn, edit, known, path)
    return replace(request, object=found_by(book, turn, edit["recipe"])) if request.object else request


def _composed_request(book: Book, slot: Slot, edit: Row, row: Row, path: str) -> ComposedRequest:
    steps = [pair_request(book, step, book.edits[step.edit_key], None, path) for step in slot.parents]
    return ComposedRequest(
        key=slot.pair_key,
        steps=[asdict(step) for step in steps],
        recipe=edit["recipe"],
        instruction_ch=edit["instruction_ch"],
        instruction_en=edit["instruction_en"],
        source_checksum=book.pairs[slot.parents[0].pair_key]["checksums"]["source.jpg"],
        output=str(book.layout.staged("edit_pairs", slot.pair_key)),
        row=row,
        inputs={folder: files for step in steps for folder, files in step.inputs.items()},
    )


def _inverse_request(book: Book, slot: Slot, edit: Row, row: Row) -> InverseRequest:
    (parent,) = slot.parents
    made = book.edits[parent.edit_key]
    objects = book.layers.get(slot.layers_key, {}).get("objects") or []
    one = object_of(objects, made["recipe"]) if parent.subtype.needs != "none" else {}
    folder = book.layout.staged("image_layers", slot.layers_key)
    files = published_files(book.layout, SampleKey.parse(book.published[parent.name].sample_key))
    checksums = book.pairs[parent.pair_key]["checksums"]
    return InverseRequest(
        key=slot.pair_key,
        subtype=slot.subtype.name,
        recipe=edit["recipe"],
        parent=made["recipe"],
        files=files,
        checksums={name: checksums[name] for name in files},
        silhouette=str(folder / silhouette_file(one, parent.subtype)) if one else None,
        object=one,
        others=others_of(objects, one, folder),
        asks=asks_opinion(book, slot, one),
        quality=book.category.encoding.jpeg_quality,
        instruction_ch=edit["instruction_ch"],
        instruction_en=edit["instruction_en"],
        output=str(book.layout.staged("edit_pairs", slot.pair_key)),
        row=row,
        inputs=layers_inputs(book, edit) if one else {},
    )
