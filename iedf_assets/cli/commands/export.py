"""`iedf export`: the dataset in a form that a trainer loads; `iedf hashes`: what is held out from it."""

import json
from pathlib import Path

import click
from rich.console import Console

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.exporting.export import Outcome, export
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.exclusions import hashed
from iedf_assets.core.storage.naming import Layout

SHOWN = 10
# What a trainer is given as it is, without a notion of splits.
WITHOUT_SPLITS: frozenset[Format] = frozenset({"diffsynth", "musubi", "folders"})
TRAINED_ON: frozenset[Format] = WITHOUT_SPLITS | {"parquet", "imagefolder", "webdataset"}


def export_dataset(profile: Profile, asked: Export) -> bool:
    """Export, and say what came of it; whether the export is proven.

    Raises:
        FactoryError: it cannot be made.
    """
    with TerminalProgress() as progress:
        found = export(
            profile,
            Layout.of(profile),
            asked,
            lambda done, total: progress("export", asked.format, done, total),
        )
    _tell(PlainConsole(soft_wrap=True), asked, found)
    return not found.proof.faults


def _tell(console: Console, asked: Export, found: Outcome) -> None:
    tally, proof = found.tally, found.proof
    console.print(
        f"{asked.format}: {proof.rows} samples in {found.folder}; files: {tally.made} written, "
        f"{tally.kept} kept, {tally.moved} renamed, {tally.removed} removed"
    )
    if asked.size == "grid":
        counts = ", ".join(f"{count} {source}" for source, count in sorted(found.made_from.items()))
        console.print(f"made from: {counts} (docs/training.md)")
    if found.small:
        console.print(f"{found.small} samples are too small for the grid and keep their scale")
    resampled, validation = found.counts.resampled, found.counts.splits["validation"]
    if resampled and asked.size == "native" and asked.format in TRAINED_ON:
        console.print(
            f"{resampled} have sizes that trainers resample, some each by its own rule: "
            "--size grid brings them to sizes that are kept"
        )
    if validation and asked.split is None and asked.format in WITHOUT_SPLITS:
        console.print(f"{validation} are of the split validation: --split train leaves them out")
    if proof.chains:
        console.print(f"{proof.chains} chains of them are records of their own too")
    if not proof.rows:
        console.print("no sample is what --where and --split ask for")
    field = f"; {proof.by_datasets} by the library datasets too" if proof.by_datasets else ""
    console.print(f"read back: {proof.rows} rows, the pictures of {proof.compared} compared{field}")
    for subject, fault in proof.faults[:SHOWN]:
        console.print(f"{subject}: {fault}", style="red", highlight=False)


def print_hashes(profile: Profile, folder: Path) -> None:
    """Print the list of the pictures in a folder, and on standard error what is not in it."""
    left_out = []
    for found in hashed(folder, profile):
        if found.phash:
            click.echo(json.dumps({"name": found.path, "phash": found.phash, "look": found.look}))
        else:
            left_out.append(found.path)
    if left_out:
        shown = ", ".join(left_out[:3])
        click.echo(f"{len(left_out)} files are no pictures, or flat ones: {shown}", err=True)
