"""The files of facts among those of a category: found, read, and put to the photos that they tell of.

`dog.jpg.json` and `dog.json` beside `dog.jpg` are of that photo, the latter of every photo of that stem; a
row of `facts.csv` or `facts.jsonl` in the category's folder is of the photo in its `path`. None is a photo.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
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
TABLES = ("/facts.jsonl", "/facts.csv")


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


_tables: dict[str, tuple[_State, tuple[Table, list[Finding]]]] = {}


def told_of(files: list[Found], category: str) -> Told:
    """The photos among a category's files, with what is told of them.

    Args:
        files: with names that are unique, the category first.
    """
    telling = [file for file in files if _tells(file)]
    if not telling:
        return Told(files, [])
    photos = {file.name: file for file in files if not _tells(file)}
    tables = [file for file in telling if _is_table(file)]
    own = [file for file in telling if not _is_table(file)]
    said: defaultdict[str, list[Said]] = defaultdict(list)
    findings: list[Finding] = []
    told = [
        *_by_own_files(own, photos, findings),
        *_by_tables(tables, photos, f"{category}/", findings),
    ]
    for name, one in told:
        said[name].append(one)
    for name, ones in said.items():
        text, disputes = merged(ones)
        findings += disputes
        photos[name] = photos[name].telling(text)
    return Told(list(photos.values()), sorted(set(findings))[:MAX_FINDINGS])


def facts_files_of(photo: Path) -> dict[Path, str]:
    """The files of its own that tell of a photo, and what follows the photo's stem in their names."""
    names = {
        photo.with_name(f"{photo.name}.json"): f"{photo.suffix}.json",
        photo.with_suffix(".json"): ".json",
    }
    # A name that is too long for the disk is that of no file.
    there = (path for path in names if os.path.isfile(path))  # noqa: PTH113
    return {path: names[path] for path in there if path != photo}


def _tells(file: Found) -> bool:
    if file.problem is not None and file.problem[0] == HIDDEN:
        return False
    return file.name.lower().endswith(".json") or _is_table(file)


def _is_table(file: Found) -> bool:
    return file.name.endswith(TABLES)


def _by_own_files(
    files: list[Found], photos: Collection[str], findings: list[Finding]
) -> Iterator[tuple[str, Said]]:
    """What files of photos of their own say: each photo's name, and what one of them says of it."""
    stems: defaultdict[str, list[str]] = defaultdict(list)
    for name in photos if files else ():
        stems[os.path.splitext(name)[0]].append(name)  # noqa: PTH122  # hundreds of thousands
    for file in files:
        place = file.name[: -len(".json")]
        names = [place] if place in photos else stems.get(place, [])
        if not names:
            findings.append(Finding(_label(file), 1, "it tells of no photo: none beside it has its name"))
        elif _is_readable(file, MAX_ONE, findings):
            said, wrong = _one(_state(file))
            findings += wrong
            yield from ((name, one) for name in names for one in said)


def _by_tables(
    files: list[Found], photos: Collection[str], folder: str, findings: list[Finding]
) -> Iterator[tuple[str, Said]]:
    """What rows of tables say, likewise."""
    for file in files:
        if file.name.count("/") > 1:
            findings.append(Finding(_label(file), 1, "it is not read: tables lie in the category's folder"))
            continue
        if not _is_readable(file, MAX_TABLE, findings):
            continue
        table, wrong = _table(_state(file))
        findings += wrong
        for path, said in table.items():
            name = folder + path
            if name in photos:
                yield from ((name, one) for one in said)
            else:
                findings.append(Finding(said[0].file, said[0].line, f"there is no photo {name}"))


def _is_readable(file: Found, most: int, findings: list[Finding]) -> bool:
    problem = file.problem[1] if file.problem else f"{file.size} bytes, more than {most}"
    if file.problem or file.size > most:
        findings.append(Finding(_label(file), 1, f"{problem}: it is not read"))
        return False
    return True


def _label(file: Found) -> str:
    return f"data/{file.name}"


def _state(file: Found) -> _State:
    return _State(file.location, _label(file), file.size, file.mtime_ns, file.ctime_ns)


# The same files are looked at every few seconds, by the sensor and within a run.
@lru_cache(maxsize=16_384)
def _one(state: _State) -> tuple[list[Said], list[Finding]]:
    try:
        with Path(state.location).open("rb") as file:
            return read_one(state.name, file.read(MAX_ONE))
    except OSError as error:
        return [], [Finding(state.name, 1, f"it cannot be read: {error.strerror}")]


def _table(state: _State) -> tuple[Table, list[Finding]]:
    """A table as it is; only its newest state is kept, since it may be large."""
    kept = _tables.get(state.location)
    if kept is None or kept[0] != state:
        kept = _tables[state.location] = state, _read_table(state)
    return kept[1]


def _read_table(state: _State) -> tuple[Table, list[Finding]]:
    try:
        with Path(state.location).open("rb") as file:
            return read_table(state.name, _lines(file))
    except OSError as error:
        return {}, [Finding(state.name, 1, f"it cannot be read: {error.strerror}")]


def _lines(file: Iterable[bytes]) -> Iterable[bytes]:
    """The lines of a table; one that is too long is none that can be read."""
    return (line if len(line) <= MAX_ONE else b"\xff" for line in file)
