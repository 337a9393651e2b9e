"""Staged items: what their files were when they were made, and whether they still are.

Sizes and times tell at a glance, as in `make` or rsync. A file that is younger than its row was written to in
place, or copied here from elsewhere: then its bytes are read and compared.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from iedf_assets.core.errors import SourceError
from iedf_assets.core.reasons import STAGED_FILES_DAMAGED
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row


def file_sizes(folder: Path) -> dict[str, int]:
    """Name → bytes of every file in a folder."""
    return {file.name: file.stat().st_size for file in sorted(folder.iterdir())}


def staged_columns(folder: Path) -> Row:
    """What a row says of its files: `files` (name → bytes), `checksums`, and `written_ns` of the youngest."""
    files = sorted(folder.iterdir())
    return {
        "files": file_sizes(folder),
        "checksums": {file.name: content_hash(file.read_bytes()) for file in files},
        "written_ns": max((file.stat().st_mtime_ns for file in files), default=0),
    }


def is_intact(folder: Path, row: Row) -> bool:
    """Whether a staged item's files are all there, and are what its row says."""
    return bool(row["files"]) and are_intact({name: folder / name for name in row["files"]}, row)


def are_intact(paths: Mapping[str, str | Path], row: Row) -> bool:
    """Whether files are those that a row of a staged stage tells of.

    Args:
        paths: where each of the row's files lies.
        row: with `files` and `written_ns`; without `checksums`, a file that was written to since is another.
    """
    try:
        states = {name: os.stat(path) for name, path in paths.items()}  # noqa: PTH116  # a text may be a path
        if any(state.st_size != row["files"].get(name) for name, state in states.items()):
            return False
        written = row["written_ns"]
        younger = [name for name, state in states.items() if written and state.st_mtime_ns > written]
        checksums = row.get("checksums") or {}
        return all(
            name in checksums and content_hash(Path(paths[name]).read_bytes()) == checksums[name]
            for name in younger
        )
    except OSError:
        return False


def require_undamaged(folder: Path, checksums: Mapping[str, str]) -> None:
    """See that a staged item's files hold what was written; a damaged one is removed, to be made again.

    Raises:
        SourceError: a file is absent, or its bytes are others.
    """
    for name, checksum in checksums.items():
        path = folder / name
        try:
            damage = None if content_hash(path.read_bytes()) == checksum else "is not what was written"
        except OSError as error:
            damage = f"cannot be read: {error.strerror}"
        if damage:
            shutil.rmtree(folder, ignore_errors=True)
            raise SourceError(
                STAGED_FILES_DAMAGED,
                f"{path} {damage}; its folder was removed, and the next run makes it again",
            )
