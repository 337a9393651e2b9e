"""`iedf trial`: the first hour with a model: checked, tried on photos in every subtype, told in a folder."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from iedf_assets.cli.commands.demo import sample
from iedf_assets.cli.commands.doctor import must_haves
from iedf_assets.cli.commands.run import run_all
from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.nesting import require_outside
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.report.trial import write_trial
from iedf_assets.core.storage.files import write_bytes
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim

CATEGORY, PROFILE, FIRST = "trial", "profile.yaml", "first_step"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
SAMPLES = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle")
REMEDY = "choose another folder with --output"


@dataclass(frozen=True)
class Asked:
    """What `iedf trial` was asked for.

    Attributes:
        photos: files and folders; empty for scikit-image's own.
        most: photos, at most.
        subtypes: of edits; empty for all that the profile's backend can do.
    """

    photos: tuple[Path, ...]
    output: Path
    most: int
    subtypes: tuple[str, ...]


def try_models(profile: Profile, asked: Asked) -> bool:
    """Check, run and tell; a second call goes on where the first one ended.

    Returns:
        Whether all went through.

    Raises:
        ProfileError: an unknown subtype, or no photo.
        StorageError: the output folder is somebody else's.
    """
    console = PlainConsole(soft_wrap=True)
    output = asked.output.absolute()
    require_outside(output, profile.folders, profile.categories)
    tried = _profile_of(profile, output, asked.subtypes)
    wrong = [finding for finding in must_haves(tried) if finding.remedy]
    for finding in wrong:
        console.print(f"{finding.subject}: {finding.state}: {finding.remedy}", markup=False)
    if wrong:
        return False
    claim(output, "trial", REMEDY)
    _put_photos(Layout.of(tried), asked)
    write_bytes(output / PROFILE, _as_yaml(tried).encode())
    if not _first_step(tried, output, console):
        return False
    went_through = run_all(tried, [CATEGORY])
    book = Book.open(tried, Layout.of(tried), CATEGORY)
    for path in write_trial(book, output):
        console.print(str(path), markup=False, highlight=False)
    console.print(
        f"click through the pairs: iedf report --serve --config {output / PROFILE}\n"
        "then call `iedf trial` again: it reads the clicks, and makes nothing twice",
        markup=False,
    )
    return went_through


def _profile_of(profile: Profile, output: Path, subtypes: Sequence[str]) -> Profile:
    """The profile of a trial: one category, every subtype once, a factory of its own below the output."""
    unknown = sorted(set(subtypes) - set(SUBTYPES))
    if unknown:
        raise ProfileError(f"unknown subtype {', '.join(unknown)}", f"use some of {', '.join(SUBTYPES)}")
    by_model = profile.workers.edit.follows_words
    # What an object bears is known where somebody reads it.
    reads = profile.workers.layered.namer.elsewhere
    possible = [
        name
        for name, subtype in SUBTYPES.items()
        if (by_model or not subtype.needs_model) and (reads or not subtype.reads)
    ]
    category = Category(
        task="semantic_edit",
        subtypes=dict.fromkeys(subtypes or possible, 1),
        filters=profile.filters,
        recipes=profile.recipes,
        workers=profile.workers,
        encoding=profile.encoding,
        thresholds=profile.thresholds,
    )
    folders = {
        "data": output / "data",
        "outputs": output / "outputs",
        "logs": output / "logs",
        "staging": None,
    }
    paths = profile.paths.model_copy(update=folders)
    return profile.model_copy(update={"paths": paths, "categories": {CATEGORY: category}})


def _first_step(profile: Profile, output: Path, console: Console) -> bool:
    """One photo and one step at full size, before hours are spent; whether it went through."""
    folder = output / FIRST
    workers = profile.workers
    if (folder / "passed").exists() or not (workers.edit.runs_pipeline or workers.layered.runs_pipeline):
        return True
    one = {name: getattr(workers, name).model_copy(update={"steps": 1}) for name in ("layered", "edit")}
    paths = profile.paths.model_copy(
        update={"data": folder / "data", "outputs": folder / "outputs", "logs": folder / "logs"}
    )
    category = profile.categories[CATEGORY]
    few = dict(list(category.subtypes.items())[-1:])
    changed = category.model_copy(update={"workers": workers.model_copy(update=one), "subtypes": few})
    single = profile.model_copy(update={"paths": paths, "categories": {CATEGORY: changed}})
    photo = next(path for path in sorted((Layout.of(profile).data / CATEGORY).iterdir()) if path.is_file())
    target = Layout.of(single).data / CATEGORY / photo.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(photo, target)
    console.print("one step at full size, to see whether it fits")
    if not run_all(single, [CATEGORY]):
        return False
    write_bytes(folder / "passed", b"")
    return True


def _put_photos(layout: Layout, asked: Asked) -> None:
    """Copy the photos into the trial's own data folder; those that are there stay.

    Raises:
        ProfileError: there are others, of an earlier trial, or there is no photo in what was given.
    """
    folder = layout.data / CATEGORY
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found = {f"{number:03d}_{path.name}": path for number, path in enumerate(_pictures(asked.photos))}
    wanted = dict(list(found.items())[: asked.most])
    if asked.photos and not wanted:
        raise ProfileError("there is no photo in what was given", "give files or folders with photos")
    if wanted and there - wanted.keys():
        raise ProfileError(
            f"{folder} has other photos, of an earlier trial", "choose another --output, or give no photos"
        )
    for name in wanted.keys() - there:
        write_bytes(folder / name, wanted[name].read_bytes())
    for name in () if asked.photos or there else SAMPLES[: asked.most]:
        write_bytes(folder / f"{name}.png", sample(name))


def _pictures(given: Sequence[Path]) -> Iterator[Path]:
    for path in given:
        if path.is_file():
            yield path
        elif path.is_dir():
            found = (one for one in path.rglob("*") if one.suffix.lower() in PICTURES)
            yield from sorted(one for one in found if one.is_file())
        else:
            raise StorageError(f"{path} is not there", "give files or folders with photos")


def _as_yaml(profile: Profile) -> str:
    told = profile.model_dump(mode="json", by_alias=True)
    return str(yaml.safe_dump(told, allow_unicode=True, sort_keys=False))
