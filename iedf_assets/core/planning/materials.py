"""Requests to finish edits, and what they are made of: the files of objects, as they were written."""

from pathlib import Path

from iedf_assets.core.pairs.finishing import PairRequest
from iedf_assets.core.pairs.source_type import source_type
from iedf_assets.core.pictures.layers import object_of, silhouette_file
from iedf_assets.core.planning.book import Book
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot


def pair_request(book: Book, slot: Slot, edit: Row, known: Row | None, path: str) -> PairRequest:
    """The request to finish a rendered edit.

    Args:
        edit: its row of edited_images.
        known: its row of edit_pairs, if there is one.
        path: of the photo, on disk.
    """
    encoding = book.category.encoding
    layers = book.layers.get(slot.layers_key, {})
    one = object_of(layers.get("objects") or [], edit["recipe"]) if slot.subtype.needs != "none" else {}
    folder = book.layout.staged("image_layers", slot.layers_key)
    made_later = edit["recomposition_error"]
    error = layers.get("recomposition_error") if made_later is None else made_later
    return PairRequest(
        key=slot.pair_key,
        edit_id=edit["edit_id"],
        source_id=slot.source_id,
        path=path,
        max_megapixels=book.profile.max_megapixels,
        max_pixels=book.profile.sources.max_pixels,
        subtype=slot.subtype.name,
        recipe=edit["recipe"],
        edit_folder=str(book.layout.staged("edited_images", slot.edit_key)),
        x=edit["x"],
        y=edit["y"],
        silhouette=str(folder / silhouette_file(one, slot.subtype)) if one else None,
        object=one,
        others=others_of(layers.get("objects") or [], one, folder),
        asks=asks_opinion(book, slot, one),
        made_with=edit["made_with"],
        judged=edit["judged"],
        quality=encoding.jpeg_quality,
        margin=encoding.margin,
        feather=encoding.feather,
        recomposition_error=error if slot.subtype.needs == "layers" else None,
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
        inputs=layers_inputs(book, edit) | checksums_of(book, "edited_images", edit),
        source_type=source_type(slot.subtype, layers.get("backend"), edit["backend"])
        if encoding.digital_source_type
        else None,
    )


def others_of(objects: list[Row], one: Row, folder: Path) -> list[str] | None:
    """The files of the other objects' silhouettes; None where nobody looked for others."""
    if not one or ("others" not in one and len(objects) < 2):
        return None
    own = {one["number"], *(one["parts"] or [])}
    return [str(folder / each["mask"]) for each in objects if not each["parts"] and each["number"] not in own]


def asks_opinion(book: Book, slot: Slot, one: Row) -> bool:
    """Whether a second opinion says more of an object than is known, and counts."""
    wanted = book.category.thresholds.min_object_agreement is not None
    judged = "object" in slot.subtype.mask_checks
    return bool(one) and judged and wanted and one.get("confidence") is None


def layers_inputs(book: Book, edit: Row) -> dict[str, dict[str, str]]:
    """The layers that an edit is made from: their folder → name → checksum; empty for an edit without."""
    return checksums_of(book, "image_layers", book.layers.get(edit["layers_key"]))


def checksums_of(book: Book, stage: str, row: Row | None) -> dict[str, dict[str, str]]:
    """The folder of a staged item → name → checksum of its files; empty where it has none."""
    if row is None or not row["checksums"]:
        return {}
    return {str(book.layout.staged(stage, row["key"])): row["checksums"]}


def attempts_of(row: Row | None) -> int:
    """How often a row has failed so far."""
    return int(row["attempts"] or 0) if row and row["status"] == "failed" else 0
