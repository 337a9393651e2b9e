"""The launcher `ray` on a real cluster of several nodes on this machine, one of which is killed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from iedf_assets.core.errors import WorkerError
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.launching.ray.head import connect
from iedf_assets_tests.helpers.factories import CATEGORY, RUN_S, Factory, left_alone
from iedf_assets_tests.helpers.serving import free_port
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow
PHOTOS = 8
START_S = 150
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


@dataclass
class Ray:
    """A cluster: a head without room for jobs, and nodes with room for one each."""

    folder: Path
    port: int = field(default_factory=free_port)
    dashboard: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.dashboard}"

    def start(self, nodes: int) -> None:
        self._start(
            "--head", f"--port={self.port}", "--num-cpus=0", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={self.dashboard}", f"--temp-dir={self.folder}", "--include-dashboard=true",
        )  # fmt: skip
        wait_for(self._answers, START_S)
        for _ in range(nodes):
            self.add_node()

    def add_node(self) -> None:
        self._start(f"--address=127.0.0.1:{self.port}", "--num-cpus=1")
        running = sum(process.poll() is None for process in self.processes)
        wait_for(lambda: self._nodes() == running, START_S)

    def jobs(self) -> list[Any]:
        return list(connect(self.address).list_jobs())

    def kill_node(self, process: subprocess.Popen[bytes]) -> None:
        """All of a node at once, as when its power goes."""
        doomed = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for victim in doomed:
            with contextlib.suppress(psutil.Error):
                victim.kill()
        process.wait()

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                self.kill_node(process)

    def _start(self, *arguments: str) -> None:
        command = [
            str(Path(sys.executable).with_name("ray")), "start", "--block", "--node-ip-address=127.0.0.1",
            "--object-store-memory=80000000", "--disable-usage-stats",
            f"--dashboard-agent-listen-port={free_port()}", *arguments,
        ]  # fmt: skip
        with (self.folder / "ray.log").open("ab") as log:
            node = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **QUIET}, start_new_session=True
            )
        self.processes.append(node)

    def _answers(self) -> bool:
        try:
            connect(self.address)
        except WorkerError:
            return False
        return True

    def _nodes(self) -> int:
        url = f"{self.address}/nodes?view=summary"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # on loopback
            summary = json.load(answer)["data"]["summary"]
        return sum(node["raylet"].get("state") == "ALIVE" for node in summary)


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    # The paths of Ray's sockets may not be long.
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as name:
        cluster = Ray(Path(name))
        try:
            cluster.start(nodes=2)
            yield cluster
        finally:
            cluster.end()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    factory, _ = left_alone(tmp_path_factory, PHOTOS)
    return factory


def on_cluster(ray: Ray, reference: Factory, base: Path, **options: Any) -> Factory:
    factory = Factory(base)
    shutil.copytree(reference.base / "data", base / "data")
    told = {"address": ray.address, "jobs": 2, "share": 2, "alive_sec": 4.0, **options}
    factory.prepare(launcher="ray", ray=told)
    return factory


def rows(factory: Factory) -> dict[str, dict[str, Any]]:
    profile = load_profile(factory.profile)
    book = Book.open(profile, Layout.of(profile), CATEGORY)
    loose = {"seconds", "written_ns", "attempts", "mtime_ns", "key", "verdict_key"}
    return {
        stage: {
            key: {name: value for name, value in row.items() if name not in loose}
            for key, row in book.table(stage).items()
        }
        for stage in STAGES[1:]
    }


def workers_on(node: subprocess.Popen[bytes]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(node.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "model_envs.worker" in child.cmdline():
                found.append(child)
    return found


def workers(ray: Ray) -> list[psutil.Process]:
    running = [node for node in ray.processes if node.poll() is None]
    return [worker for node in running for worker in workers_on(node)]


def assert_nothing_is_left(ray: Ray, factory: Factory) -> None:
    wait_for(lambda: not workers(ray), 40)
    assert factory.left_over() == []
    assert not [*(factory.outputs / "staging" / "jobs").iterdir()]


def test_a_node_that_is_killed_midway_costs_nothing(ray: Ray, reference: Factory, tmp_path: Path) -> None:
    factory = on_cluster(ray, reference, tmp_path / "struck")
    run = factory.start()
    jobs = factory.outputs / "staging" / "jobs"
    wait_for(lambda: [path for path in jobs.glob("*.rows.jsonl") if path.stat().st_size], START_S)
    victim = wait_for(lambda: next((node for node in ray.processes[1:] if workers_on(node)), None), START_S)
    ray.kill_node(victim)
    assert run.wait(timeout=RUN_S) == 0, factory.log()
    assert factory.samples() == reference.samples()
    assert rows(factory) == rows(reference)
    assert_nothing_is_left(ray, factory)
    assert any(job.status == "FAILED" for job in ray.jobs())
    ray.add_node()


def test_pairs_are_finished_on_the_cluster_alike_though_a_node_is_killed(
    ray: Ray, reference: Factory, tmp_path: Path
) -> None:
    factory = Factory(tmp_path / "struck")
    shutil.copytree(reference.base / "data", factory.base / "data")
    told = {"address": ray.address, "jobs": 2, "share": 3, "alive_sec": 4.0}
    factory.prepare(finish={"launcher": "ray", "ray": told})
    run = factory.start()
    jobs = factory.outputs / "staging" / "jobs"
    wait_for(lambda: [path for path in jobs.glob("edit_pairs-*.rows.jsonl") if path.stat().st_size], START_S)
    living = [node for node in ray.processes[1:] if node.poll() is None]
    victim = wait_for(lambda: next((node for node in living if workers_on(node)), None), START_S)
    ray.kill_node(victim)
    assert run.wait(timeout=RUN_S) == 0, factory.log()
    assert factory.samples() == reference.samples()
    assert rows(factory) == rows(reference)
    assert_nothing_is_left(ray, factory)
    ray.add_node()


def test_a_killed_run_leaves_no_job_and_its_rows_are_taken_over(
    ray: Ray, reference: Factory, tmp_path: Path
) -> None:
    factory = on_cluster(ray, reference, tmp_path / "struck", share=PHOTOS, jobs=1)
    run = factory.start()
    jobs = factory.outputs / "staging" / "jobs"
    wait_for(lambda: [path for path in jobs.glob("*.rows.jsonl") if path.stat().st_size], START_S)
    run.kill()
    run.wait()
    wait_for(lambda: not workers(ray), 40)
    assert list(jobs.glob("*.rows.jsonl"))
    assert factory.start().wait(timeout=RUN_S) == 0, factory.log()
    assert factory.samples() == reference.samples()
    assert rows(factory) == rows(reference)
    assert_nothing_is_left(ray, factory)


def test_an_interrupted_run_stops_its_jobs_on_the_cluster(
    ray: Ray, reference: Factory, tmp_path: Path
) -> None:
    factory = on_cluster(ray, reference, tmp_path / "struck", share=PHOTOS, jobs=1, alive_sec=600.0)
    run = factory.start()
    wait_for(lambda: workers(ray), START_S)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=60) == 130, factory.log()
    assert_nothing_is_left(ray, factory)
    assert all(job.status not in {"PENDING", "RUNNING"} for job in ray.jobs())


def test_a_job_for_which_no_node_has_room_says_so(ray: Ray, reference: Factory, tmp_path: Path) -> None:
    factory = on_cluster(ray, reference, tmp_path / "struck", num_gpus=1, wait_sec=3)
    assert factory.start().wait(timeout=RUN_S) == 1
    assert "no node has 1 GPUs and 1 CPUs free" in factory.log()
    assert not workers(ray)


def test_a_cluster_that_is_not_there_is_named_with_the_remedy() -> None:
    with pytest.raises(WorkerError, match=r"(?s)127.0.0.1:1 does not answer.*ray start --head"):
        connect("http://127.0.0.1:1")
