"""The files of facts among those of a category: found, read, and put to the photos that they tell of.

`dog.jpg.json` and `dog.json` beside `dog.jpg` are of that photo, the latter of every photo of that stem; a
row of `facts.csv` or `facts.jsonl` in the category's folder is of the photo in its `path`. None is a photo.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from iedf_assets.core.reasons import HIDDEN
from iedf_assets.core.sources.facts import Finding
from iedf_assets.core.sources.facts_files import Said, Table, merged, read_one, read_table
from iedf_assets.core.sources.found import Found

# Larger files are not read, bytes.
MAX_ONE, MAX_TABLE = 64 << 10, 256 << 20
# Findings of a category that are kept.
MAX_FINDINGS = 1000
TABLES = ("facts.jsonl", "facts.csv")


class Told(NamedTuple):
    """The photos of a category, each with its facts, and what is wrong with the files of facts."""

    photos: list[Found]
    findings: list[Finding]


class _State(NamedTuple):
    """A file as it was when it was read: where it lies, its name for findings, and what changes with it."""

    location: str
    name: str
    size: int
    mtime_ns: int
    ctime_ns: int


def told_of(files: list[Found], category: str) -> Told:
    """The photos among a category's files, with what is told of them.

    Args:
        files: with names that are unique, the category first.
    """
    tables = {f"{category}/{name}" for name in TABLES}
    telling = [file for file in files if _tells(file, tables)]
    if not telling:
        return Told(files, [])
    photos = [file for file in files if not _tells(file, tables)]
    said, findings = _read(telling, photos, tables, f"{category}/")
    told = []
    for photo in photos:
        if photo.name not in said:
            told.append(photo)
            continue
        text, disputes = merged(said[photo.name])
        findings += disputes
        told.append(replace(photo, facts=text))
    return Told(told, sorted(set(findings))[:MAX_FINDINGS])


def facts_files_of(photo: Path) -> dict[Path, str]:
    """The files of its own that tell of a photo, and what follows the photo's stem in their names."""
    names = {
        photo.with_name(f"{photo.name}.json"): f"{photo.suffix}.json",
        photo.with_suffix(".json"): ".json",
    }
    return {path: ending for path, ending in names.items() if path.is_file() and path != photo}


def _tells(file: Found, tables: set[str]) -> bool:
    if file.problem is not None and file.problem[0] == HIDDEN:
        return False
    return file.name in tables or file.name.lower().endswith(".json")


def _read(
    telling: list[Found], photos: list[Found], tables: set[str], folder: str
) -> tuple[dict[str, list[Said]], list[Finding]]:
    """What is said of each photo, by its name, and what is wrong with it."""
    known = {photo.name for photo in photos}
    stems: defaultdict[str, list[str]] = defaultdict(list)
    for name in known:
        stems[os.path.splitext(name)[0]].append(name)  # noqa: PTH122  # hundreds of thousands
    said: defaultdict[str, list[Said]] = defaultdict(list)
    findings: list[Finding] = []
    for file in telling:
        state = _State(file.location, f"data/{file.name}", file.size, file.mtime_ns, file.ctime_ns)
        is_table = file.name in tables
        problem = file.problem[1] if file.problem else _too_large(file.size, is_table=is_table)
        if problem:
            findings.append(Finding(state.name, 1, f"{problem}: it is not read"))
        elif is_table:
            table, wrong = _table(state)
            findings += wrong
            for path, rows in table.items():
                if folder + path in known:
                    said[folder + path] += rows
                else:
                    problem = f"there is no photo {folder}{path}"
                    findings += [Finding(row.file, row.line, problem) for row in rows[:1]]
        else:
            stem = file.name[: -len(".json")]
            ones, wrong = _one(state)
            findings += wrong
            names = [stem] if stem in known else stems.get(stem, [])
            for name in names:
                said[name] += ones
            if not names:
                findings.append(Finding(state.name, 1, "it tells of no photo: none beside it has its name"))
    return said, findings


def _too_large(size: int, *, is_table: bool) -> str | None:
    most = MAX_TABLE if is_table else MAX_ONE
    return f"{size} bytes, more than {most}" if size > most else None


# The same files are looked at every few seconds, by the sensor and within a run.
@lru_cache(maxsize=16_384)
def _one(state: _State) -> tuple[list[Said], list[Finding]]:
    try:
        with Path(state.location).open("rb") as file:
            return read_one(state.name, file.read(MAX_ONE))
    except OSError as error:
        return [], [Finding(state.name, 1, f"it cannot be read: {error.strerror}")]


@lru_cache(maxsize=16)
def _table(state: _State) -> tuple[Table, list[Finding]]:
    try:
        with Path(state.location).open("rb") as file:
            return read_table(state.name, _lines(file))
    except OSError as error:
        return {}, [Finding(state.name, 1, f"it cannot be read: {error.strerror}")]


def _lines(file: Iterable[bytes]) -> Iterable[bytes]:
    """The lines of a table; one that is too long is none that can be read."""
    return (line if len(line) <= MAX_ONE else b"\xff" for line in file)
