"""The files of a job, on storage that all nodes share: its task, its rows, its messages, a heartbeat."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from iedf_assets.core.storage.journal import Row

_KINDS = "json", "rows.jsonl", "alive", "messages.jsonl"


class JobFiles:
    """The files of one job.

    Attributes:
        told: what the job is told.
        rows: its journal.
        alive: changes as long as its run lives.
        messages: what it tells on the way.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.told, self.rows, self.alive, self.messages = (folder / f"{name}.{kind}" for kind in _KINDS)
        self._beats, self._read = 0, 0

    def beat(self) -> None:
        """Say that the run lives."""
        self._beats += 1
        self.alive.parent.mkdir(parents=True, exist_ok=True)
        self.alive.write_text(str(self._beats))

    def fall_silent(self) -> None:
        """Say no more that it does: the worker ends by itself, even out of Ray's reach."""
        self.alive.unlink(missing_ok=True)

    def new_rows(self) -> list[Row]:
        """Whole rows that the job has written since the last look."""
        try:
            with self.rows.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return list(_rows_in(whole))

    def forget(self) -> None:
        """Remove them: its rows are in the stage's journal."""
        for path in (self.told, self.rows, self.alive, self.messages):
            path.unlink(missing_ok=True)


def left_over(folder: Path, name: str) -> list[JobFiles]:
    """The files of jobs that a killed run left.

    Args:
        name: of the stage's work, as its jobs' names begin.
    """
    kinds = "|".join(map(re.escape, _KINDS))
    files = re.compile(rf"({re.escape(name)}-[0-9a-f]{{8}}-\d+-\d+)\.(?:{kinds})")
    names = {match[1] for path in folder.glob("*") if (match := files.fullmatch(path.name))}
    return [JobFiles(folder, name) for name in sorted(names)]


def _rows_in(data: bytes) -> Iterator[Row]:
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield row
