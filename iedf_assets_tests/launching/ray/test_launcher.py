"""How shares of the work go to a cluster and come back, with a cluster that only pretends."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iedf_assets.core.contract import EXIT_SYSTEMATIC
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.journal import Journal, read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.deaths import MAX_DEATHS
from iedf_assets.launching.environments import Environment
from iedf_assets.launching.ray import launcher
from iedf_assets.launching.stage_work import StageWork
from iedf_assets_tests.helpers.requests import CATEGORY, requests


class Pretended:
    """A cluster whose jobs are done as soon as they are asked for.

    Attributes:
        ends: what befalls the next jobs: rows written, status, exit code; else they make everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ends: list[tuple[int, str, int | None]] = []
        self.jobs: list[list[str]] = []
        self.stopped: list[str] = []
        self._told: dict[str, tuple[str, int | None]] = {}

    def submit_job(self, submission_id: str, **_options: Any) -> None:
        jobs = {
            f"iedf-{path.stem.encode('ascii', 'ignore').decode()}": path
            for path in self.folder.glob("*.json")
        }
        path = jobs[submission_id]
        job = json.loads(path.read_text("utf-8"))
        keys = [item["key"] for item in job["items"]]
        self.jobs.append(keys)
        made, status, code = self.ends.pop(0) if self.ends else (len(keys), "SUCCEEDED", 0)
        with Journal(Path(job["journal"])) as journal:
            journal.append([{"key": key, "status": "done", "seconds": 1.0} for key in keys[:made]])
        self._told[submission_id] = status, code

    def get_job_status(self, job: str) -> Any:
        return SimpleNamespace(value="STOPPED" if job in self.stopped else self._told[job][0])

    def get_job_info(self, job: str) -> Any:
        return SimpleNamespace(driver_exit_code=self._told[job][1], message="the end of its log")

    def stop_job(self, job: str) -> None:
        self.stopped.append(job)


@contextlib.contextmanager
def no_pipes(*_arguments: Any) -> Iterator[Any]:
    yield SimpleNamespace(get_bootstrap_env_vars=dict)


