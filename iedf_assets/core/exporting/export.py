"""`iedf export`: brings a folder in line with the dataset, in the form that was asked for, and proves it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.exporting.card import card_unit
from iedf_assets.core.exporting.counts import Counts
from iedf_assets.core.exporting.croissant import croissant_unit
from iedf_assets.core.exporting.examples import Examples
from iedf_assets.core.exporting.field_readers import reader
from iedf_assets.core.exporting.filling import Tally, fill
from iedf_assets.core.exporting.formats import (
    diffsynth,
    folders,
    imagefolder,
    layers,
    musubi,
    original,
    parquet,
    preference,
    webdataset,
)
from iedf_assets.core.exporting.formats.seen import Read
from iedf_assets.core.exporting.proof import Proof, prove_chains, prove_export
from iedf_assets.core.exporting.record import Record
from iedf_assets.core.exporting.samples import Samples
from iedf_assets.core.exporting.units import Plan, Raw, Unit, Units, summed
from iedf_assets.core.parallel import Report, silent, thread_count
from iedf_assets.core.planning.derived.raws import Raws
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.nesting import OUTPUT_ROOMS
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import is_behind, write_index
from iedf_assets.core.publishing.joined import categories_on_disk
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import Mark, claim, claim_outputs, find_claim, write_mark


@dataclass(frozen=True)
class Form:
    """A form of export.

    Attributes:
        units: its files.
        prove: reads them back and compares them with the dataset.
    """

    units: Units
    prove: Callable[[Plan], Proof]


def _form(units: Units, read: Read, *, once: bool = True, chains: Read | None = None) -> Form:
    def prove(plan: Plan) -> Proof:
        proof = prove_export(plan, read, once=once)
        return prove_chains(plan, chains, proof) if chains else proof

    return Form(units, prove)


FORMATS: Mapping[Format, Form] = {
    "parquet": _form(parquet.units, parquet.read, chains=parquet.read_chains),
    "imagefolder": _form(imagefolder.units, imagefolder.read),
    "webdataset": _form(webdataset.units, webdataset.read, chains=webdataset.read_chains),
    "diffsynth": _form(diffsynth.units, diffsynth.read),
    "musubi": _form(musubi.units, musubi.read),
    "folders": _form(folders.units, folders.read),
    "layers": Form(layers.units, layers.prove),
    "preference": _form(preference.units, preference.read, once=False),
    "original": _form(original.units, original.read),
}
_LOCK = ".iedf.lock"
_LINKABLE: frozenset[Format] = frozenset({"imagefolder", "diffsynth", "musubi", "folders", "original"})
_OWN_SIZE: frozenset[Format] = frozenset({"layers", "preference"})


@dataclass(frozen=True)
class Outcome:
    """What an export came to.

    Attributes:
        folder: where it lies.
        tally: what became of its files.
        proof: what reading it back has shown.
        small: samples that were too small for the grid.
        made_from: how many samples were made from what, see `grid.Sizing`.
        counts: what it holds.
    """

    folder: Path
    tally: Tally
    proof: Proof
    small: int
    made_from: Mapping[str, int]
    counts: Counts


def export(profile: Profile, layout: Layout, asked: Export, report: Report = silent) -> Outcome:
    """Export the dataset, or the part of it that is asked for; what is there already is not made again.

    Raises:
        ProfileError: what is asked for cannot be.
        StorageError: the folder is somebody else's, or something cannot be read or written.
        LockedError: another process exports to the folder.
    """
    folder = absolute(asked.target)
    _require_apart(folder, layout)
    if asked.size == "grid" and asked.format in _OWN_SIZE:
        raise ProfileError(
            f"the pictures of the export {asked.format} have the size that they have", "leave out --size grid"
        )
    if asked.link and (asked.format not in _LINKABLE or asked.size == "grid"):
        raise ProfileError(
            f"nothing of the export {asked.format} in {folder} can be a link to a file of the dataset",
            "leave out --link: it is for loose files in their own size",
        )
    remedy = "choose another folder, or move what is there elsewhere"
    _require_form(folder, asked, remedy)
    _bring_up_to_date(profile, layout)
    mark = claim(folder, "export", remedy)
    form, counts = FORMATS[asked.format], Counts()
    with exclusive(folder / _LOCK, subject=f"the export in {folder}"):
        if "format" not in mark.told:
            write_mark(folder, Mark(mark.kind, mark.id, {"format": asked.format}))
        with (
            Record.open(folder) as record,
            Samples.of(counts.passing(Examples(layout, asked)), layout.outputs, folder) as examples,
            Raws.open(profile, layout) as raws,
            reader(asked) as field_reader,
        ):
            plan = Plan(profile, layout, asked, folder, examples, record.told, record.number, _raw(raws))

            def wanted() -> Iterator[Unit]:
                yield from form.units(plan)
                if asked.format == "parquet":
                    yield croissant_unit(plan, counts)
                yield card_unit(plan, counts)

            if record.is_filled() and next(examples.heads(), None) is None:
                raise StorageError(
                    f"no sample is asked for, so that the export in {folder} would be emptied",
                    "look at --split, --where and --outputs, or delete the folder yourself",
                )
            counts.add_chains(examples.chains())
            tally = fill(folder, record, wanted, thread_count(profile.threads), report)
            told = summed(record.all_told())
            return Outcome(
                folder, tally, _proof(plan, field_reader), told["small"], told["made_from"], counts
            )


def _raw(raws: Raws) -> Raw:
    return lambda example, *published: raws.of(example.entry["dataset_category"], example.key, *published)


def proof_of(profile: Profile, layout: Layout, asked: Export) -> Proof:
    """What an export that lies there shows when it is read back.

    Raises:
        StorageError: it cannot be read by its form's rules, or the index cannot.
    """
    folder = absolute(asked.target)
    with (
        TemporaryDirectory(prefix="iedf-export-") as beside,
        Samples.of(Examples(layout, asked), layout.outputs, Path(beside)) as examples,
        reader(asked) as field_reader,
    ):
        plan = Plan(profile, layout, asked, folder, examples, lambda _: {}, len, lambda *_: None)
        try:
            return _proof(plan, field_reader)
        except FileNotFoundError as error:
            raise StorageError(f"{folder} holds no export: {error}", "make it with iedf export") from error


def _proof(plan: Plan, field_reader: Read | None) -> Proof:
    """By its form's own rules, and by the field's own reader where that is installed."""
    own = FORMATS[plan.asked.format].prove(plan)
    if own.rows and field_reader:
        field = prove_export(plan, field_reader, once=False)
        return replace(own, faults=[*own.faults, *field.faults], by_datasets=field.compared)
    return own


def _bring_up_to_date(profile: Profile, layout: Layout) -> None:
    """Write the index where the dataset has changed since, or an earlier version wrote it."""
    categories = categories_on_disk(layout)
    if not categories:
        raise StorageError(
            f"there is no dataset in {layout.outputs}", "name its folder with --outputs; iedf run makes one"
        )
    if any(is_behind(layout, name, profile.sources) for name in categories):
        claim_outputs(layout)
        write_index(profile, layout)


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
