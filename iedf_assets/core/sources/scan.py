"""Finding what lies below `data/`: every file, without opening any."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from iedf_assets.core.errors import InputsLostError, ProfileError
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.sections import Sources
from iedf_assets.core.reasons import HIDDEN, SYMLINK_OUTSIDE, UNREADABLE
from iedf_assets.core.sources.beside import Told, told_of
from iedf_assets.core.sources.found import Found, Problem
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.naming import Layout, from_here, nfc, printable

# What galleries, disks and systems keep beside photos, in lower case.
_PROGRAMS_OWN = frozenset(
    {"@eadir", "@recycle", "@recently-snapshot", "@transcode", "#recycle", "#snapshot", "$recycle.bin",
     "recycler", "system volume information", "lost+found", "__macosx", "thumbs.db", "ehthumbs.db",
     "desktop.ini", "picasa.ini", "zbthumbnail.info", "ipod photo cache", "icon\r", "captureone"}
)  # fmt: skip
# Likewise, what is named after something of the user's.
_PROGRAMS_OWN_ENDINGS = (".lrdata", ".lrcat-data", "@synoeastream", "@synoresource")


def find_files(layout: Layout, category: str, sources: Sources | None = None) -> list[Found] | None:
    """The photos of `look_around`; None when the folder does not exist."""
    told = look_around(layout, category, sources)
    return None if told is None else told.photos


def look_around(layout: Layout, category: str, sources: Sources | None = None) -> Told | None:
    """Every file of a category, hidden ones too, sorted by name, less those that tell facts of others.

    Links to folders are not followed. Of two files whose names differ in nothing but their Unicode form, the
    one spelt in NFC keeps the name, and the others get `#` and a hash of their spelling.

    Args:
        sources: what is taken of them; None for all.

    Returns:
        The files with their facts, and what is wrong with the facts; None when the folder does not exist.

    Raises:
        InputsLostError: a folder cannot be read, so that nobody knows what is in it.
        ProfileError: the list of files cannot be read.
    """
    files = _every_file(layout, category)
    if files is None:
        return None
    told = told_of(files, nfc(category))
    return told if sources is None else told._replace(photos=_selected(told.photos, sources, layout))


def _every_file(layout: Layout, category: str) -> list[Found] | None:
    try:
        folder = layout.category_folder(category)
        if folder is None:
            return None
        roots = [os.path.realpath(layout.data), os.path.realpath(folder)]
        found = sorted(_walk(folder, nfc(category), roots), key=_name)
    except OSError as error:
        raise InputsLostError(
            f"the folder of {category} cannot be read: {error}", "check its permissions and its mount"
        ) from error
    return sorted(_with_unique_names(found, folder), key=_name)


def _selected(found: list[Found], sources: Sources, layout: Layout) -> list[Found]:
    """Those files that a profile takes, in their order."""
    if not sources.recursive:
        found = [file for file in found if file.name.count("/") == 1]
    if sources.extensions:
        wanted = {extension.lower() for extension in sources.extensions}
        found = [file for file in found if file.name.rpartition(".")[2].lower() in wanted]
    if sources.files is not None:
        listed = _listed(absolute(sources.files), layout)
        found = [file for file in found if file.location in listed]
    if sources.max_images is not None:
        photos = [file for file in found if file.problem is None]
        found = photos[: sources.max_images]
    return found


def _listed(path: Path, layout: Layout) -> set[str]:
    """Where the files of a list lie."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(
            f"the list of photos {path} cannot be read: {error}", "mend sources.files, or leave it out"
        ) from error
    return {os.path.normpath(layout.data / line.strip()) for line in lines if line.strip()}


def fingerprint(found: Iterable[Found]) -> str:
    """A hash that changes when files come, go or change, or what is told of them."""
    return digest(
        [[file.name, file.size, file.mtime_ns, *([file.facts] if file.facts else [])] for file in found]
    )


def unmapped_folders(layout: Layout, profile: Profile) -> list[str]:
    """Names of the folders below `data/` that no category of the profile reads."""
    if not layout.data.is_dir():
        return []
    read = {layout.category_folder(name) for name in profile.categories}
    return sorted(
        printable(item.name) for item in layout.data.iterdir() if item.is_dir() and item not in read
    )


def left_alone(layout: Layout, profile: Profile) -> list[str]:
    """What to say of each of them."""
    return [
        f"{from_here(layout.data / folder)} is in no category of the profile; its photos are left alone"
        for folder in unmapped_folders(layout, profile)
    ]


def _walk(root: Path, category: str, roots: list[str]) -> Iterator[Found]:
    folders: list[tuple[str, str, str | None]] = [(str(root), category, None)]
    while folders:
        folder, name, inside = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                full_name = f"{name}/{nfc(printable(entry.name))}"
                why = inside or _why_hidden(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, full_name, why))
                    continue
                # A file that vanished since the folder was listed is not there.
                with suppress(FileNotFoundError):
                    found = _found(entry, full_name, roots)
                    yield replace(found, problem=found.problem or (HIDDEN, why)) if why else found


def _why_hidden(name: str) -> str | None:
    """Why a file or folder of this name is no photo of the user's; None when it may be one."""
    if name.startswith("."):
        return f"{printable(name)} is hidden"
    lower = name.lower()
    own = lower in _PROGRAMS_OWN or lower.endswith(_PROGRAMS_OWN_ENDINGS)
    return f"{printable(name)} is a program's own" if own else None


def _found(entry: os.DirEntry[str], name: str, roots: list[str]) -> Found:
    facts, problem = entry.stat(follow_symlinks=False), None
    if entry.is_symlink():
        problem = _link_problem(entry.path, roots)
        facts = facts if problem else os.stat(entry.path)  # noqa: PTH116  # a Path would cost as much as the call
    elif not stat.S_ISREG(facts.st_mode):
        problem = UNREADABLE, "not a regular file"
    if problem is None and not _is_text(entry.path):
        problem = UNREADABLE, "its name is not valid UTF-8: rename it"
    return Found(entry.path, name, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, problem)


def _link_problem(path: str, roots: list[str]) -> Problem | None:
    target = os.path.realpath(path)
    if not any(os.path.commonpath([root, target]) == root for root in roots):
        return SYMLINK_OUTSIDE, f"the link leads out of the data folder, to {printable(target)}"
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError as error:
        return UNREADABLE, f"a broken link: {error.strerror}"
    if stat.S_ISDIR(mode):
        return UNREADABLE, "a link to a folder is not followed"
    return None if stat.S_ISREG(mode) else (UNREADABLE, "a link to what is not a regular file")


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _name(file: Found) -> str:
    return file.name


def _with_unique_names(found: Iterable[Found], root: Path) -> Iterator[Found]:
    """Files, sorted by name, each under a name of its own."""
    for name, same in groupby(found, key=_name):
        files = list(same)
        spelt = {os.fsencode(file.path.relative_to(root)): file for file in files} if len(files) > 1 else {}
        plain = name.partition("/")[2].encode("utf-8")
        keeper = plain if plain in spelt else min(spelt, default=plain)
        yield from files if not spelt else ()
        for spelling, file in sorted(spelt.items()):
            mark = "" if spelling == keeper else f"#{hashlib.sha256(spelling).hexdigest()[:8]}"
            yield replace(file, name=name + mark)


def paths_on_disk(layout: Layout, category: str) -> dict[str, str]:
    """Where each file of a category lies, by its manifest path; empty when the folder does not exist."""
    return {file.name: file.location for file in _every_file(layout, category) or []}
