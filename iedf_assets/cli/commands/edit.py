"""`iedf edit`: one image through the whole factory in a folder of its own; the pair goes elsewhere."""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from iedf_assets.cli.commands.run import faults_of_facts
from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.errors import ProfileError, StorageError, own_words
from iedf_assets.core.memory import importing
from iedf_assets.core.pictures.photos import MAX_FILE_BYTES
from iedf_assets.core.pictures.thumbnails import load_small, strip
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.profile.checkpoints import OLDER_NAME, PIPELINES
from iedf_assets.core.profile.nesting import require_outside
from iedf_assets.core.profile.schema import Category, Profile
from iedf_assets.core.profile.subtypes import SUBTYPES, Task
from iedf_assets.core.sources.beside import MAX_ONE, facts_files_of
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import SUFFIXES, Layout, SampleKey
from iedf_assets.core.storage.ownership import OwnFiles
from iedf_assets.defs.category_loop import run_category

CATEGORY = "edit"
# What follows the name of the photo, of each file of a pair.
PAIR_SUFFIXES = (*SUFFIXES.values(), "_allowed.png", "_result_mask.png")
# Bytes of a name: a file system allows 255, and parts of ours come before and after it.
_MAX_STEM = 120
SHEET_HEIGHT, SHEET_BYTES = 320, 4_000_000


@dataclass(frozen=True)
class Trial:
    """What `iedf edit` was asked for."""

    subtype: str | None
    instruction: str | None
    backend: str | None
    layered_model_dir: Path | None
    edit_model_dir: Path | None
    skip_layered: bool
    device: str | None

    @property
    def kind(self) -> str:
        """The subtype of the edit.

        Raises:
            ProfileError: no such subtype.
        """
        name = self.subtype or ("replace" if self.instruction else "move")
        if name not in SUBTYPES:
            raise ProfileError(f"no subtype {name!r}", f"use one of {', '.join(sorted(SUBTYPES))}")
        return name

    def settings(self) -> list[str]:
        """The changes to the profile.

        Raises:
            ProfileError: the options contradict each other.
        """
        changes = {}
        models = {"layered": self.layered_model_dir, "edit": self.edit_model_dir}
        given = self.backend in {PIPELINES, OLDER_NAME} or any(models.values())
        for stage, folder in models.items():
            if folder:
                changes[f"workers.{stage}.model_dir"] = _quoted(folder.absolute())
            if given:
                by_hand = stage == "layered" and (self.skip_layered or folder is None)
                backend = "classical" if by_hand else PIPELINES
                changes[f"workers.{stage}.backend"] = backend
                changes[f"workers.{stage}.environment"] = "null" if by_hand else f"iedf-{stage}"
                changes[f"workers.{stage}.devices"] = "[]"
            elif self.backend or (self.skip_layered and stage == "layered"):
                changes[f"workers.{stage}.backend"] = "classical"
                changes[f"workers.{stage}.environment"] = "null"
            if self.device:
                changes[f"workers.{stage}.model.device"] = self.device
        if given:
            # What the model works at: of a larger photo it would make a soft patch.
            changes["max_megapixels"] = "1.04"
        if self.instruction is not None and not self.instruction.strip():
            raise ProfileError("--instruction is empty", "say what is to be done, or leave it out")
        if self.instruction:
            if not SUBTYPES[self.kind].needs_model:
                free = ", ".join(name for name, subtype in SUBTYPES.items() if subtype.needs_model)
                raise ProfileError(
                    f"{self.kind} draws its edits from the seed and does not follow --instruction",
                    f"leave --instruction out, or choose a model's --subtype: {free}",
                )
            changes[f"recipes.{self.kind}.instruction"] = json.dumps(self.instruction, ensure_ascii=False)
        return [f"{key}={value}" for key, value in changes.items()]


def _require_photo(image: Path) -> None:
    size = image.stat().st_size
    if not image.is_file() or size > MAX_FILE_BYTES:
        told = f"of {size} bytes" if image.is_file() else "none that can be read as a whole"
        raise ProfileError(f"{image} is no photo but a file {told}", "give a picture's file")


