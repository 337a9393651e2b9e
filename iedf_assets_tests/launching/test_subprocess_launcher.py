"""How requests are shared among workers, and what happens when one dies."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import psutil
import pytest

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.files import this_host
from iedf_assets.core.storage.journal import Journal, read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching import launch as launching
from iedf_assets.launching import subprocess_launcher
from iedf_assets.launching.deaths import MAX_DEATHS, WorkerDiedError
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.requests import CATEGORY, requests
from iedf_assets_tests.helpers.runs import put, run


class Workers:
    """Stands for the worker processes: notes what each was given, finishes it, and dies where it is told."""

    jobs: ClassVar[list[tuple[str | None, list[str]]]]
    deaths: ClassVar[list[tuple[int, frozenset[str]]]]
    error: ClassVar[Exception | None]
    lock = threading.Lock()

    def __init__(self, log: Path, _messages: Path, *, echo: bool) -> None:
        assert not echo
        self.log = log

    def run(
        self,
        _context: Any,
        _command: list[str],
        *,
        extras: Mapping[str, Any],
        env: Mapping[str, str],
        on_progress: Callable[[int, int], None],
        **_: Any,
    ) -> None:
        job = json.loads(Path(extras["job"]).read_text("utf-8"))
        keys = [item["key"] for item in job["items"]]
        with self.lock:
            self.jobs.append((env.get("CUDA_VISIBLE_DEVICES"), keys))
            death = self.deaths.pop(0) if self.deaths else None
        if self.error:
            raise self.error
        done = keys if death is None else keys[: death[0]]
        with Journal(Path(job["journal"])) as journal:
            journal.append([{"key": key, "status": "done"} for key in done])
        on_progress(len(done), len(keys))
        if death:
            raise WorkerDiedError("worker_died", "the worker was ended by SIGKILL", "look", death[1])


@pytest.fixture
def launch(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Callable[[Worker, int], list[tuple[int, int]]]:
    monkeypatch.setattr(subprocess_launcher, "WorkerClient", Workers)
    Workers.jobs, Workers.deaths, Workers.error = [], [], None
    progress: list[tuple[int, int]] = []

    def launched(worker: Worker, count: int) -> list[tuple[int, int]]:
        context: Any = SimpleNamespace(
            partition_key=CATEGORY, run=SimpleNamespace(run_id="0123456789"), log=logging.getLogger()
        )
        launching.launch(
            context, layout, worker, "image_layers", requests(layout, count),
            lambda done, total: progress.append((done, total)), Allowance(load_profile(), {}, 0, 0.0),
        )  # fmt: skip
        assert list(layout.jobs.glob("*")) == []
        return progress

    return launched


def rows(layout: Layout) -> dict[str, str]:
    return {row["key"]: row["status"] for row in read_journal(layout.journal("image_layers", CATEGORY))}


def test_without_requests_no_worker_starts(launch: Callable[[Worker, int], Any]) -> None:
    launch(Worker(), 0)
    assert Workers.jobs == []


def test_one_worker_gets_everything_and_sees_all_devices(launch: Callable[[Worker, int], Any]) -> None:
    launch(Worker(), 3)
    assert Workers.jobs == [(None, ["k00", "k01", "k02"])]


@pytest.mark.parametrize("count", [2, 7, 20])
def test_groups_of_devices_share_the_work_evenly(
    launch: Callable[[Worker, int], list[tuple[int, int]]], layout: Layout, count: int
) -> None:
    progress = launch(Worker(devices=("0,1", "2,3")), count)
    assert sorted(group or "" for group, _ in Workers.jobs) == ["0,1", "2,3"]
    shares = [set(keys) for _, keys in Workers.jobs]
    assert abs(len(shares[0]) - len(shares[1])) <= 1
    assert not shares[0] & shares[1]
    assert rows(layout) == {f"k{number:02d}": "done" for number in range(count)}
    assert progress[-1] == (count, count)


def test_a_worker_that_dies_is_started_again_and_what_it_was_at_gets_a_second_chance(
    launch: Callable[[Worker, int], Any], layout: Layout
) -> None:
    Workers.deaths = [(2, frozenset({"k00", "k01", "k02"}))]
    launch(Worker(), 5)
    assert [keys for _, keys in Workers.jobs] == [[f"k0{n}" for n in range(5)], ["k03", "k04", "k02"]]
    assert set(rows(layout).values()) == {"done"}


def test_what_a_worker_left_when_it_died_is_gone_when_the_stage_ends(
    launch: Callable[[Worker, int], Any], layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = layout.staging / "image_layers" / "a9" / f".tmp-20874@{this_host()}-0123abcd-k01"
    tried = Workers.run

    def dies_at_work(self: Workers, *arguments: Any, **named: Any) -> None:
        try:
            tried(self, *arguments, **named)
        except WorkerDiedError:
            left.mkdir(parents=True)
            raise

    def gone(_: int) -> psutil.Process:
        raise psutil.NoSuchProcess(20874)

    monkeypatch.setattr(Workers, "run", dies_at_work)
    monkeypatch.setattr(psutil, "Process", gone)
    Workers.deaths = [(1, frozenset({"k01"}))]
    launch(Worker(), 2)
    assert left.parent.is_dir()
    assert not left.exists()


def test_what_a_worker_was_at_twice_when_it_died_is_a_failed_row(
    launch: Callable[[Worker, int], Any], layout: Layout
) -> None:
    Workers.deaths = [(2, frozenset({"k02"})), (2, frozenset({"k02"}))]
    launch(Worker(), 5)
    assert [keys for _, keys in Workers.jobs][1:] == [["k03", "k04", "k02"]]
    assert rows(layout) == {"k00": "done", "k01": "done", "k02": "failed", "k03": "done", "k04": "done"}
    failed = next(
        row for row in read_journal(layout.journal("image_layers", CATEGORY)) if row["key"] == "k02"
    )
    assert (failed["reason"], failed["attempts"]) == ("worker_died", 1)
    assert "SIGKILL" in failed["detail"]


def test_a_dead_workers_share_is_finished_beside_the_other(
    launch: Callable[[Worker, int], Any], layout: Layout
) -> None:
    Workers.deaths = [(1, frozenset())]
    launch(Worker(devices=("0", "1")), 10)
    assert len(Workers.jobs) == 3
    assert rows(layout) == {f"k{number:02d}": "done" for number in range(10)}


def test_a_worker_that_keeps_dying_stops_the_stage(launch: Callable[[Worker, int], Any]) -> None:
    Workers.deaths = [(0, frozenset({f"k0{number}"})) for number in range(9)]
    with pytest.raises(WorkerDiedError):
        launch(Worker(), 9)
    assert len(Workers.jobs) == MAX_DEATHS


def test_a_worker_that_dies_before_it_begins_anything_is_not_tried_again(
    launch: Callable[[Worker, int], Any],
) -> None:
    Workers.deaths = [(0, frozenset())] * 5
    with pytest.raises(WorkerDiedError):
        launch(Worker(), 3)
    assert len(Workers.jobs) == 1


def test_an_error_of_one_group_stops_all_and_is_the_one_that_is_told(
    launch: Callable[[Worker, int], Any],
) -> None:
    Workers.error = WorkerError("no model")
    with pytest.raises(WorkerError, match="no model"):
        launch(Worker(devices=("0", "1", "2")), 6)


def test_a_missing_model_is_named_before_any_worker_starts(
    launch: Callable[[Worker, int], Any], tmp_path: Path
) -> None:
    with pytest.raises(WorkerError, match="there is no model at"):
        launch(Worker(backend="diffusers", model_dir=tmp_path / "none"), 1)
    assert Workers.jobs == []


def test_a_missing_environment_is_named_before_any_worker_starts(
    launch: Callable[[Worker, int], Any],
) -> None:
    with pytest.raises(WorkerError, match="no environment named 'no-such-env'"):
        launch(Worker(environment="no-such-env"), 1)
    assert Workers.jobs == []


@pytest.mark.slow
def test_a_killed_workers_photos_are_made_by_the_next_one(profile: Profile, layout: Layout) -> None:
    settings = [f"paths.{key}={getattr(profile.paths, key)}" for key in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, [
        *settings, 'workers.layered.devices=["0", "1"]', "workers.layered.threads=1",
        "sources.near_duplicate_bits=-1",
    ])  # fmt: skip
    names = ("coffee", "astronaut", "chelsea", "rocket")
    put(layout, CATEGORY, *names)
    for number, name in enumerate(names):
        photo = layout.data / CATEGORY / name / f"{name}.jpg"
        for copy in range(2):
            (photo.parent / f"{copy}.jpg").write_bytes(photo.read_bytes() + bytes([number, copy]))
    killed = threading.Event()

    def kill_one() -> None:
        journal = layout.journal("image_layers", CATEGORY)
        while not killed.is_set():
            workers = []
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    workers += [child] if "model_envs.worker" in child.cmdline() else []
            if len(workers) == 2 and list(read_journal(journal)):
                workers[0].kill()
                killed.set()
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        run(profile)
    finally:
        was_killed = killed.is_set()
        killed.set()
        killer.join()
    assert was_killed
    run(profile)
    book = Book.open(profile, layout, CATEGORY)
    assert {row["status"] for row in book.current("image_layers").values()} == {"done"}
    assert len(book.current("image_layers")) == len(list(book.accepted)) >= 4
