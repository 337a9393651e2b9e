"""What is said of an error of whatever kind, at the end of a command or of a category."""

import socket
import sqlite3
import tempfile
import traceback
import urllib.error
from contextlib import suppress
from pathlib import Path

from iedf_assets.core.errors import FactoryError, of_system

_OF_THE_NETWORK = (ConnectionError, socket.gaierror, urllib.error.URLError)


def last_words(error: Exception, records: Path | None = None) -> str:
    """What to say of an error: what is wrong, with what, and what to do about it.

    Args:
        records: where Dagster keeps its own, as far as that is known.
    """
    if isinstance(error, FactoryError):
        return str(error)
    causes: list[BaseException] = [error]
    # Only what it was raised from: what was being handled meanwhile may be another matter.
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, OSError) and not isinstance(cause, _OF_THE_NETWORK):
            return str(of_system(cause))
        if isinstance(cause, sqlite3.Error):
            place = f"in {records}" if records else "below the outputs"
            remedy = "free space, or have the folder writable, then run again: what is finished is kept"
            return str(FactoryError(f"Dagster's records {place} cannot be used: {cause}", remedy))
    return _unforeseen(error)


def _unforeseen(error: Exception) -> str:
    told = "".join(traceback.format_exception(error))
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="iedf-error-"))
        (folder / "traceback.txt").write_text(told, "utf-8", "backslashreplace")
        told = str(folder / "traceback.txt")
    problem = f"an error that nobody foresaw: {type(error).__name__}: {str(error)[:500]}"
    return str(FactoryError(problem, f"report it with {told}; what is finished is kept"))
