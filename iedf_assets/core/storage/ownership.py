"""What proves that a folder or a file is ours, before anything in it is written over or deleted.

A folder that the factory fills carries a mark, `.iedf.json`: what it is for, its id, and what else has to be
known to tell our files in it from other people's. A folder that is not empty and bears no mark is somebody
else's, save those that versions without marks made, which their content proves.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from iedf_assets.core.errors import StorageError
from iedf_assets.core.profile.nesting import OUTPUT_ROOMS
from iedf_assets.core.storage.files import content_hash, create_text, read_json, write_text, writer_of
from iedf_assets.core.storage.naming import STAGING_ROOMS, Layout

MARK = ".iedf.json"
Kind = Literal["outputs", "staging", "cache", "steps", "export", "trial"]
# A file of these names is nobody's work: systems and tools put it into whatever folder they see.
_OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".gitkeep", ".gitignore", "lost+found"})
_KEY = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Mark:
    """What a folder's mark says.

    Attributes:
        kind: what the folder is for.
        id: of the folder, wherever it is moved to; 16 hexadecimal digits.
        told: whatever the kind adds.
    """

    kind: str
    id: str
    told: Mapping[str, Any] = field(default_factory=dict)


def read_mark(folder: Path) -> Mark | None:
    """The mark of a folder; None when it bears none that can be read."""
    told = read_json(folder / MARK)
    if not isinstance(told, dict) or not {"kind", "id"} <= told.keys():
        return None
    return Mark(str(told.pop("kind")), str(told.pop("id")), told)


def write_mark(folder: Path, mark: Mark) -> None:
    """Put a mark into a folder, in place of the one it bears."""
    write_text(folder / MARK, _text(mark))


def _text(mark: Mark) -> str:
    told = {"made_by": "image-edit-dataset-factory", "kind": mark.kind, "id": mark.id, **mark.told}
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def find_claim(
    folder: Path, kind: Kind, remedy: str, known: Callable[[Path], bool] = lambda _: False
) -> Mark | None:
    """The mark of a folder that is ours; None for one that is still to be marked, being empty or not there.

    Args:
        remedy: what to do when it is somebody else's.
        known: whether an entry of a folder without a mark is of those that earlier versions made there.

    Raises:
        StorageError: it holds what is not ours, or is marked for another use.
    """
    mark = read_mark(folder)
    if mark is not None:
        if mark.kind != kind:
            raise StorageError(f"{folder} is a folder for {mark.kind} of the factory, not for {kind}", remedy)
        return mark
    foreign = sorted(
        entry.name
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if entry.name not in (*_OF_SYSTEMS, MARK) and not writer_of(entry) and not known(entry)
    )
    if foreign:
        shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise StorageError(
            f"{folder} is not empty, and nothing says that it is ours: it holds {shown}", remedy
        )
    return None


def claim(folder: Path, kind: Kind, remedy: str, known: Callable[[Path], bool] = lambda _: False) -> Mark:
    """Make sure that a folder is ours to fill, and mark it; see `find_claim`.

    Raises:
        StorageError: it holds what is not ours, or is marked for another use.
    """
    mark = find_claim(folder, kind, remedy, known)
    if mark is None:
        # Of two that claim it at once, one makes the mark.
        create_text(folder / MARK, _text(Mark(kind, secrets.token_hex(8))))
        mark = read_mark(folder)
    if mark is None:
        raise StorageError(f"the mark {folder / MARK} cannot be read", "delete it, then run again")
    return mark


def claim_outputs(layout: Layout) -> None:
    """Make sure that the outputs and the staging folder are ours.

    Other things may lie beside our rooms in the outputs; the rooms themselves are ours alone.

    Raises:
        StorageError: a room holds what is not ours.
    """
    remedy = "choose another folder with --outputs or paths.outputs, or move what is there elsewhere"
    whose = _known_by(layout)
    mark = claim(
        layout.outputs, "outputs", remedy, lambda entry: entry.name not in OUTPUT_ROOMS or whose(entry)
    )
    if layout.staging.is_relative_to(layout.outputs):
        return
    remedy = "choose another folder with paths.staging, or move what is there elsewhere"
    staging = claim(layout.staging, "staging", remedy, lambda entry: entry.name in STAGING_ROOMS)
    users = dict(staging.told.get("used_by", {}))
    if users.get(mark.id) != str(layout.outputs):
        users[mark.id] = str(layout.outputs)
        write_mark(layout.staging, Mark("staging", staging.id, {"used_by": users}))


def _known_by(layout: Layout) -> Callable[[Path], bool]:
    """Whether the rooms of outputs without a mark were made by a version without marks, or are empty."""
    names = ("*/*.parquet", "*/*.journal.jsonl", "locks/*.lock")
    made = (layout.manifests.glob(name) for name in names)
    files = (layout.ledger, layout.dagster_home / "dagster.yaml")
    ours = any(any(found) for found in made) or any(file.is_file() for file in files)
    return lambda room: ours or _is_empty(room)


def _is_empty(room: Path) -> bool:
    """Whether there are only folders in a room, and such as bear a mark, as a service's cache does."""
    if not room.is_dir():
        return False
    files = (path for path in room.rglob("*") if path.is_file() or path.is_symlink())
    return all(_bears_mark(file.parent, room) for file in files)


