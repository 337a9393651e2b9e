"""Answers that are kept: a folder per request id, placed as a whole, bounded in size.

The cache's folder bears the factory's mark, and a service holds its lock as long as it lives. A folder in it
is an answer of ours when its `answer.json` tells of each of its files; any other is left alone.
"""

import errno
import json
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.storage.files import TEMPORARY_PREFIX, read_json, temporary_beside, writer_of
from iedf_assets.core.storage.leftovers import sweep
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.ownership import MARK, claim

_log = logging.getLogger(__name__)
ANSWER = "answer.json"
LOCK = ".lock"
# With less room on its disk, bytes, no answer of any use fits.
_LEAST_FREE = 100_000
_REMEDY = "give each service an empty folder of its own with --cache-dir (CACHE_DIR)"


@dataclass
class Entry:
    """What is known of a kept answer.

    Attributes:
        fingerprint: of the request.
        made: what the engine said.
        seconds: it took.
        files: name → bytes.
    """

    fingerprint: str
    made: dict[str, Any]
    seconds: float
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(self.files.values())


class Cache:
    """The kept answers of one service. Its knowledge is used from one thread.

    Args:
        folder: they lie in; it is empty at first, and held until `close`.
        identity: of the backend and its model: answers of another one are forgotten.
        limit: bytes of all together.

    Raises:
        StorageError: the folder is not empty and not a cache of ours.
        LockedError: another service uses it.
    """

    def __init__(self, folder: Path, identity: str, limit: int) -> None:
        self._folder, self._identity, self._limit = folder, identity, limit
        claim(folder, "cache", _REMEDY, _is_of_unmarked)
        self._lock = ExitStack()
        self._lock.enter_context(exclusive(folder / LOCK, subject=f"the cache {folder}", remedy=_REMEDY))
        sweep([folder])
        # The one not asked for longest comes first.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._total = 0
        found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()]
        for path in sorted(found, key=lambda path: path.stat().st_mtime):
            self._take_up(path)

    def close(self) -> None:
        """Let another service have the folder."""
        self._lock.close()

    def folder(self, request_id: str) -> Path:
        """Where the answer to a request is kept."""
        return self._folder / request_id

    def work_folder(self) -> Path:
        """The name of a new folder for work under way."""
        return temporary_beside(self._folder / "work")

    @property
    def writable(self) -> bool:
        """Whether an answer could be written."""
        try:
            return os.access(self._folder, os.W_OK) and shutil.disk_usage(self._folder).free >= _LEAST_FREE
        except OSError:
            return False

    def find(self, request_id: str) -> Entry | None:
        """The kept answer to a request, if its files are all there."""
        entry = self._entries.get(request_id)
        if entry is None:
            return None
        folder = self.folder(request_id)
        try:
            whole = all((folder / name).stat().st_size == size for name, size in entry.files.items())
        except OSError:
            whole = False
        if not whole:
            self._forget(request_id)
            return None
        self._entries.move_to_end(request_id)
        return entry

    def place(self, request_id: str, work: Path, entry: Entry) -> None:
        """Put a finished work folder where the answer to a request is kept. May run in any thread.

        Raises:
            FileExistsError: something that is not ours is there.
        """
        told = {
            "fingerprint": entry.fingerprint, "identity": self._identity, "made": entry.made,
            "seconds": entry.seconds, "files": entry.files,
        }  # fmt: skip
        (work / ANSWER).write_text(json.dumps(told), "utf-8")
        target = self.folder(request_id)
        if target.exists():
            if _told(target) is None:
                raise FileExistsError(errno.EEXIST, f"{target} exists and is no answer of ours", str(target))
            shutil.rmtree(target)
        work.rename(target)

    def keep(self, request_id: str, entry: Entry) -> None:
        """Know the answer that was placed."""
        self._forget(request_id)
        self._entries[request_id] = entry
        self._total += entry.bytes

    def overfull(self, in_use: Collection[str], limit: int | None = None) -> list[Path]:
        """Forget answers, those not asked for longest first, until the rest fits.

        Args:
            limit: bytes that the rest may take; None for the cache's own.

        Returns:
            Their folders, for `remove`.
        """
        limit = self._limit if limit is None else limit
        gone: list[Path] = []
        if self._total <= limit:
            return gone
        for request_id in [one for one in self._entries if one not in in_use]:
            if self._total <= limit:
                break
            self._forget(request_id)
            gone.append(self.folder(request_id))
        return gone

    def _forget(self, request_id: str) -> None:
        entry = self._entries.pop(request_id, None)
        self._total -= entry.bytes if entry else 0

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete the folder of a forgotten answer, as a whole. May run in any thread."""
        if _told(folder) is None:
            return
        retired = temporary_beside(folder)
        # It may have been made again, and placed, meanwhile: then it is made once more when it is asked for.
        with suppress(FileNotFoundError):
            folder.rename(retired)
            shutil.rmtree(retired, ignore_errors=True)

    def _take_up(self, path: Path) -> None:
        told = _told(path)
        if told is None:
            _log.warning("%s is no answer of ours and is left alone", path)
        elif told["identity"] != self._identity:
            _log.info("forgetting the kept answer %s: made by another model", path.name)
            self.remove(path)
        else:
            self.keep(path.name, Entry(told["fingerprint"], told["made"], told["seconds"], told["files"]))


def _told(folder: Path) -> dict[str, Any] | None:
    """What an answer's folder says of itself; None when it is not, as a whole, an answer of ours."""
    told = read_json(folder / ANSWER)
    try:
        ours = {"fingerprint", "identity", "made", "seconds", "files"} <= told.keys()
        own = {ANSWER, *told["files"]}
        return told if ours and {path.name for path in folder.iterdir()} <= own else None
    except (OSError, KeyError, TypeError, AttributeError):
        return None


def _is_of_unmarked(entry: Path) -> bool:
    """Whether an entry of a folder without a mark is of those that versions without marks made."""
    if entry.name.startswith(TEMPORARY_PREFIX):
        return writer_of(entry) is not None
    return entry.name in (MARK, LOCK) or _told(entry) is not None
