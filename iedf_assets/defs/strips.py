"""Thumbnail strips for the event log: small enough to be stored with a materialization."""

import re
from collections.abc import Sequence
from heapq import nlargest
from pathlib import Path

import cv2
import dagster as dg
import numpy as np
import polars as pl

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.thumbnails import data_uri, load_small, strip
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.subtypes import KNOWN
from iedf_assets.core.sources.scan import paths_on_disk
from iedf_assets.core.storage.naming import SampleKey
from iedf_assets.defs.metadata import Metadata

ROWS = 4
SIDE = 160
DARKENED = 50  # of 255, what is left of the light outside the subject
# The event log stores an event twice, and base64 adds a third: this keeps a strip's metadata under 100 KB.
LIMIT_BYTES = 60_000


def layers_strip(book: Book) -> Metadata:
    """Photo and subject (the rest darkened) of a few of the sources of a book at work."""
    photos = paths_on_disk(book.layout, book.name)
    rows = []
    for source in book.worked_on:
        layers = book.layers_row(source.source_id)
        if layers and layers["status"] == "done" and source.path in photos:
            mask = book.layout.staged("image_layers", layers["key"]) / layers["objects"][0]["mask"]
            rows.append((Path(photos[source.path]), mask))
    return _strip("pictures: photo, subject", rows, spotlight=True)


def pairs_strip(book: Book) -> Metadata:
    """Source, mask (where there is one) and result of a few of the pairs of a book at work."""
    keys = [slot.pair_key for slot in book.slots_of(book.worked_on)]
    done = [key for key in keys if key in book.pairs and book.pairs[key]["status"] == "done"]
    folders = [(book.layout.staged("edit_pairs", key), book.pairs[key]["tier"]) for key in done]
    return _strip("pictures: source, mask, result", [_files(folder, tier) for folder, tier in folders])


def samples_strip(book: Book) -> Metadata:
    """Source, mask (where there is one) and result of the newest samples as they lie in the dataset."""
    published = (key for key, status in book.verdicts.pick("sample_key", "status") if status == "published")
    newest = nlargest(ROWS, map(SampleKey.parse, published), key=lambda key: key.number)[::-1]
    return _strip(
        "pictures: source, mask, result", [_sample_files(book.layout.dataset, key) for key in newest]
    )


def rejects_strip(book: Book) -> Metadata:
    """Source, mask and result of a few of the rejects of a book at work, each with its reasons."""
    slots = {slot.name for source in book.worked_on for slot in book.keys.tries(source.source_id)}
    slots |= {slot.name for slot in book.derived_of(book.worked_on)}
    rejected = book.verdicts.only(slots).where(pl.col("status") == "rejected")
    shown = []
    for slot, edit_id, subtype, detail in rejected.pick("slot", "edit_id", "subtype", "detail"):
        folder = book.layout.rejected(edit_id) if edit_id else None
        # What was turned down before it was made has no picture.
        if folder and (folder / "result.jpg").exists():
            shown.append((f"{slot}: {detail}", _files(folder, KNOWN[subtype].tier)))
    return labelled("rejects: source, mask, result", shown)


def labelled(caption: str, rows: Sequence[tuple[str, tuple[Path, ...]]]) -> Metadata:
    """A few rows of pictures, each below its label; in place of one that is not there lies a grey tile."""
    shown = []
    for label, paths in rows[:ROWS]:
        picture = data_uri(strip([[_tile(path) for path in paths]], SIDE, LIMIT_BYTES // ROWS))
        shown.append(f"{_escaped(label)}\n\n![{caption}]({picture})")
    return {caption: dg.MetadataValue.md("\n\n".join(shown))} if shown else {}


def _escaped(label: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", label)


def _tile(path: Path) -> Pixels:
    """A small picture, or a grey tile in place of one that cannot be shown."""
    try:
        return load_small(path, SIDE)
    except StorageError:
        tile = np.full((SIDE, SIDE, 3), 128, np.uint8)
        text = "missing" if not path.exists() else "unreadable"
        cv2.putText(tile, text, (SIDE // 8, SIDE // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
        return tile


def _sample_files(dataset: Path, key: SampleKey) -> tuple[Path, ...]:
    known = KNOWN.get(key.subtype)
    roles = ("source", "result") if known and known.tier == "stated" else ("source", "mask", "result")
    return tuple(dataset / key.file(role) for role in roles)


def _files(folder: Path, tier: str) -> tuple[Path, ...]:
    names = ("source.jpg", "result.jpg") if tier == "stated" else ("source.jpg", "mask.png", "result.jpg")
    return tuple(folder / name for name in names)


def _strip(caption: str, rows: Sequence[tuple[Path, ...]], *, spotlight: bool = False) -> Metadata:
    pictures = []
    for paths in rows[:ROWS]:
        try:
            row = [load_small(path, SIDE) for path in paths]
        except StorageError:
            continue  # a picture for the eye; that a file is missing is the checks' business
        pictures.append([row[0], _spotlit(*row)] if spotlight else row)
    if not pictures:
        return {}
    return {caption: dg.MetadataValue.md(f"![{caption}]({data_uri(strip(pictures, SIDE, LIMIT_BYTES))})")}


def _spotlit(photo: Pixels, mask: Pixels) -> Pixels:
    """The photo with everything but the subject darkened."""
    fitted = cv2.resize(mask, photo.shape[1::-1], interpolation=cv2.INTER_AREA)
    share = np.maximum(fitted, DARKENED)[..., None].astype(np.uint16)
    lit: Pixels = (photo * share // 255).astype(np.uint8)
    return lit
