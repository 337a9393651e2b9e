"""The log files of `iedf run`: JSON lines, each with its time."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iedf_assets.core.errors import of_system
from iedf_assets.core.storage.naming import Layout


def new_run_log(layout: Layout) -> Path:
    """The log file of a run that begins now; it appears with its first line."""
    return layout.logs / f"run_{time.strftime('%Y%m%d_%H%M%S')}.log"


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
