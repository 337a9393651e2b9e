"""What an export has written into its folder: a small database beside it, so that memory stays flat.

A file is entered before it is written, so that whatever a killed process left is known to be ours.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.units import Facts, Unit

NAME = ".iedf-files.sqlite"
_WITH_PICTURES = (".jpg", ".png", ".parquet", ".tar")
_ABSENT = (-1, 0)  # bytes and time of a file that is not there
_TABLE = """CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, key TEXT, bytes INTEGER, mtime_ns INTEGER, facts TEXT, wanted INTEGER NOT NULL)"""


class Record:
    """The files of an export: path → key, size, time and what their making told."""

    def __init__(self, folder: Path, base: sqlite3.Connection) -> None:
        self._folder, self._base = folder, base

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """The record of a folder; an absent one is empty.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            with closing(sqlite3.connect(folder / NAME)) as base:
                base.execute(_TABLE)
                base.execute(
                    "CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, sample TEXT UNIQUE)"
                )
                base.execute("CREATE INDEX IF NOT EXISTS keys ON files (key)")
                base.execute("UPDATE files SET wanted = 0")
                base.commit()
                try:
                    yield cls(folder, base)
                finally:
                    base.commit()
        except sqlite3.Error as error:
            raise StorageError(
                f"the record {folder / NAME} of an export cannot be used: {error}",
                "delete the export's folder, or choose another one",
            ) from error

    def is_filled(self) -> bool:
        """Whether any of our files holds pictures: tables and a card there are without samples too."""
        return any(path.endswith(_WITH_PICTURES) for path in self.paths())

    def knows(self, path: str) -> bool:
        """Whether a file is, or was meant to be, written by us."""
        return self._base.execute("SELECT 1 FROM files WHERE path = ?", (path,)).fetchone() is not None

    def holds(self, unit: Unit, key: str | None = None) -> bool:
        """Whether all files of a unit lie there as they were written, by the unit's key or another."""
        return all(self._is_intact(path, key or unit.key) for path in unit.paths)

    def place_of(self, key: str | None) -> str | None:
        """Where the file of a key lies, if it does."""
        rows = self._base.execute("SELECT path FROM files WHERE key = ?", (key,)).fetchall()
        return next((path for (path,) in rows if self._is_intact(path, key)), None)

    def want(self, unit: Unit) -> None:
        """Keep a unit's files: what nobody has wanted is removed in the end."""
        self._base.executemany("UPDATE files SET wanted = 1 WHERE path = ?", [(path,) for path in unit.paths])

    def intend(self, units: Iterable[Unit]) -> None:
        """Enter files that are about to be written, durably."""
        rows = [(path,) for unit in units for path in unit.paths]
        self._base.executemany("INSERT OR REPLACE INTO files (path, wanted) VALUES (?, 1)", rows)
        self._base.commit()

    def written(self, unit: Unit, key: str | None, facts: Facts | None) -> None:
        """Enter a unit's files as they lie there now."""
        absent = bool(facts and facts.get("absent"))
        for path in unit.paths:
            told = json.dumps(facts) if facts and path == unit.paths[0] else None
            row = (path, key, *(_ABSENT if absent else self._state(path)), told)
            self._base.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, 1)", row)
        if unit.movable:  # a large one, which is not to be made again
            self._base.commit()

    def moved(self, places: Sequence[tuple[str, str]]) -> None:
        """Enter files under their new names, all at once."""
        rows = [
            self._base.execute("SELECT * FROM files WHERE path = ?", (old,)).fetchone() for old, _ in places
        ]
        self._base.executemany("DELETE FROM files WHERE path = ?", [(old,) for old, _ in places])
        for row, (_, new) in zip(rows, places, strict=True):
            self._base.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, 1)", (new, *row[1:5]))
        self._base.commit()

    def told(self, path: str) -> Facts:
        """What the making of a unit told, by its first path; nothing of one that told nothing."""
        row = self._base.execute("SELECT facts FROM files WHERE path = ?", (path,)).fetchone()
        facts: Facts = json.loads(row[0]) if row and row[0] else {}
        return facts

    def number(self, sample: str) -> int:
        """A sample's number in this export: from 1, for ever, no other's."""
        self._base.execute("INSERT OR IGNORE INTO numbers (sample) VALUES (?)", (sample,))
        row = self._base.execute("SELECT number FROM numbers WHERE sample = ?", (sample,)).fetchone()
        return int(row[0])

    def all_told(self) -> Iterator[Facts]:
        """What the makings of all units told."""
        for (facts,) in self._base.execute("SELECT facts FROM files WHERE facts IS NOT NULL"):
            yield json.loads(facts)

    def paths(self) -> Iterator[str]:
        """Every file that is ours."""
        for (path,) in self._base.execute("SELECT path FROM files"):
            yield path

    def unwanted(self) -> list[str]:
        """The files that nothing has wanted since the record was opened."""
        return [path for (path,) in self._base.execute("SELECT path FROM files WHERE wanted = 0")]

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files, which are gone."""
        self._base.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in paths])
        self._base.commit()

    def _is_intact(self, path: str, key: str | None) -> bool:
        row = self._base.execute("SELECT key, bytes, mtime_ns FROM files WHERE path = ?", (path,)).fetchone()
        if key is None or row is None or row[0] != key:
            return False
        return self._state(path) == (row[1], row[2])

    def _state(self, path: str) -> tuple[int, int]:
        """Bytes and time of a file."""
        try:
            state = (self._folder / path).stat()
        except OSError:
            return _ABSENT
        return state.st_size, state.st_mtime_ns
