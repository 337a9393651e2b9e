"""What requests are made of: the files of a photo's objects, and what they were when they were written."""

from pathlib import Path

from iedf_assets.core.planning.book import Book
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot


def others_of(objects: list[Row], one: Row, folder: Path) -> list[str] | None:
    """The files of the other objects' silhouettes; None where nobody looked for others."""
    if "others" not in one and len(objects) < 2:
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
