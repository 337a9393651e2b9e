"""What a run tells: its tags, its errors, its log file."""

import errno
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest

from iedf_assets.cli.commands.run import run_all
from iedf_assets.core.errors import FactoryError, WorkerError
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout, from_here
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.jobs import FACTORY
from iedf_assets.defs.telling.failures import retried_when_busy, told_plainly
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import OBJECTS


def execute(profile: Profile, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_defs(profile).resolve_job_def(FACTORY)
    return job.execute_in_process(instance=instance, partition_key=OBJECTS, raise_on_error=False)


def failure_of(result: dg.ExecuteInProcessResult) -> dg.Failure:
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    assert failed.step_key == "source_images"
    told = failed.step_failure_data.user_failure_data
    assert told
    return dg.Failure(told.description, told.metadata)


def test_an_error_of_ours_is_a_failure_whose_first_line_is_the_problem() -> None:
    with pytest.raises(dg.Failure) as caught, told_plainly():
        raise WorkerError("the worker is gone", "start it")
    assert caught.value.description == "the worker is gone"
    assert caught.value.metadata["remedy"].value == "start it"
    assert not caught.value.allow_retries


def test_a_category_that_another_run_holds_is_told_by_the_first_step(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    (layout.data / OBJECTS).mkdir(parents=True)
    with exclusive(layout.category_lock(OBJECTS), subject="the category"):
        told = failure_of(execute(profile, instance))
    assert str(told.description).startswith(f"the category {OBJECTS} is being worked on by process")
    assert told.metadata["remedy"].value == "wait until it is done, or stop it"


def test_a_folder_that_is_not_there_is_told_with_its_remedy_and_not_tried_again(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    result = execute(profile, instance)
    told = failure_of(result)
    assert told.description == f"there is no folder {from_here(layout.data / OBJECTS)}"
    assert "put photos there" in str(told.metadata["remedy"].value)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_run_bears_the_profile_the_commit_and_the_count_of_photos(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    (layout.data / OBJECTS).mkdir(parents=True)
    (layout.data / OBJECTS / "a.jpg").write_text("no photo")
    run_id = execute(profile, instance).run_id
    run = instance.get_run_by_id(run_id)
    assert run
    assert run.tags["iedf/profile"] == str(CLASSICAL)
    assert run.tags["iedf/photos"] == "1"
    assert len(run.tags["iedf/profile_digest"]) == 12


def test_a_run_on_the_command_line_names_its_log_of_json_lines(
    profile: Profile, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    (layout.data / OBJECTS).mkdir(parents=True)
    (layout.data / OBJECTS / "a.jpg").write_text("no photo")
    run_all(profile, [OBJECTS])
    (log,) = layout.logs.glob("run_*.log")
    assert f"log: {log}" in capsys.readouterr().out
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert {line.get("event") for line in lines} >= {"ASSET_MATERIALIZATION", "STEP_SUCCESS"}
    assert lines[-1]["category"] == OBJECTS
    assert lines[-1]["counts"]["source_images"] == {"filtered": 1}


def test_a_failed_run_is_told_to_the_webhook_of_the_profile_and_to_nobody_without(
    layout: Layout, instance: dg.DagsterInstance
) -> None:
    heard: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    folders = [f"paths.{name}={getattr(layout, name)}" for name in ("data", "outputs", "logs")]
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        hook = f"automation.webhook=http://127.0.0.1:{server.server_port}/x"
        for settings, status in ((), "STOPPED"), ((hook,), "RUNNING"):
            profile = load_profile(CLASSICAL, [*folders, *settings])
            sensor = build_defs(profile).resolve_sensor_def("on_failure")
            assert sensor.default_status.value == status
            result = execute(profile, instance)
            failure = next(event for event in result.all_events if event.is_run_failure)
            run = instance.get_run_by_id(result.run_id)
            assert run
            context = dg.build_run_status_sensor_context("on_failure", failure, instance, run)
            sensor(context.for_run_failure())
        server.shutdown()
    assert [(one["job"], one["category"]) for one in heard] == [(FACTORY, OBJECTS)]


def test_a_busy_disk_is_tried_once_more_and_neither_a_full_one_nor_an_interrupt_is() -> None:
    with pytest.raises(dg.RetryRequested) as caught, retried_when_busy():
        raise OSError(errno.EBUSY, "busy")
    assert caught.value.max_retries == 1
    with pytest.raises(dg.Failure) as refused, retried_when_busy(), told_plainly():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/x")
    assert str(refused.value.description).startswith("/data/x cannot be used")
    assert "free space" in str(refused.value.metadata["remedy"].value)
    with pytest.raises(dg.RetryRequested), retried_when_busy(), told_plainly():
        raise OSError(errno.EBUSY, "busy")
    with pytest.raises(KeyboardInterrupt), retried_when_busy():
        raise KeyboardInterrupt
    with pytest.raises(dg.Failure), retried_when_busy(), told_plainly():
        raise FactoryError("no", "mend it")
