"""Progress on the terminal: a bar with the time left, or plain lines where there is no terminal."""

import sys
import time
from types import TracebackType
from typing import Self

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from iedf_assets.cli.consoles import PlainConsole

LINE_INTERVAL_S = 5.0


class TerminalProgress:
    """Shows how far the stages of the running category are, on standard error."""

    def __init__(self) -> None:
        self._console = PlainConsole(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._current: tuple[str, str] | None = None
        self._begun = self._told = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def ask(self, question: str) -> bool:
        """Ask a person; where there is none the answer is no."""
        if not sys.stdin.isatty():
            return False
        self._bars.stop()
        answer = click.confirm(question, err=True)
        self._bars.start()
        return answer

    def __call__(self, stage: str, category: str, done: int, total: int) -> None:
        """Show that `done` of `total` items of a stage are finished."""
        if (stage, category) != self._current:
            self._current = (stage, category)
            self._begun = self._told = time.monotonic()
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            self._bars.add_task(f"{category} · {stage}", total=total)
        if self._console.is_terminal:
            self._bars.update(self._bars.task_ids[-1], completed=done, total=total)
        elif time.monotonic() - self._told >= LINE_INTERVAL_S:
            self._told = time.monotonic()
            left = (self._told - self._begun) / done * (total - done)
            self.say(f"{category} · {stage}: {done} of {total}, about {left:.0f} s left")
