"""What may be thrown away: staged items, rejects and temporary files that no manifest refers to.

Rows of earlier settings are kept, with their files, so that going back to them costs nothing; `superseded`
counts them as waste too.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.nesting import OUTPUT_ROOMS
from iedf_assets.core.storage.files import TEMPORARY_PREFIX, temporary_beside
from iedf_assets.core.storage.leftovers import is_left_over
from iedf_assets.core.storage.manifests import read_rows, write_table
from iedf_assets.core.storage.naming import STAGED, STAGING_ROOMS, Layout
from iedf_assets.core.storage.ownership import is_item, other_users
from iedf_assets.core.storage.waves import open_wave


@dataclass(frozen=True)
class Waste:
    """A file or folder that nothing needs.

    Attributes:
        why: `unreferenced`, `superseded`, `reject` or `temporary`.
        bytes: of it; files that are linked from elsewhere too free nothing and count as 0.
    """

    path: Path
    why: str
    bytes: int


def find_waste(layout: Layout, books: Iterable[Book], *, superseded: bool) -> list[Waste]:
    """Everything that may go, without touching it.

    Of a staging folder that other outputs use too, what they refer to stays. When one of them is not where it
    was, nobody knows what it refers to, and all staged items stay.

    Args:
        books: of all categories of the profile.
        superseded: rows that belong to earlier settings or photos count too.

    Raises:
        StorageError: a manifest cannot be read, so that nobody knows what it refers to.
    """
    sharing = other_users(layout)
    known = {stage: _referenced(layout, stage) for stage in STAGED}
    for outputs in sharing:
        if outputs is not None:
            theirs = replace(layout, outputs=outputs)
            known = {stage: known[stage] | _referenced(theirs, stage) for stage in STAGED}
    old = _superseded(layout, list(books)) if superseded else {stage: set[str]() for stage in STAGED}
    found = []
    for stage in STAGED if None not in sharing else ():
        for folder in _staged(layout, stage):
            if folder.name not in known[stage]:
                found.append(Waste(folder, "unreferenced", _freed(folder)))
            elif folder.name in old[stage] and not sharing:
                found.append(Waste(folder, "superseded", _freed(folder)))
    verdicts = (read_rows(layout, "dataset", name) for name in _categories(layout, "dataset"))
    judged = {edit_id for rows in verdicts for (edit_id,) in rows.pick("edit_id")}
    rejects = layout.rejected("xx").parents[1]
    left = [
        folder for folder in sorted(rejects.glob("??/*")) if is_item(folder) and folder.name not in judged
    ]
    found += [Waste(folder, "reject", _freed(folder)) for folder in left]
    found += [Waste(path, "temporary", _freed(path)) for path in _temporary(layout)]
    return found


def throw_away(layout: Layout, books: Iterable[Book], waste: Iterable[Waste]) -> None:
    """Delete waste; superseded rows leave their manifests first, so that none refers to what is gone.

    A folder goes as a whole: it is renamed before it is deleted.
    """
    waste = list(waste)
    gone = {(entry.path.parents[1].name, entry.path.name) for entry in waste if entry.why == "superseded"}
    for book in books if gone else ():
        for stage in STAGED:
            rows = read_rows(layout, stage, book.name)
            # A row of what is lost says which edits were planned anew.
            leaving = [key for key in rows if (stage, key) in gone and key not in book.lost]
            if leaving:
                write_table(rows.without(leaving).table, layout.manifest(stage, book.name))
                layout.journal(stage, book.name).unlink(missing_ok=True)
    for entry in waste:
        if entry.path.is_dir() and not entry.path.is_symlink():
            retired = temporary_beside(entry.path)
            entry.path.rename(retired)
            shutil.rmtree(retired)
        else:
            entry.path.unlink(missing_ok=True)


def _superseded(layout: Layout, books: list[Book]) -> dict[str, set[str]]:
    """Keys of rows of each stage that no category needs under the present settings."""
    everything: dict[str, set[str]] = {stage: set() for stage in STAGED}
    needed: dict[str, set[str]] = {stage: set() for stage in STAGED}
    for book in books:
        for stage in STAGED:
            everything[stage] |= book.table(stage).keys()
            needed[stage] |= book.current(stage).keys()
        # What is published stays what it is until something else takes its place, or it was withdrawn.
        standing = book.verdicts.where(pl.col("status") != "withdrawn")
        for pair_key, edit_key in standing.pick("pair_key", "edit_key"):
            needed["edit_pairs"].add(pair_key)
            needed["edited_images"].add(edit_key)
        if open_wave(book.layout, book.name) is not None:
            needed = {stage: needed[stage] | everything[stage] for stage in STAGED}
    # What another profile's categories refer to is theirs to judge.
    for stage in STAGED:
        for name in _categories(layout, stage) - {book.name for book in books}:
            needed[stage] |= read_rows(layout, stage, name).keys()
    return {stage: everything[stage] - needed[stage] for stage in STAGED}


def _referenced(layout: Layout, stage: str) -> set[str]:
    """Keys in the manifests and journals of a stage, of categories that left the profile too."""
    return {key for name in _categories(layout, stage) for key in read_rows(layout, stage, name)}


def _categories(layout: Layout, stage: str) -> set[str]:
    folder = layout.manifest(stage, "any").parent
    if not folder.is_dir():
        return set()
    suffixes = (".parquet", ".journal.jsonl")
    return {
        file.name.removesuffix(suffix)
        for file in folder.iterdir()
        for suffix in suffixes
        if file.name.endswith(suffix) and not file.name.startswith(TEMPORARY_PREFIX)
    }


def _staged(layout: Layout, stage: str) -> list[Path]:
    root = layout.staged(stage, "xx").parents[1]
    folders = sorted(root.glob("??/*")) if root.is_dir() else []
    return [folder for folder in folders if is_item(folder)]


def _temporary(layout: Layout) -> Iterator[Path]:
    """Temporary files that dead processes left in the rooms of the outputs and of the staging folder."""
    rooms = [layout.outputs / name for name in OUTPUT_ROOMS]
    rooms += [layout.staging / name for name in STAGING_ROOMS if layout.staging not in rooms]
    for root in rooms:
        for folder, folders, files in os.walk(root):
            for name in [*folders, *files]:
                path = Path(folder) / name
                if name.startswith(TEMPORARY_PREFIX) and is_left_over(path):
                    yield path
            folders[:] = [name for name in folders if not name.startswith(TEMPORARY_PREFIX)]


def _freed(path: Path) -> int:
    """Bytes that deleting it frees."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    stats = [file.lstat() for file in files]
    return sum(stat.st_size for stat in stats if stat.st_nlink == 1)
