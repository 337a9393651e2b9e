"""Shares of work on threads of their own."""

import threading

import pytest

from iedf_assets.core.errors import WorkerError
from iedf_assets.launching.side_by_side import StoppedError, side_by_side


def test_shares_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3)

    def met(_: threading.Event) -> None:
        meeting.wait(5)

    side_by_side([met] * 3)
    assert not meeting.broken


def test_the_share_that_fails_stops_the_others_and_its_error_is_the_one_that_is_told() -> None:
    def stopped(stop: threading.Event) -> None:
        assert stop.wait(5)
        raise StoppedError("as told")

    def failing(_: threading.Event) -> None:
        raise WorkerError("no model")

    with pytest.raises(WorkerError, match="no model"):
        side_by_side([stopped, failing, stopped])
