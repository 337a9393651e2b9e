"""The factory as its users run it: a running `dagster dev` driven over GraphQL, and runs that are killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import psutil
import pytest
import yaml
from skimage import data

from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.build import build_checks
from iedf_assets.defs.instance import prepare_home
from iedf_assets_tests.helpers.profiles import CLASSICAL

pytestmark = pytest.mark.slow

PHOTOS = {"人物物体一致性": "astronaut", "物体一致性": "rocket", "物理变化": "coffee"}
OBJECTS = "物体一致性"
CHECKED = "ASSET_CHECK_EVALUATION"

BACKFILL = """
mutation($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status numPartitions } }
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { status tags { key value } } }
  }
}
"""
LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"


def photo(name: str, *, mirrored: bool = False) -> bytes:
    """A small photo; mirrored, it is another one."""
    picture = getattr(data, name)()
    size = 360, round(360 * picture.shape[0] / picture.shape[1])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype("uint8")
    return encode_jpeg(small[:, ::-1].copy() if mirrored else small, 95)


def put(layout: Layout, category: str, name: str, content: bytes) -> None:
    path = layout.data / category / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def profile_file(layout: Layout, folder: Path) -> Path:
    raw = yaml.safe_load(CLASSICAL.read_text("utf-8"))
    raw["paths"] = {"data": str(layout.data), "outputs": str(layout.outputs), "logs": str(layout.logs)}
    raw["workers"]["layered"]["threads"] = 1
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    return path


@contextmanager
def started(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session; whatever it leaves running is ended, and is a failure."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A background process of a shell ignores SIGINT, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            for child in children:
                child.kill()


def wait_for(look: Callable[[], Any], patience_s: float) -> Any:
    """What `look` returns as soon as it is true."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


class Ui:
    """A running `dagster dev`."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._address, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # on loopback
            return json.load(answer)["data"]

    def is_loaded(self) -> bool:
        try:
            nodes = self.ask(LOADED)["repositoriesOrError"].get("nodes", [])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return any(node["location"]["name"] == "image_edit_dataset_factory" for node in nodes)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_backfill_of_all_categories_from_the_ui_publishes_and_checks_everything(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for category, name in PHOTOS.items():
        put(layout, category, name, photo(name))
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_home(layout)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    home, config = str(layout.dagster_home), str(profile_file(layout, tmp_path))
    with started(command, tmp_path / "dev.log", DAGSTER_HOME=home, IEDF_CONFIG=config) as server:
        ui = Ui(port)
        wait_for(ui.is_loaded, 90)
        parameters = {
            "selector": {
                "partitionSetName": "factory_partition_set",
                "repositorySelector": {
                    "repositoryLocationName": "image_edit_dataset_factory",
                    "repositoryName": "__repository__",
                },
            },
            "partitionNames": list(PHOTOS),
        }
        launched = ui.ask(BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched

        def finished() -> Any:
            answer = ui.ask(STATUS, id=launched["backfillId"])
            runs = answer["runsOrError"]["results"]
            return (
                runs
                if len(runs) == 3 and all(run["status"] in {"SUCCESS", "FAILURE"} for run in runs)
                else None
            )

        runs = wait_for(finished, 240)
        assert [run["status"] for run in runs] == ["SUCCESS"] * 3, (tmp_path / "dev.log").read_text()[-3000:]
        children = psutil.Process(server.pid).children(recursive=True)
        os.kill(server.pid, signal.SIGINT)
        server.wait(60)
        wait_for(lambda: not still_running(children), 30)
    assert check_dataset(layout.dataset).clean
    with dg.DagsterInstance.from_config(home) as instance:
        for run in instance.get_runs():
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
            checks = [e.asset_check_evaluation_data for e in events if e.event_type_value == CHECKED]
            # All but the canaries', which are put in when somebody asks for it.
            built = build_checks(dg.StaticPartitionsDefinition(["x"]))
            assert len(checks) == sum(len(list(one.check_keys)) for one in built) - 1
            assert [check.check_name for check in checks if not check.passed] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_mid_decompose_leaves_nothing_behind_and_the_next_finishes(
    profile: Profile, layout: Layout, tmp_path: Path, number: signal.Signals
) -> None:
    for name in ("astronaut", "coffee", "rocket"):
        for mirrored in (False, True):
            put(layout, OBJECTS, f"{name}-{mirrored}", photo(name, mirrored=mirrored))
    command = [sys.executable, "-m", "iedf_assets.cli", "run", "--category", OBJECTS]
    config = str(profile_file(layout, tmp_path))
    journal = layout.journal("image_layers", OBJECTS)
    with started(command, tmp_path / "first.log", IEDF_CONFIG=config) as first:
        wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 2, 90)
        children = psutil.Process(first.pid).children(recursive=True)
        assert children
        os.kill(first.pid, number)
        first.wait(30)
        wait_for(lambda: not still_running(children), 20)
    if number == signal.SIGINT:
        assert first.returncode == 130
        assert "the next run goes on from there" in (tmp_path / "first.log").read_text()
    before = Book.open(profile, layout, OBJECTS).layers
    done = {key: layout.staged("image_layers", key).stat().st_mtime_ns for key in before}
    assert 2 <= len(done) < 6

    with started(command, tmp_path / "second.log", IEDF_CONFIG=config) as second:
        assert second.wait(120) == 0, (tmp_path / "second.log").read_text()
    assert {key: layout.staged("image_layers", key).stat().st_mtime_ns for key in done} == done
    after = Book.open(profile, layout, OBJECTS)
    assert len(after.current("image_layers")) == 6
    assert check_dataset(layout.dataset).clean
    assert not list(layout.outputs.rglob(".tmp-*"))
    with dg.DagsterInstance.from_config(str(layout.dagster_home)) as instance:
        ended, finished = sorted(
            instance.get_runs(), key=lambda run: run.status == dg.DagsterRunStatus.SUCCESS
        )
        assert ended.is_finished
        assert finished.is_success
        for pool in ("gpu_layered", "gpu_edit"):
            assert instance.event_log_storage.get_concurrency_info(pool).active_slot_count == 0
