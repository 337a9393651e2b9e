"""The log files of runs."""

import time

import pytest

from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.run_log import add_line, new_run_log


def test_runs_of_one_second_have_logs_of_their_own(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda _form: "20260101_000000")
    logs = [new_run_log(layout) for _ in range(3)]
    assert [log.name for log in logs] == [f"run_20260101_000000{mark}.log" for mark in ("", "_2", "_3")]
    add_line(logs[1], told=1)
    assert [log.stat().st_size > 0 for log in logs] == [False, True, False]


def test_a_log_that_cannot_be_written_stops_no_run(layout: Layout) -> None:
    layout.logs.parent.mkdir(parents=True, exist_ok=True)
    layout.logs.write_text("in the way")
    add_line(new_run_log(layout), told=1)
