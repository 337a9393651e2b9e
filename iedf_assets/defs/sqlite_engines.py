"""SQLAlchemy's engines for Dagster's SQLite databases: one for each file instead of one for each question."""

import threading
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import Engine, create_engine

# Every run has a file of its own: those of earlier runs are let go of.
KEPT = 8
_engines: dict[str, Engine] = {}
_choosing = threading.Lock()


def keep_engines() -> None:
    """Have Dagster's storages in this process keep their engines, with the statements that these compiled.

    They make a new one each time they are asked anything, which took a third of a small run. A connection
    is opened for each question as before.
    """
    for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        vars(storage)["create_engine"] = _kept


def _kept(url: str, **options: Any) -> Engine:
    with _choosing:
        engine = _engines.pop(url) if url in _engines else create_engine(url, **options)
        _engines[url] = engine  # the latest last
        for other in list(_engines)[:-KEPT]:
            del _engines[other]
        return engine
