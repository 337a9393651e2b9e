"""The factory as its users run it: a running `dagster dev` driven over GraphQL, and runs that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
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
from iedf_assets.defs.jobs import FACTORY
from iedf_assets_tests.helpers.browser import Browser
from iedf_assets_tests.helpers.factories import prepared
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.serving import free_port
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

PHOTOS = {"人物物体一致性": "astronaut", "物体一致性": "rocket", "物理变化": "coffee"}
OBJECTS, PHYSICAL = "物体一致性", "物理变化"
EVERY = "all_categories_pass"
BY_ITSELF = "dagster/from_automation_condition"
CHECKED = "ASSET_CHECK_EVALUATION"

RUNS = "{ runsOrError { ... on Runs { results { runId jobName status tags { key value } } } } }"
CHECK_STATES = """
{ assetNodes(assetKeys: [{path: ["dataset"]}]) { assetChecksOrError { ... on AssetChecks { checks {
  name executionForLatestMaterialization { status } } } } } }
"""
SENSOR = """
query($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState { id selectorId } } }
}
"""
START_SENSOR = """
mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename } }
"""
STOP_SENSOR = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
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


def profile_file(layout: Layout, folder: Path, **automation: str | int) -> Path:
    raw = yaml.safe_load(CLASSICAL.read_text("utf-8"))
    raw["paths"] = {"data": str(layout.data), "outputs": str(layout.outputs), "logs": str(layout.logs)}
    raw["threads"] = raw["workers"]["layered"]["threads"] = 1
    raw["automation"] = automation
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


class Page:
    """What a user does in the UI, in a browser."""

    def __init__(self, browser: Browser, port: int) -> None:
        self.browser, self._address = browser, f"http://127.0.0.1:{port}"

    def open(self, path: str, until: str) -> None:
        self.browser.open(self._address + path)
        self.wait(until)

    def wait(self, text: str) -> None:
        self.browser.wait(f"document.body.innerText.includes({json.dumps(text)})", 60)

    def click(self, text: str) -> None:
        """Click what begins with a text, as soon as it is there: a button rather than anything else."""
        clicked = f"""(() => {{
          const hits = [...document.querySelectorAll("button, a, span, div")]
            .filter((one) => one.offsetParent && !one.closest("button[disabled]"))
            .filter((one) => (one.innerText || "").trim().startsWith({json.dumps(text)}));
          const hit = hits.find((one) => one.tagName === "BUTTON") ?? hits.at(-1);
          hit?.click();
          return Boolean(hit);
        }})()"""
        self.browser.wait(clicked, 30)

    def materialize(self, *categories: str) -> None:
        """Launch the job `factory` from its page: of one category, or of all where none is named."""
        self.open("/locations/image_edit_dataset_factory/jobs/factory", "Materialize all")
        # A button that is there may not be alive yet.
        while not self.browser.run("document.body.innerText.includes('Partition selection')"):
            self.click("Materialize all")
            time.sleep(0.3)
        if categories:
            self.click("Select a partition or create one")
            for category in categories:
                self.click(category)
            self.launch("Launch 1 run")
        else:
            self.click("All")
            self.launch("Launch backfill")

    def launch(self, button: str) -> None:
        """Press a dialog's button until the dialog is gone: what was chosen may take a moment to count."""
        open_still = "document.body.innerText.includes('Launch runs to materialize')"
        deadline = time.monotonic() + 60
        while self.browser.run(open_still):
            assert time.monotonic() < deadline, self.browser.run("document.body.innerText")
            if self.browser.run(f"document.body.innerText.includes({json.dumps(button)})"):
                self.click(button)
            time.sleep(1)
        # A page that is shown asks the server, and draws, all the time.
        self.browser.open("about:blank")