def edit_one(profile: Profile, image: Path, output: Path, trial: Trial) -> bool:
    """Edit `image`: the pair as `<stem>.jpg`, `<stem>_result.jpg` and so on, its making beside it.

    Returns:
        Whether a pair was published; if not, the reasons have been printed.

    Raises:
        ProfileError: no such subtype, or the backend cannot do it.
        StorageError: something that an earlier trial did not write is in the way in the output folder.
    """
    with importing():
        from iedf_assets.defs.wave_runs import InProcessWaves  # noqa: PLC0415

    console = PlainConsole()
    require_outside(output, profile.folders, profile.categories)
    _require_photo(image)
    folder, sheet = output / f"{stem_of(image)}_steps", output / f"{stem_of(image)}_sheet.jpg"
    remedy = "choose another folder with --output, or move what is there elsewhere"
    own = OwnFiles(output, folder, "steps", remedy)
    # Before anything is made, which may take long.
    own.require_free([sheet, *(output / f"{stem_of(image)}{suffix}" for suffix in PAIR_SUFFIXES)])
    with tempfile.TemporaryDirectory(prefix="iedf-edit-") as work, TerminalProgress() as progress:
        single = _profile_of_one(profile, Path(work), image, trial.kind)
        layout = Layout.of(single)
        (layout.data / CATEGORY).mkdir(parents=True)
        photo = layout.data / CATEGORY / f"photo{image.suffix[:20]}"
        shutil.copyfile(image, photo)
        for told, ending in facts_files_of(image).items():
            with told.open("rb") as beside:  # more than is read anyway says that it is too much
                photo.with_name(f"{photo.stem}{ending}").write_bytes(beside.read(MAX_ONE + 1))
        outcome = run_category(single, CATEGORY, InProcessWaves(single, progress))
        book = Book.open(single, layout, CATEGORY)
        published = [row for row in book.verdicts.values() if row["status"] == "published"]
        sample = SampleKey.parse(published[0]["sample_key"]) if published else None
        for line in faults_of_facts(image.name, outcome.findings):
            console.print(line, soft_wrap=True, highlight=False)
        files = _given(book, layout, image, output, sample, own)
        if sample is None:
            console.print(f"no pair: {outcome.error or _reasons(book)}", soft_wrap=True, markup=False)
    for file in files:
        console.print(str(file), soft_wrap=True, markup=False, highlight=False)
    return bool(published)


def stem_of(image: Path) -> str:
    """What the files of a photo's pair are called by: its name, or as much as leaves room, and a hash."""
    stem = image.stem.lstrip(".") or "photo"
    if len(os.fsencode(stem)) <= _MAX_STEM:
        return stem
    mark = hashlib.sha256(os.fsencode(image.name)).hexdigest()[:8]
    return os.fsencode(stem)[: _MAX_STEM - len(mark) - 1].decode("utf-8", "ignore") + f"~{mark}"


def _profile_of_one(profile: Profile, folder: Path, image: Path, subtype: str) -> Profile:
    try:
        category = Category(
            task=cast("Task", SUBTYPES[subtype].task),
            subtypes={subtype: 1},
            tries=profile.tries,
            choose=profile.choose,
            plain_share=profile.plain_share,
            filters=profile.filters,
            recipes=profile.recipes,
            workers=profile.workers,
            encoding=profile.encoding,
            thresholds=profile.thresholds,
        )
    except ValidationError as error:
        problem = own_words(error.errors()[0]["msg"])
        raise ProfileError(
            f"{image.name} cannot be edited so: {problem}",
            "--backend diffusers with --edit-model-dir can",
        ) from error
    paths = profile.paths.model_copy(
        update={
            "data": folder / "data",
            "outputs": folder / "outputs",
            "staging": None,
            "logs": folder / "logs",
        }
    )
    return profile.model_copy(update={"paths": paths, "categories": {CATEGORY: category}})


