"""What commands print on: names stand there as they are, whatever letters they hold."""

import os
import sys
from collections.abc import Iterable, Mapping
from shutil import get_terminal_size
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iedf_assets.core.storage.naming import printable

# Without a terminal there is no width to respect, and a cut name helps nobody.
PLAIN_WIDTH = 120
NARROW = 100


def named_table(columns: Mapping[str, Iterable[str]], numbers: Iterable[str]) -> Table:
    """A table that begins with columns of names, of which none is cut however narrow it is.

    Args:
        columns: heading → the names below it.
        numbers: headings of the columns after them.
    """
    # Without the blanks beside the lines seven numbers fit a terminal of 80 columns.
    table = Table(padding=0) if get_terminal_size((PLAIN_WIDTH, 0)).columns < NARROW else Table()
    for heading, names in columns.items():
        table.add_column(heading, no_wrap=True, min_width=max(map(cell_len, names), default=0))
    for heading in numbers:
        table.add_column(heading, no_wrap=True, justify="right")
    return table


class PlainConsole(Console):
    """A console to which brackets and colons in a text are nothing but that.

    Args:
        stderr: whether it is standard error.
        soft_wrap: whether lines are left to the terminal to break.
    """

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
        super().__init__(markup=False, emoji=False, stderr=stderr, soft_wrap=soft_wrap, width=width)

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich's form of a text, in which control characters are spelt out."""
        return super().render_str(printable(text, kept="\n"), **options)