class Watched(Ui):
    """A running UI, with what has happened in it."""

    def runs(self, job: str) -> list[dict[str, Any]]:
        """The runs of a job that somebody, or the sensor on photos, asked for."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        of_it = [run for run in found if run["jobName"] == job]
        return [run for run in of_it if all(tag["key"] != BY_ITSELF for tag in run["tags"])]

    def wait_for_runs(self, job: str, count: int) -> list[dict[str, Any]]:
        """The runs of a job, once there are so many and all have ended."""

        def ended() -> list[dict[str, Any]] | None:
            runs = self.runs(job)
            over = all(run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} for run in runs)
            return runs if len(runs) >= count and over else None

        runs: list[dict[str, Any]] = wait_for(ended, 240)
        return runs

    def start_sensor(self, name: str) -> None:
        self.ask(START_SENSOR, selector=self._sensor(name))

    def stop_sensor(self, name: str) -> None:
        state = self.ask(SENSOR, selector=self._sensor(name))["sensorOrError"]["sensorState"]
        self.ask(STOP_SENSOR, id=state["id"])

    @staticmethod
    def _sensor(name: str) -> dict[str, str]:
        place = {"repositoryLocationName": "image_edit_dataset_factory", "repositoryName": "__repository__"}
        return {**place, "sensorName": name}

    def red_checks(self) -> set[str]:
        """The checks of `dataset` that its page and its node in the graph show as failed."""
        (node,) = self.ask(CHECK_STATES)["assetNodes"]
        checks = node["assetChecksOrError"]["checks"]
        return {
            check["name"]
            for check in checks
            if (check["executionForLatestMaterialization"] or {}).get("status") == "FAILED"
        }


def test_the_factory_in_a_browser(profile: Profile, layout: Layout, tmp_path: Path) -> None:
    """Materialize, backfill, judge, break, and put a photo in: one server for all, which leaves nothing."""
    for category, name in PHOTOS.items():
        put(layout, category, name, photo(name))
    port, report_port = free_port(), free_port()
    config = profile_file(layout, tmp_path, report_url=f"http://127.0.0.1:{report_port}", every_s=1)
    command = [sys.executable, "-m", "iedf_assets.cli", "dev", "--config", str(config), "--port", str(port)]
    environment = {"DAGSTER_HOME": "", **prepared()}
    with started(command, tmp_path / "dev.log", **environment) as server, Browser(1500, 1000) as browser:
        ui, page = Watched(port), Page(browser, port)
        wait_for(ui.is_loaded, 90)
        # What follows has its turn at the end, where nobody waits for anything else.
        ui.stop_sensor("follow")
        page.materialize(OBJECTS)
        page.materialize()
        runs = ui.wait_for_runs("factory", 4)
        assert [run["status"] for run in runs] == ["SUCCESS"] * 4
        assert {tag["key"]: tag["value"] for tag in runs[-1]["tags"]}["iedf/photos"] == "1"
        assert check_dataset(layout.dataset, thresholds=profile.thresholds).clean
        assert ui.red_checks() == set()

        mask = min((layout.dataset / "structural_edit").rglob("*_mask.png"))
        mask.unlink()
        page.open("/assets/dataset?view=checks", "Execute all")
        page.click("Execute all")
        (judged,) = ui.wait_for_runs("__ASSET_JOB", 1)
        assert judged["status"] == "SUCCESS"
        assert {"consistency", "naming_and_completeness", EVERY} <= ui.red_checks()
        page.materialize(OBJECTS)
        ui.wait_for_runs("factory", 5)
        assert ui.red_checks() == {EVERY}
        page.open(f"/assets/dataset?view=checks&checkDetail={EVERY}", "the sample has no mask")
        browser.screenshot(tmp_path / "red.png")

        put(layout, PHYSICAL, "rocket", photo("rocket"))
        for sensor in ("new_photos", "follow"):
            ui.start_sensor(sensor)
        assert_a_second_one_is_refused(command)
        runs = ui.wait_for_runs("factory", 6)
        assert {run["status"] for run in runs} == {"SUCCESS"}
        assert mask.exists()
        wait_for(lambda: ui.red_checks() == set(), 60)
        wait_for((layout.reports / "html" / "index.html").exists, 90)
        shown = "structural_edit/move/mixed/00001"

        def is_shown() -> bool:
            browser.open(f"http://127.0.0.1:{report_port}/#pair={shown}")
            return bool(browser.run(f"document.body.innerText.includes({json.dumps(shown)})"))

        wait_for(is_shown, 90)

        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        server.wait(10)
        wait_for(lambda: not still_running(children), 90)
    said = (tmp_path / "dev.log").read_text()
    assert not any(word in said for word in ("superseded", "will not be used"))
    assert_every_run_was_checked(layout)


def assert_a_second_one_is_refused(command: list[str]) -> None:
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PROJECT_ROOT, check=False)
    assert again.returncode == 1
    assert "the UI of these outputs is being worked on by process" in again.stderr


def assert_every_run_was_checked(layout: Layout) -> None:
    with dg.DagsterInstance.from_config(str(layout.dagster_home)) as instance:
        made = [run for run in instance.get_runs() if run.job_name == FACTORY]
        for run in made:
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
            checks = [e.asset_check_evaluation_data for e in events if e.event_type_value == CHECKED]
            # All but the canaries', which are put in when somebody asks for it.
            built = build_checks(dg.StaticPartitionsDefinition(["x"]))
            assert len(checks) == sum(len(list(one.check_keys)) for one in built) - 1


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
    assert check_dataset(layout.dataset, thresholds=profile.thresholds).clean
    assert not list(layout.outputs.rglob(".tmp-*"))
    with dg.DagsterInstance.from_config(str(layout.dagster_home)) as instance:
        ended, finished = sorted(
            instance.get_runs(), key=lambda run: run.status == dg.DagsterRunStatus.SUCCESS
        )
        assert ended.is_finished
        assert finished.is_success
        for pool in ("gpu_layered", "gpu_edit"):
            assert instance.event_log_storage.get_concurrency_info(pool).active_slot_count == 0
