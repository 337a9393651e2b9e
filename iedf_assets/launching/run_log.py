"""The log files of `iedf run`: JSON lines, each with its time."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iedf_assets.core.errors import of_system
from iedf_assets.core.storage.naming import Layout


def new_run_log(layout: Layout) -> Path:
    """The log file of a run that begins now; of runs that begin in the same second each has its own."""
    name = f"run_{time.strftime('%Y%m%d_%H%M%S')}"
    for mark in ("", *(f"_{number}" for number in range(2, 100))):
        path = layout.logs / f"{name}{mark}.log"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("x").close()
        except FileExistsError:
            continue
        except OSError:  # a log that cannot be written stops no run
            pass
        return path
    return layout.logs / f"{name}.log"


def require_logs(layout: Layout) -> None:
    """See that there is a place for what workers print.

    Raises:
        StorageError: there is none, and none can be made.
    """
    try:
        (layout.logs / "workers").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise of_system(error) from error


def add_line(path: Path, **told: Any) -> None:
    """Append a line; values are JSON-like. A log that cannot be written stops no run."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **told}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError:
        return
