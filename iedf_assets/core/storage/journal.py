"""Append-only journals: the truth about finished rows. Standard library only, since workers write them too.

A row is one JSON object on one line, fsynced before `append` returns. A line that a killed process left
unfinished is skipped when reading and never merges with the next one.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Row = dict[str, Any]


class Journal:
    """One writer's journal file, open for appending.

    Raises:
        OSError: the file cannot be opened or written (a full disk, for instance).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        # A torn last line gets its newline now, so that it spoils nothing but itself.
        if (
            self._file.seek(0, os.SEEK_END)
            and os.pread(self._file.fileno(), 1, self._file.tell() - 1) != b"\n"
        ):
            self._file.write(b"\n")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows and make them durable with a single fsync."""
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; rows appended before are durable already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def journal_size(path: Path) -> int:
    """Bytes written so far; 0 for an absent journal."""
    return path.stat().st_size if path.exists() else 0


def read_journal(path: Path, start: int = 0) -> Iterator[Row]:
    """All whole rows of a journal from a byte on, in the order written; an absent journal has none."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row
