"""`iedf export`: brings a folder in line with the dataset, in the form that was asked for, and proves it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.exporting.card import card_unit
from iedf_assets.core.exporting.examples import Examples
from iedf_assets.core.exporting.filling import Tally, fill
from iedf_assets.core.exporting.formats import (
    diffsynth,
    folders,
    imagefolder,
    musubi,
    original,
    parquet,
    webdataset,
)
from iedf_assets.core.exporting.formats.seen import Read
from iedf_assets.core.exporting.proof import Proof, prove_export
from iedf_assets.core.exporting.record import Record
from iedf_assets.core.exporting.units import Plan, Unit, Units
from iedf_assets.core.parallel import Report, silent, thread_count
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.nesting import OUTPUT_ROOMS
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import is_behind, write_index
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import Mark, claim, find_claim, write_mark

FORMATS: Mapping[Format, tuple[Units, Read]] = {
    "parquet": (parquet.units, parquet.read),
    "imagefolder": (imagefolder.units, imagefolder.read),
    "webdataset": (webdataset.units, webdataset.read),
    "diffsynth": (diffsynth.units, diffsynth.read),
    "musubi": (musubi.units, musubi.read),
    "folders": (folders.units, folders.read),
    "original": (original.units, original.read),
}
_LOCK = ".iedf.lock"
_SHARDED: frozenset[Format] = frozenset({"parquet", "webdataset"})


@dataclass(frozen=True)
class Outcome:
    """What an export came to.

    Attributes:
        folder: where it lies.
        tally: what became of its files.
        proof: what reading it back has shown.
        small: samples that were too small for the grid.
    """

    folder: Path
    tally: Tally
    proof: Proof
    small: int


def export(profile: Profile, layout: Layout, asked: Export, report: Report = silent) -> Outcome:
    """Export the dataset, or the part of it that is asked for; what is there already is not made again.

    Raises:
        ProfileError: what is asked for cannot be.
        StorageError: the folder is somebody else's, or something cannot be read or written.
        LockedError: another process exports to the folder.
    """
    folder = absolute(asked.target)
    _require_apart(folder, layout)
    if asked.link and (asked.format in _SHARDED or asked.size == "grid"):
        raise ProfileError(
            f"nothing of the export {asked.format} in {folder} can be a link to a file of the dataset",
            "leave out --link: it is for loose files in their own size",
        )
    remedy = "choose another folder, or move what is there elsewhere"
    _require_form(folder, asked, remedy)
    if any(is_behind(layout, name) for name in categories_on_disk(layout)) or not _is_indexed(layout):
        write_index(profile, layout)
    mark = claim(folder, "export", remedy)
    units, read = FORMATS[asked.format]
    with exclusive(folder / _LOCK, subject=f"the export in {folder}"):
        if "format" not in mark.told:
            write_mark(folder, Mark(mark.kind, mark.id, {"format": asked.format}))
        with Record.open(folder) as record:
            examples = Examples(layout, asked)
            plan = Plan(profile, layout, asked, folder, examples, record.told, record.number)

            def wanted() -> Iterator[Unit]:
                yield from units(plan)
                yield card_unit(plan)

            tally = fill(folder, record, wanted, thread_count(profile.threads), report)
            small = sum(int(facts.get("small", 0)) for facts in record.all_told())
        proof = prove_export(folder, asked, plan.examples, read)
    return Outcome(folder, tally, proof, small)


def _is_indexed(layout: Layout) -> bool:
    return (layout.reports / "index.parquet").exists()


def _require_form(folder: Path, asked: Export, remedy: str) -> None:
    mark = find_claim(folder, "export", remedy)
    there = mark.told.get("format") if mark else None
    if there not in {None, asked.format}:
        raise StorageError(f"{folder} holds an export of another form: {there}", remedy)


def _require_apart(folder: Path, layout: Layout) -> None:
    """See that an export lies where nothing is read from, and nothing else is filled or emptied."""
    rooms = [layout.data, layout.staging, layout.logs, *(layout.outputs / name for name in OUTPUT_ROOMS)]
    real = folder.resolve()
    for room in (room.resolve() for room in rooms):
        if real.is_relative_to(room) or room.is_relative_to(real):
            raise ProfileError(
                f"the export would lie in {room}, or hold it: {folder}", "choose a folder of its own"
            )