@pytest.fixture
def cluster(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    folder = layout.jobs
    folder.mkdir(parents=True)
    pretended = Pretended(folder)
    monkeypatch.setattr(launcher, "connect", lambda _address: pretended)
    monkeypatch.setattr(launcher, "POLL_S", 0.01)
    monkeypatch.setattr("iedf_assets.launching.ray.jobs.dg.open_pipes_session", no_pipes)
    return pretended


@pytest.fixture
def work(layout: Layout, cluster: Pretended) -> Callable[..., list[tuple[int, int]]]:
    def worked(
        count: int, budget_s: float | None = None, left: Sequence[Path] = (), **options: Any
    ) -> list[tuple[int, int]]:
        worker = Worker(launcher="ray")
        told = {"jobs": 2, "share": 3, "alive_sec": 0.05, **options}
        worker = worker.model_copy(update={"ray": worker.ray.model_copy(update=told)})
        context: Any = SimpleNamespace(
            partition_key=CATEGORY, run=SimpleNamespace(run_id="0123456789"), log=logging.getLogger()
        )
        progress: list[tuple[int, int]] = []
        asked = StageWork(
            context, layout, worker, "image_layers", requests(layout, count),
            lambda done, total: progress.append((done, total)), budget_s,
        )  # fmt: skip
        launcher.work_off(asked, Environment(Path("python"), {}), threading.Event())
        assert list(cluster.folder.iterdir()) == list(left)
        return progress

    return worked


def keys(layout: Layout) -> list[str]:
    return sorted(row["key"] for row in read_journal(layout.journal("image_layers", CATEGORY)))


def test_each_job_gets_a_share_and_every_row_comes_back_once(
    work: Callable[..., list[tuple[int, int]]], cluster: Pretended, layout: Layout
) -> None:
    progress = work(10)
    assert sorted(map(len, cluster.jobs)) == [1, 3, 3, 3]
    assert keys(layout) == [f"k{n:02d}" for n in range(10)]
    assert progress[-1] == (10, 10)


def test_few_requests_are_spread_over_all_jobs(work: Callable[..., Any], cluster: Pretended) -> None:
    work(4, share=64)
    assert sorted(map(len, cluster.jobs)) == [2, 2]


def test_what_a_lost_job_leaves_goes_on_in_another_one(
    work: Callable[..., Any], cluster: Pretended, layout: Layout
) -> None:
    cluster.ends = [(1, "FAILED", None)]
    work(6)
    assert cluster.jobs == [["k00", "k01", "k02"], ["k03", "k04", "k05"], ["k01", "k02"]]
    assert keys(layout) == [f"k{n:02d}" for n in range(6)]


def test_a_share_whose_jobs_keep_getting_lost_stops_the_stage(
    work: Callable[..., Any], cluster: Pretended
) -> None:
    cluster.ends = [(0, "FAILED", -9)] * MAX_DEATHS
    with pytest.raises(WorkerError, match=r"was lost \(failed\): the end of its log"):
        work(3, jobs=1)
    assert len(cluster.jobs) == MAX_DEATHS


@pytest.mark.parametrize(("code", "kind"), [(EXIT_SYSTEMATIC, "stopped"), (1, "ended with exit code 1")])
def test_an_error_of_a_jobs_own_stops_the_stage_with_the_end_of_its_log(
    work: Callable[..., Any], cluster: Pretended, layout: Layout, code: int, kind: str
) -> None:
    cluster.ends = [(2, "FAILED", code)]
    with pytest.raises(WorkerError, match=rf"{kind}:\nthe end of its log"):
        work(6, jobs=1)
    assert keys(layout) == ["k00", "k01"]


def test_rows_that_a_killed_run_left_are_taken_over_and_not_made_again(
    work: Callable[..., Any], cluster: Pretended, layout: Layout
) -> None:
    name = f"image_layers-{CATEGORY}-89abcdef-0-0"
    whole = "".join(
        f'{{"key": "{key}", "status": "{status}"}}\n' for key, status in (("k00", "done"), ("k01", "failed"))
    )
    (cluster.folder / f"{name}.rows.jsonl").write_text(whole + '{"key": "k02", "sta')
    (cluster.folder / f"{name}.alive").touch()
    (cluster.folder / f"{name}.messages.jsonl").touch()
    # It was killed before its second job had a row.
    (cluster.folder / f"image_layers-{CATEGORY}-89abcdef-1-0.alive").touch()
    work(4, jobs=1, share=64)
    assert cluster.jobs == [["k01", "k02", "k03"]]
    assert keys(layout) == ["k00", "k01", "k01", "k02", "k03"]


def test_the_files_of_another_categorys_jobs_are_left_alone(
    work: Callable[..., Any], cluster: Pretended, layout: Layout
) -> None:
    neighbour = cluster.folder / f"image_layers-{CATEGORY}-2-89abcdef-0-0.rows.jsonl"
    neighbour.write_text('{"key": "k00", "status": "done"}\n')
    work(2, left=[neighbour])
    assert keys(layout) == ["k00", "k01"]
    assert cluster.jobs == [["k00"], ["k01"]]


def test_no_job_begins_once_the_budget_is_spent(work: Callable[..., Any], cluster: Pretended) -> None:
    work(12, budget_s=5.0, jobs=1)
    assert len(cluster.jobs) == 2


def test_a_job_that_finds_no_room_is_an_error_that_says_what_it_asked_for(
    work: Callable[..., Any], cluster: Pretended
) -> None:
    cluster.ends = [(0, "PENDING", None)]
    with pytest.raises(WorkerError, match="no node has 2 GPUs and 1 CPUs free"):
        work(2, jobs=1, num_gpus=2, wait_sec=0.1)
    assert len(cluster.stopped) == 1


@pytest.mark.slow
def test_a_head_that_is_away_for_a_moment_is_asked_again(
    work: Callable[..., Any], cluster: Pretended, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([ConnectionError("away"), ConnectionError("away")])
    asked = cluster.get_job_status

    def sometimes(job: str) -> Any:
        for error in answers:
            raise error
        return asked(job)

    monkeypatch.setattr(cluster, "get_job_status", sometimes)
    begun = time.monotonic()
    work(2)
    assert keys(layout) == ["k00", "k01"]
    assert time.monotonic() - begun < 10
