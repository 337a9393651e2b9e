"""The files of one sample: putting them into the dataset, taking them out, and keeping what was rejected.

A sample is there when its source is there: the source comes last and goes first, so that whatever was
interrupted is seen to be incomplete. Instructions are one line of UTF-8 without a line break at its end,
since trainers read every line of a caption file as a caption.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.profile.subtypes import SUBTYPES, Subtype
from iedf_assets.core.storage.files import fresh_folder, place_file, write_text
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.staged import are_intact

# staged file → its role in the naming spec
_ROLES = {"source.jpg": "source", "result.jpg": "result", "mask.png": "mask", "mask-1.png": "mask_inverse"}
_REASONS = "reasons.json"


@dataclass(frozen=True)
class Pair:
    """A finished pair as it is published or kept.

    Attributes:
        folder: where its files are staged.
        names: which files it has.
        chinese, english: the instructions.
    """

    folder: Path
    names: tuple[str, ...]
    chinese: str
    english: str

    @property
    def texts(self) -> dict[str, str]:
        """Role → instruction as it is written."""
        return {"instruction_ch": one_line(self.chinese), "instruction_en": one_line(self.english)}


def texts_of(edit: Row | None, pair: Row | None) -> tuple[str, str] | None:
    """The Chinese and the English text of a pair: its instruction, or what took its place; None of neither.

    Args:
        edit: its row of edited_images.
        pair: its row of edit_pairs.
    """
    chinese, english = (
        (pair or {}).get(f"rewritten_{language}") or (edit or {}).get(f"instruction_{language}")
        for language in ("ch", "en")
    )
    return (chinese, english) if chinese and english else None


def one_line(text: str) -> str:
    """A text with its line breaks as spaces."""
    return " ".join(text.splitlines()).strip()


def publish(layout: Layout, sample: SampleKey, pair: Pair, *, unchanged: bool) -> None:
    """Make a sample's files those of `pair`. What is in place already is not touched.

    Args:
        unchanged: whether the manifest says that this very pair was published there.

    Raises:
        OSError: a staged file is absent, or the disk cannot be written.
    """
    pictures = {Path(_target(layout, sample, name)): pair.folder / name for name in pair.names}
    texts = {layout.dataset / sample.file(role): text for role, text in pair.texts.items()}
    placed = all(_is_placed(staged, target, unchanged=unchanged) for target, staged in pictures.items())
    if placed and all(_says(path, text) for path, text in texts.items()):
        return
    source = layout.dataset / sample.file("source")
    source.unlink(missing_ok=True)
    for target, staged in pictures.items():
        if target != source:
            place_file(staged, target)
    for path, text in texts.items():
        write_text(path, text)
    place_file(pictures[source], source)


def write_texts(layout: Layout, sample: SampleKey, pair: Pair) -> None:
    """Make a sample's texts those of `pair`, whose pictures are in place.

    Raises:
        OSError: the disk cannot be written.
    """
    for role, text in pair.texts.items():
        if not _says(layout.dataset / sample.file(role), text):
            write_text(layout.dataset / sample.file(role), text)


def withdraw(layout: Layout, sample: SampleKey) -> None:
    """Take a sample's files out of the dataset; those that are gone already do not matter."""
    roles = ("source", "result", "instruction_ch", "instruction_en", "mask", "mask_inverse")
    paths = [layout.dataset / sample.file(role) for role in roles]
    for path in (*paths, layout.allowed_region(sample), layout.result_mask(sample)):
        path.unlink(missing_ok=True)


def is_complete(
    layout: Layout, sample: SampleKey, pair: Row | None, instructions: tuple[str, str] | None = None
) -> bool:
    """Whether all files of a sample are there and none is empty, and they are those of its pair.

    Args:
        pair: its row of edit_pairs; None when it is not known any more.
        instructions: in Chinese and English; None when they are not known any more.
    """
    names = _names(SUBTYPES[sample.subtype])
    # Texts as paths: this is asked of every sample, time and again.
    paths = {name: _target(layout, sample, name) for name in names}
    texts = [f"{layout.dataset}/{sample.file(role)}" for role in ("instruction_ch", "instruction_en")]
    try:
        if not all(os.stat(path).st_size for path in (*paths.values(), *texts)):  # noqa: PTH116
            return False
    except OSError:
        return False
    if instructions and not all(
        _says(Path(path), one_line(text)) for path, text in zip(texts, instructions, strict=True)
    ):
        return False
    if pair is None or not pair["files"]:
        return True
    return are_intact({name: paths[name] for name in pair["files"]}, pair)


def _names(subtype: Subtype) -> list[str]:
    """The staged files of a pair of a subtype."""
    if subtype.tier == "stated":
        return ["source.jpg", "result.jpg"]
    return [*_ROLES, "allowed.png", *(["result_mask.png"] if subtype.relocates else [])]


def keep_reject(layout: Layout, edit_id: str, pair: Pair, reasons: Mapping[str, Any]) -> None:
    """Keep a rejected pair's files beside `reasons.json`, which says why.

    Raises:
        OSError: the disk cannot be written.
    """
    folder = layout.rejected(edit_id)
    text = json.dumps(reasons, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    if _says(folder / _REASONS, text):
        return
    with fresh_folder(folder) as fresh:
        for name in pair.names:
            if (pair.folder / name).exists():
                place_file(pair.folder / name, fresh / name)
        for role, instruction in pair.texts.items():
            write_text(fresh / f"{role}.txt", instruction)
        write_text(fresh / _REASONS, text)


def drop_rejects(layout: Layout, edit_ids: Iterable[str]) -> None:
    """Remove the kept files of edits that are no rejects any more."""
    for edit_id in edit_ids:
        shutil.rmtree(layout.rejected(edit_id), ignore_errors=True)


def _target(layout: Layout, sample: SampleKey, name: str) -> str:
    if name == "allowed.png":
        return str(layout.allowed_region(sample))
    if name == "result_mask.png":
        return str(layout.result_mask(sample))
    return f"{layout.dataset}/{sample.file(_ROLES[name])}"


def _is_placed(staged: Path, target: Path, *, unchanged: bool) -> bool:
    try:
        there, here = target.stat(), staged.stat()
    except FileNotFoundError:
        return False
    if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
        return True
    # A copy, on another file system; it is younger than what it was copied from.
    return unchanged and there.st_size == here.st_size and there.st_mtime_ns >= here.st_mtime_ns


def _says(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8")
    except FileNotFoundError:
        return False
