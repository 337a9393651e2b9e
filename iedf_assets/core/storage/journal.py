"""Append-only journals: the truth about finished rows. Standard library only, since workers write them too.

A row is one JSON object on one line, fsynced before `append` returns. A line that a killed process left
unfinished is skipped when reading and never merges with the next one.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from iedf_assets.core.storage.files import naming

Row = dict[str, Any]
_log = logging.getLogger(__name__)
# Characters of a line that is set aside, and the lines that were told of.
_TOLD = 80
_told: set[tuple[Path, bytes]] = set()


class Journal:
    """One writer's journal file, open for appending.

    Raises:
        OSError: the file cannot be opened or written (a full disk, for instance).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._file = path, path.open("ab+")
        # A torn last line gets its newline now, so that it spoils nothing but itself.
        if (
            self._file.seek(0, os.SEEK_END)
            and os.pread(self._file.fileno(), 1, self._file.tell() - 1) != b"\n"
        ):
            self._file.write(b"\n")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows and make them durable with a single fsync."""
        with naming(self._path):
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


def read_journal(path: Path, start: int = 0, fits: Callable[[Row], bool] | None = None) -> Iterator[Row]:
    """All whole rows of a journal from a byte on, in the order written; an absent journal has none.

    A line that is no row is set aside: skipped, and told once by each process, in the log.

    Args:
        fits: whether a row is one of the journal's; None takes any.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        lines.seek(start)
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict) and (fits is None or fits(row)):
                yield row
            # What a killed process left is no news; its last line has no end, or got one of its own.
            elif line.strip() and (row is not None or line.startswith(b"[")):
                _tell(path, number, line)


def _tell(path: Path, number: int, line: bytes) -> None:
    if (path, line[:_TOLD]) not in _told:
        _told.add((path, line[:_TOLD]))
        shown = line[:_TOLD].decode("utf-8", "replace").strip()
        _log.warning(
            "%s, line %d is no row of this version and is skipped: %s; delete the line, or mend it",
            path, number, shown,
        )  # fmt: skip
