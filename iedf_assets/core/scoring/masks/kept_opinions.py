"""What the network said of pictures, kept on disk between checks: it takes a second or two a picture.

The folder is the user's cache, or `IEDF_CACHE`; nothing in it is needed, and what cannot be read or written
there is asked again.
"""

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs

from iedf_assets.core.pictures.objects import Opinions
from iedf_assets.core.storage.files import write_bytes

# Bytes that are kept, and the share of them that stays when there are more: those used last.
MOST, STAYING = 1 << 29, 0.8
# Of so many that are kept one looks for what is too much.
LOOKED_AFTER = 64


class KeptOpinions:
    """Opinions by keys, one file each. Threads and processes may share the folder."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder = folder
        self._most = most
        self._kept = 0

    def get(self, key: str) -> Opinions | None:
        """Those of a key, if they are there and whole."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                first, mirrored, bordered, (maximum, sees, cell) = (found[f"arr_{n}"] for n in range(4))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        with suppress(OSError):
            os.utime(path)
        return Opinions(first, (mirrored, bordered), float(maximum), bool(sees), float(cell))

    def put(self, key: str, opinions: Opinions) -> None:
        """Keep those of a key; a full or read-only disk is no matter."""
        content = io.BytesIO()
        facts = np.array([opinions.maximum, opinions.sees_subject, opinions.cell], np.float64)
        np.savez_compressed(content, opinions.first, *opinions.others, facts)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self._path(key), content.getvalue())
            self._kept += 1
            if self._kept % LOOKED_AFTER == 1:
                self._forget()

    def _forget(self) -> None:
        """Remove those that were not used for longest, where there are too many."""
        files = []
        for path in self._folder.glob("*.npz"):
            with suppress(OSError):
                files.append((path.stat(), path))
        held = sum(stat.st_size for stat, _ in files)
        if held <= self._most:
            return
        for stat, path in sorted(files, key=lambda each: each[0].st_mtime_ns):
            path.unlink(missing_ok=True)
            held -= stat.st_size
            if held <= STAYING * self._most:
                return

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"


def cache_folder() -> Path:
    """Where this user's opinions are kept."""
    told = os.environ.get("IEDF_CACHE")
    return (Path(told) if told else platformdirs.user_cache_path("iedf")) / "opinions"
