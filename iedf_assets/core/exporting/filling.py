"""Bringing an export's folder in line with what is wanted: making what is new, removing what has left."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.record import Record
from iedf_assets.core.exporting.units import Facts, Unit
from iedf_assets.core.parallel import Report, stream_map
from iedf_assets.core.storage.files import temporary_beside
from iedf_assets.core.storage.leftovers import sweep

# Units that are entered in the record at once, before they are made: so many, or so many bytes.
_AT_ONCE, _BYTES_AT_ONCE = 64, 10**9
SPARE_BYTES = 64 << 20


@dataclass
class Tally:
    """What became of an export's files.

    Attributes:
        made, kept, moved, removed: files that were written, were right already, have another name now, and
            have left.
    """

    made: int = 0
    kept: int = 0
    moved: int = 0
    removed: int = 0


@dataclass
class _Due:
    """What is to be done.

    Attributes:
        units, bytes: how many are to be made, and about what they come to.
        tables: units without a key.
        moves: files from where to where.
    """

    units: int = 0
    bytes: int = 0
    tables: list[Unit] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)


def fill(
    folder: Path, record: Record, units: Callable[[], Iterator[Unit]], threads: int, report: Report
) -> Tally:
    """Make every unit that is not there yet, and remove our files that belong to none.

    Args:
        units: gives all units, those without a key last; asked twice.
        report: called after each unit that is made.

    Raises:
        StorageError: the disk has no room, a file in a unit's place is not ours, or one cannot be written.
    """
    tally = Tally()
    due = _planned(folder, record, units(), tally)
    require_room(folder, due.bytes)
    sweep({folder, *((folder / path).parent for path in record.paths())})
    try:
        _move(folder, record, due.moves)
        tally.moved = len(due.moves)
        if due.units:
            stale = (unit for unit in units() if unit.key is not None and not record.holds(unit))
            for done, made in enumerate(_made(folder, record, stale, threads), 1):
                tally.made += made
                report(done, due.units)
        tally.removed = _remove(folder, record)
        for unit in due.tables:  # they may tell of all that lies there
            _renew(folder, record, unit, tally)
    except OSError as error:
        raise StorageError(
            f"the export in {folder} cannot be written: {error}",
            "free space or mend the folder, then export again: what is finished is kept",
        ) from error
    return tally


def _made(folder: Path, record: Record, units: Iterable[Unit], threads: int) -> Iterator[int]:
    """Make units and enter them in the record; how many files each wrote."""
    for part in _parts(units):
        record.intend(part)
        for unit, facts in stream_map(partial(_make, folder), part, threads):
            record.written(unit, unit.key, facts)
            yield 0 if facts and facts.get("absent") else len(unit.paths)


def require_room(folder: Path, need: int) -> None:
    """See that so many bytes fit.

    Raises:
        StorageError: they do not.
    """
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if need and free < need + SPARE_BYTES:
        raise StorageError(
            f"the export would write about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free at {there}",
            "free space, choose another folder, or export a part with --split or --where",
        )


def _planned(folder: Path, record: Record, units: Iterable[Unit], tally: Tally) -> _Due:
    """Look at every unit once."""
    due = _Due()
    for unit in units:
        record.want(unit)
        if record.holds(unit):
            tally.kept += len(unit.paths)
            continue
        _require_free(folder, record, unit)
        place = record.place_of(unit.key) if unit.movable else None
        if unit.key is None:
            due.tables.append(unit)
        elif place is not None:
            due.moves.append((place, unit.paths[0]))
        else:
            due.units += 1
            due.bytes += unit.bytes
    return due


def _require_free(folder: Path, record: Record, unit: Unit) -> None:
    """See that nothing of somebody else's lies where a unit's files go."""
    for path in unit.paths:
        there = folder / path
        if there.is_symlink() or (there.exists() and not record.knows(path)):
            raise StorageError(
                f"{there} is in the place of a file of the export, and is not ours",
                "move it elsewhere, or export to another folder",
            )


def _parts(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    part: list[Unit] = []
    for unit in units:
        part.append(unit)
        if len(part) == _AT_ONCE or sum(other.bytes for other in part) >= _BYTES_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _make(folder: Path, unit: Unit) -> Facts | None:
    """Write a unit's files beside their places, then put them there."""
    files = {path: temporary_beside(folder / path) for path in unit.paths}
    for temporary in files.values():
        temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        facts = unit.make(files)
        for path, temporary in () if facts and facts.get("absent") else files.items():
            if unit.movable:  # large ones; of small ones the next export sees whether they are whole
                _sync(temporary)
            temporary.replace(folder / path)
    finally:
        for temporary in files.values():
            temporary.unlink(missing_ok=True)
    return facts


def _renew(folder: Path, record: Record, unit: Unit, tally: Tally) -> None:
    """Make a unit without a key, and put its file in its place if it differs from what is there."""
    (path,) = unit.paths
    temporary = temporary_beside(folder / path)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        unit.make({path: temporary})
        with temporary.open("rb") as file:
            key = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        if record.holds(unit, key):
            record.want(unit)
            tally.kept += 1
            return
        record.intend([unit])
        _sync(temporary)
        temporary.replace(folder / path)
        record.written(unit, key, None)
        tally.made += 1
    finally:
        temporary.unlink(missing_ok=True)


def _move(folder: Path, record: Record, moves: Sequence[tuple[str, str]]) -> None:
    """Give files other names, of which some may be others' old ones."""
    between = [(temporary_beside(folder / new), folder / new) for _, new in moves]
    for (old, _), (temporary, _) in zip(moves, between, strict=True):
        (folder / old).rename(temporary)
    for temporary, new in between:
        temporary.rename(new)
    record.moved(moves)


def _remove(folder: Path, record: Record) -> int:
    """Remove our files that nothing wants any more, and the folders that are empty then."""
    unwanted = record.unwanted()
    for path in unwanted:
        (folder / path).unlink(missing_ok=True)
    emptied = {parent for path in unwanted for parent in Path(path).parents if parent != Path()}
    for parent in sorted(emptied, reverse=True):  # the deepest first
        with suppress(OSError):
            (folder / parent).rmdir()
    record.forget(unwanted)
    return len(unwanted)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
