"""What the forms of loose files share: a sample's pictures and captions as one unit, and tables of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.seen import Load, files_loader
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Facts, Plan, Unit
from iedf_assets.core.storage.keys import digest

VERSION = 1
Places = Callable[[Example], Mapping[str, str]]
"""Gives the files of a sample: path → role of a picture, or path → text of a caption."""


def no_captions(_example: Example) -> Mapping[str, str]:
    """No caption files."""
    return {}


def by_path(paths: Mapping[str, str]) -> Mapping[str, str]:
    """Path → role, of paths by role."""
    return {path: role for role, path in paths.items()}


def sample_units(plan: Plan, look: Look, places: Places, captions: Places = no_captions) -> Iterator[Unit]:
    """A unit for each sample: its pictures, and its captions.

    Args:
        places: path → role.
        captions: path → text.
    """
    for example in plan.examples:
        pictures, texts = places(example), captions(example)
        paths = (*pictures, *texts)
        key = digest(VERSION, str(look), paths, list(texts.values()), example.stamp)
        yield Unit(paths, key, example.bytes, _writer(example, look, pictures, texts))


def _writer(
    example: Example, look: Look, pictures: Mapping[str, str], texts: Mapping[str, str]
) -> Callable[[Mapping[str, Path]], Facts]:
    placing = look.placing(example, pictures)

    def make(files: Mapping[str, Path]) -> Facts:
        for path, text in texts.items():
            files[path].write_text(text, "utf-8")
        return placing(files)

    return make


def json_line(row: Mapping[str, Any]) -> str:
    """A row of JSON in ASCII: readers open such files in whatever encoding their system has."""
    return json.dumps(row, ensure_ascii=True, allow_nan=False)


def read_lines(path: Path, wanted: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of JSON lines as the strictest reader takes them.

    Raises:
        StorageError: a blank line, a mark of byte order, a row that is no object or lacks a key.
    """
    with path.open(encoding="ascii") as lines:
        for line in lines:
            yield checked(json.loads(line), wanted, path)


def read_list(path: Path, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows of a JSON list; see `read_lines`."""
    return [checked(row, wanted, path) for row in json.loads(path.read_text("ascii"))]


def checked(row: Any, wanted: tuple[str, ...], path: Path) -> dict[str, Any]:
    """A row that has all that is wanted of it."""
    if not isinstance(row, dict) or any(row.get(key) is None for key in wanted):
        raise StorageError(f"a row of {path} lacks one of {', '.join(wanted)}", "export it anew")
    return row


def found_in(folder: Path, paths: Mapping[str, str]) -> Load:
    """Reads files of a folder, given by role.

    Raises:
        StorageError: one is not there.
    """
    missing = [path for path in paths.values() if not (folder / path).is_file()]
    if missing:
        raise StorageError(f"{folder} has no {missing[0]}", "export it anew")
    return files_loader({role: folder / path for role, path in paths.items()})