def _reasons(book: Book) -> str:
    rows = [row for stage in STAGES for row in book.table(stage).values() if row["reason"]]
    told = dict.fromkeys(f"{row['reason']}: {row['detail']}" for row in rows)
    return "; ".join(told) or "nothing was made of it"


def _given(
    book: Book, layout: Layout, image: Path, output: Path, sample: SampleKey | None, own: OwnFiles
) -> list[Path]:
    """Put everything into the output folder, where other people's files may lie too.

    Returns:
        The folder of the intermediate files, the contact sheet, and the pair's files.

    Raises:
        StorageError: something that an earlier trial did not write is in the way.
    """
    folder, sheet = output / f"{stem_of(image)}_steps", output / f"{stem_of(image)}_sheet.jpg"
    steps = _steps(book, layout, folder)
    pair = _files_of(layout, sample, output, stem_of(image)) if sample else {}
    own.require_free([*steps, *pair, sheet])
    own.remove()
    for target, source in {**steps, **pair}.items():
        if isinstance(source, Path):
            shutil.copyfile(source, target)
        else:
            target.write_text(source, "utf-8")
    small = []
    with suppress(StorageError):  # HEIC, and what is no photo at all
        small.append(load_small(image, SHEET_HEIGHT))
    pictures = sorted(path for path in steps if path.suffix in {".png", ".jpg"})
    small += [load_small(path, SHEET_HEIGHT) for path in pictures]
    if not small:
        own.record([*steps, *pair])
        return [folder, *pair]
    sheet.write_bytes(
        strip([small[start : start + 4] for start in range(0, len(small), 4)], SHEET_HEIGHT, SHEET_BYTES)
    )
    own.record([*steps, sheet, *pair])
    return [folder, sheet, *pair]


def _steps(book: Book, layout: Layout, folder: Path) -> dict[Path, Path | str]:
    """Every intermediate file, whatever became of it, and what is known of it: target → source or text.

    Of further tries the names say which they are.
    """
    steps: dict[Path, Path | str] = {}
    for number, stage in enumerate(STAGES[1:-1], 1):
        for one, row in enumerate(_in_order(book, stage), 1):
            name = f"{number}_{stage}{f'_try_{one}' if one > 1 else ''}"
            steps[folder / f"{name}.json"] = json.dumps(row, ensure_ascii=False, indent=2) + "\n"
            staged = layout.staged(stage, row["key"])
            files = [staged / file for file in row["files"] or ()]
            steps |= {folder / f"{name}_{file.name}": file for file in files if file.exists()}
    verdicts = [row for row in book.verdicts.values() if row["failed_checks"] or row["reason"]]
    if verdicts:
        steps[folder / "4_dataset.json"] = json.dumps(verdicts, ensure_ascii=False, indent=2) + "\n"
    return steps


def _in_order(book: Book, stage: str) -> list[Row]:
    """The rows of a stage, those of edits and pairs in the order of their tries."""
    attribute = {"edited_images": "edit_key", "edit_pairs": "pair_key"}.get(stage)
    rows = book.table(stage)
    if attribute is None:
        return list(rows.values())
    slots = [slot for source in book.accepted for slot in book.keys.tries(source.source_id)]
    keys = [getattr(slot, attribute) for slot in slots]
    return [rows[key] for key in keys if key in rows]


def _files_of(layout: Layout, sample: SampleKey, output: Path, stem: str) -> dict[Path, Path]:
    """The files of the pair: target → source."""
    sources = [layout.dataset / sample.file(role) for role in SUFFIXES]
    sources += [layout.allowed_region(sample), layout.result_mask(sample)]
    pairs = zip(PAIR_SUFFIXES, sources, strict=True)
    return {output / f"{stem}{suffix}": source for suffix, source in pairs if source.exists()}


def _quoted(folder: Path) -> str:
    return json.dumps(str(folder), ensure_ascii=False)
