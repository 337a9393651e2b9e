"""What is made of published pairs: the rows of their edits, which nothing is rendered for, and the requests.

A derived slot comes due when all that it is made of is published as it is planned now, in a wave after that
of its photo's own edits. See `Keys.derived` for which there are.
"""

from iedf_assets.core.edits import instructions
from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.recipes import Recipe, Subject, Unplannable
from iedf_assets.core.pairs.inverses import InverseRequest
from iedf_assets.core.pairs.samples import published_files
from iedf_assets.core.pictures.layers import object_of, silhouette_file
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.drawing import NOT_TOLD_APART, is_told_apart_of, seed_of, subject_of
from iedf_assets.core.planning.materials import (
    asks_opinion,
    attempts_of,
    layers_inputs,
    others_of,
)
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot, derived_id, seed_from
from iedf_assets.core.storage.naming import SampleKey


def derived_row(book: Book, slot: Slot, layers: Row) -> Row:
    """The row of edited_images of a derived slot that is due: `done`, or `rejected` with the reason.

    Args:
        layers: the row of the photo's decomposition.
    """
    parent = book.edits[slot.parents[0].edit_key]
    known = {name: parent[name] for name in ("source_id", "layers_key", "scene", "backend", "model_revision")}
    row: Row = {
        **known,
        "key": slot.edit_key,
        "task": slot.subtype.task,
        "subtype": slot.subtype.name,
        "variant": slot.variant,
        "attempts": 0,
    }
    drawn = _inverse(slot, parent["recipe"], layers)
    if isinstance(drawn, Unplannable):
        return {**row, "status": "rejected", "reason": drawn.reason, "detail": drawn.detail, "recipe": None}
    recipe, subject = drawn
    seed, size = seed_from(seed_of(book, slot, 1), slot.role), (layers["width"], layers["height"])
    objects = layers["objects"] or []
    recipe = instructions.phrased(recipe, seed, book.category.plain_share, subject, objects, size)
    chinese, english = instructions.write(recipe, subject, *size, seed)
    return {
        **row,
        "status": "done",
        "edit_id": derived_id(slot.role, [parent["edit_id"]]),
        "recipe": recipe,
        "instruction_ch": chinese,
        "instruction_en": english,
        "made_with": parent["made_with"],
        "recomposition_error": None,
        "judged": None,
    }


def derived_request(book: Book, slot: Slot, edit: Row, known: Row | None) -> InverseRequest:
    """The request to finish a derived slot that is due.

    Args:
        edit: its row of edited_images.
        known: its row of edit_pairs, if there is one.
    """
    (parent,) = slot.parents
    made = book.edits[parent.edit_key]
    layers = book.layers.get(slot.layers_key, {})
    objects = layers.get("objects") or []
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
        others=others_of(objects, one, folder) if one else None,
        asks=asks_opinion(book, slot, one),
        quality=book.category.encoding.jpeg_quality,
        instruction_ch=edit["instruction_ch"],
        instruction_en=edit["instruction_en"],
        output=str(book.layout.staged("edit_pairs", slot.pair_key)),
        row={
            "key": slot.pair_key,
            "edit_key": slot.edit_key,
            "edit_id": edit["edit_id"],
            "source_id": slot.source_id,
            "attempts": attempts_of(known),
        },
        inputs=layers_inputs(book, edit) if one else {},
    )


def _inverse(slot: Slot, recipe: Recipe, layers: Row) -> tuple[Recipe, Subject] | Unplannable:
    (parent,) = slot.parents
    objects = layers["objects"] or []
    one = object_of(objects, recipe) if parent.subtype.needs != "none" else {}
    drawn = inverted(recipe, subject_of(parent, one) if one else {})
    if isinstance(drawn, Unplannable) or not one:
        return drawn
    if len(objects) > 1 and not is_told_apart_of(drawn[1], objects, layers["width"], layers["height"]):
        return Unplannable(NOT_TOLD_APART, f"object {one['number']} is like another one where it ends up")
    return drawn
