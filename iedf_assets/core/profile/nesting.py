"""Folders that must lie apart: what is read, what is made and what may be deleted."""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from iedf_assets.core.errors import ProfileError

# In the outputs, the rooms that the factory fills by itself; other folders may lie beside them.
OUTPUT_ROOMS = ("dataset", "manifests", "reports", "staging", "dagster")
# In the staging folder, the room of the services' caches.
SERVICES = "services"


def require_apart(folders: Mapping[str, Path], categories: Iterable[str]) -> None:
    """See that no folder lies where it would be read, filled or emptied as a part of another.

    Args:
        folders: `paths.data`, `paths.outputs`, `paths.staging`, `paths.logs`, `the cache`, as many of them as
            there are; absolute.
        categories: names of folders below `paths.data`, which may be links to elsewhere.

    Raises:
        ProfileError: two of them are one, or one lies in the other where it cannot.
    """
    real = {name: _resolved(folder) for name, folder in folders.items()}
    inputs = {"paths.data": real["paths.data"]}
    inputs |= {f"the category folder {folder}": _resolved(folder) for folder in _folders_of(real, categories)}
    made = [name for name in real if name != "paths.data"]
    for name, folder in inputs.items():
        for other in made:
            _require_apart(name, folder, other, real[other])
    for number, name in enumerate(made):
        for other in made[number + 1 :]:
            _require_apart(name, real[name], other, real[other])


def require_outside(folder: Path, folders: Mapping[str, Path], categories: Iterable[str]) -> None:
    """See that a folder that somebody wants written to lies in none that is read, or that the factory fills.

    Args:
        folders: as there.

    Raises:
        ProfileError: it does.
    """
    real = {name: _resolved(one) for name, one in folders.items()}
    real |= {f"the category folder {one}": _resolved(one) for one in _folders_of(real, categories)}
    outputs = real.pop("paths.outputs")
    real |= {f"the room {room} of the outputs": outputs / room for room in OUTPUT_ROOMS}
    target = _resolved(folder)
    for name, one in real.items():
        if target.is_relative_to(one):
            raise ProfileError(f"{folder} lies in {name} ({one})", "choose a folder of its own")


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # the latter for links that lead back to themselves
        raise ProfileError(f"the folder {folder} cannot be found: {error}", "correct the link") from error


def _folders_of(real: Mapping[str, Path], categories: Iterable[str]) -> list[Path]:
    """The folders of categories, as far as there are any, whatever their Unicode form."""
    names = {unicodedata.normalize("NFC", name) for name in categories}
    try:
        entries = sorted(real["paths.data"].iterdir())
    except OSError:  # that it cannot be read is told where it is read
        return []
    return [entry for entry in entries if unicodedata.normalize("NFC", entry.name) in names]


def _require_apart(name: str, folder: Path, other: str, other_folder: Path) -> None:
    if folder == other_folder:
        problem = f"{name} and {other} are the same folder: {folder}"
    elif folder.is_relative_to(other_folder) and not _may_lie_in(name, folder, other, other_folder):
        problem = f"{name} ({folder}) lies in {other} ({other_folder})"
    elif other_folder.is_relative_to(folder) and not _may_lie_in(other, other_folder, name, folder):
        problem = f"{other} ({other_folder}) lies in {name} ({folder})"
    else:
        return
    raise ProfileError(
        f"the folders of the profile cannot lie so, links resolved: {problem}",
        "give each a folder of its own: photos are only read, and what is made lies apart from them; in the "
        f"outputs, others may lie beside {', '.join(OUTPUT_ROOMS)}",
    )


def _may_lie_in(inner: str, folder: Path, outer: str, outer_folder: Path) -> bool:
    if outer == "paths.outputs":
        room = folder.relative_to(outer_folder).parts[0]
        if inner in ("paths.staging", "the cache") and room == "staging":
            return inner == "the cache" or folder == outer_folder / room
        return room not in OUTPUT_ROOMS
    return (inner, outer) == ("the cache", "paths.staging") and folder.is_relative_to(outer_folder / SERVICES)
