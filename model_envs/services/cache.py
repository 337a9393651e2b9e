"""Answers that are kept: a folder per request id, placed as a whole, bounded in size."""

import json
import logging
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iedf_assets.core.files import temporary_beside
from iedf_assets.core.leftovers import sweep

_log = logging.getLogger(__name__)
ANSWER = "answer.json"


@dataclass
class Entry:
    """What is known of a kept answer.

    Attributes:
        fingerprint: of the request.
        made: what the engine said.
        seconds: it took.
        files: name → bytes.
        used: when it was asked for last, seconds since 1970.
    """

    fingerprint: str
    made: dict[str, Any]
    seconds: float
    files: dict[str, int]
    used: float


class Cache:
    """The kept answers of one service. Used from one thread, but for `make_room`'s deleting.

    Args:
        folder: they lie in; nothing else does.
        identity: of the backend and its model: answers of another one are forgotten.
        limit: bytes of all together.
    """

    def __init__(self, folder: Path, identity: str, limit: int) -> None:
        self._folder, self._identity, self._limit = folder, identity, limit
        folder.mkdir(parents=True, exist_ok=True)
        sweep([folder])
        self._entries: dict[str, Entry] = {}
        for path in folder.iterdir():
            if not path.name.startswith(".") and path.is_dir():
                self._take_up(path)

    def folder(self, request_id: str) -> Path:
        """Where the answer to a request is kept."""
        return self._folder / request_id

    def work_folder(self) -> Path:
        """A new folder of its own."""
        folder = temporary_beside(self._folder / "work")
        folder.mkdir()
        return folder

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
            del self._entries[request_id]
            return None
        entry.used = time.time()
        return entry

    def keep(self, request_id: str, work: Path, entry: Entry) -> None:
        """Place a finished work folder as the answer to a request."""
        told = {
            "fingerprint": entry.fingerprint, "identity": self._identity, "made": entry.made,
            "seconds": entry.seconds, "files": entry.files,
        }  # fmt: skip
        (work / ANSWER).write_text(json.dumps(told), "utf-8")
        target = self.folder(request_id)
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
        self._entries[request_id] = entry

    def overfull(self, in_use: Collection[str]) -> list[Path]:
        """Forget answers, those not asked for longest first, until the rest fits; returns their folders."""
        total = sum(sum(entry.files.values()) for entry in self._entries.values())
        gone = []
        for request_id, entry in sorted(self._entries.items(), key=lambda item: item[1].used):
            if total <= self._limit:
                break
            if request_id not in in_use:
                total -= sum(entry.files.values())
                del self._entries[request_id]
                retired = temporary_beside(self.folder(request_id))
                self.folder(request_id).rename(retired)
                gone.append(retired)
        return gone

    def _take_up(self, path: Path) -> None:
        try:
            told = json.loads((path / ANSWER).read_text("utf-8"))
            if told["identity"] != self._identity:
                raise ValueError("made by another model")  # noqa: TRY301  # both end in the same way
            entry = Entry(
                told["fingerprint"], told["made"], told["seconds"], told["files"], path.stat().st_mtime
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.info("forgetting the kept answer %s: %s", path.name, error)
            shutil.rmtree(path, ignore_errors=True)
            return
        self._entries[path.name] = entry