def _bears_mark(folder: Path, room: Path) -> bool:
    """Whether a folder, or one that it lies in below the room, bears our mark."""
    return folder != room and (read_mark(folder) is not None or _bears_mark(folder.parent, room))


def other_users(layout: Layout) -> list[Path | None]:
    """The other outputs that use the same staging folder; None for those that are not where they were."""
    mark, own = read_mark(layout.staging), read_mark(layout.outputs)
    found: list[Path | None] = []
    for outputs_id, text in (mark.told.get("used_by", {}) if mark else {}).items():
        if own and outputs_id == own.id:
            continue
        theirs = read_mark(Path(text))
        found.append(Path(text) if theirs and theirs.id == outputs_id else None)
    return found


def is_item(folder: Path) -> bool:
    """Whether a folder bears the name of a staged item or a reject: `<key[:2]>/<key>`."""
    return _KEY.fullmatch(folder.name) is not None and folder.parent.name == folder.name[:2]


class OwnFiles:
    """Files that we write into a folder where other people's files lie too.

    A folder of ours beside them bears a mark with their names and checksums, so that only what we wrote, and
    nobody changed since, is written over.

    Args:
        folder: the shared one.
        record: our own folder, whose mark keeps the list.

    Raises:
        StorageError: there is a folder in the place of our own that is not ours.
    """

    def __init__(self, folder: Path, record: Path, kind: Kind, remedy: str) -> None:
        self._folder, self._record, self._kind, self._remedy = folder, record, kind, remedy
        mark = find_claim(record, kind, remedy)
        self._files: dict[str, str] = dict(mark.told.get("files", {})) if mark else {}

    def require_free(self, paths: Iterable[Path]) -> None:
        """See that writing to `paths` harms nothing.

        Raises:
            StorageError: a file is there that is not ours, or that was changed since.
        """
        for path in paths:
            if (path.exists() or path.is_symlink()) and not self._is_own(path):
                raise StorageError(f"{path} exists and is not what we wrote there", self._remedy)

    def remove(self) -> None:
        """Mark our own folder, and delete what was recorded and is still as it was."""
        claim(self._record, self._kind, self._remedy)
        for name in self._files:
            path = self._folder / name
            if self._is_own(path):
                path.unlink()

    def record(self, paths: Iterable[Path]) -> None:
        """Remember files as written by us; those written before are forgotten."""
        self._files = {self._name(path): content_hash(path.read_bytes()) for path in paths}
        mark = claim(self._record, self._kind, self._remedy)
        write_mark(self._record, Mark(mark.kind, mark.id, {"files": self._files}))

    def _is_own(self, path: Path) -> bool:
        checksum = self._files.get(self._name(path))
        try:
            return bool(checksum) and not path.is_symlink() and content_hash(path.read_bytes()) == checksum
        except OSError:
            return False

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()
