"""`iedf edit`: one image through the whole factory in a folder of its own, the pair put elsewhere."""

import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.book import Book
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.naming import SUFFIXES, Layout, SampleKey
from iedf_assets.core.profile import Category, Profile
from iedf_assets.core.subtypes import SUBTYPES
from iedf_assets.runner import run_category

CATEGORY = "edit"


def edit_one(profile: Profile, image: Path, output: Path, subtype: str) -> bool:
    """Edit `image` and write `<stem>.jpg`, `<stem>_result.jpg`, masks and instructions to `output`.

    Returns:
        Whether a pair was published; if not, the reasons have been printed.

    Raises:
        ProfileError: no such subtype.
    """
    from iedf_assets.executing import InProcessWaves  # noqa: PLC0415

    console = Console()
    with tempfile.TemporaryDirectory(prefix="iedf-edit-") as folder, TerminalProgress() as progress:
        single = _profile_of_one(profile, Path(folder), subtype)
        layout = Layout.of(single)
        (layout.data / CATEGORY).mkdir(parents=True)
        shutil.copyfile(image, layout.data / CATEGORY / image.name)
        outcome = run_category(single, CATEGORY, InProcessWaves(single, progress))
        book = Book.open(single, layout, CATEGORY)
        published = [row for row in book.verdicts.values() if row["status"] == "published"]
        if not published:
            console.print(f"no pair: {outcome.error or _reasons(book)}", soft_wrap=True, markup=False)
            return False
        files = _copy_sample(layout, SampleKey.parse(published[0]["sample_key"]), output, image.stem)
    for file in files:
        console.print(str(file), soft_wrap=True, markup=False, highlight=False)
    return True


def _profile_of_one(profile: Profile, folder: Path, subtype: str) -> Profile:
    if subtype not in SUBTYPES:
        raise ProfileError(f"no subtype {subtype!r}", f"use one of {', '.join(sorted(SUBTYPES))}")
    category = Category(
        task=SUBTYPES[subtype].task,
        subtypes={subtype: 1},
        filters=profile.filters,
        recipes=profile.recipes,
        workers=profile.workers,
        encoding=profile.encoding,
        thresholds=profile.thresholds,
    )
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
    tables = (book.sources, book.layers, book.edits, book.pairs, book.verdicts)
    rows = [row for table in tables for row in table.values() if row["reason"]]
    return "; ".join(f"{row['reason']}: {row['detail']}" for row in rows) or "nothing was made of it"


def _copy_sample(layout: Layout, sample: SampleKey, output: Path, stem: str) -> list[Path]:
    output.mkdir(parents=True, exist_ok=True)
    sources = {layout.dataset / sample.file(role): suffix for role, suffix in SUFFIXES.items()}
    sources[layout.allowed_region(sample)] = "_allowed.png"
    sources[layout.result_mask(sample)] = "_result_mask.png"
    targets = []
    for source, suffix in sources.items():
        if source.exists():
            targets.append(output / f"{stem}{suffix}")
            shutil.copyfile(source, targets[-1])
    return targets
