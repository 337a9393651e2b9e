import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.instance import (
    PARTITION_TAG,
    PROCESS_TAG,
    clear_dead_runs,
    prepare_home,
    this_process,
    watching_for_dead_runs,
)

POOL = "gpu_layered"
NAME_OF_A_CHILD = "from iedf_assets.defs.instance import this_process; print(this_process())"
Status = dg.DagsterRunStatus


@pytest.fixture(scope="module")
def shared_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance with the project's settings; its databases take seconds to set up."""
    home = tmp_path_factory.mktemp("home")
    shutil.copyfile(PROJECT_ROOT / "configs" / "dagster.yaml", home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture
def instance(shared_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    shared_instance.wipe()
    return shared_instance


def add_run(instance: dg.DagsterInstance, status: Status, process: str | None) -> str:
    tags = {} if process is None else {PROCESS_TAG: process}
    return instance.add_run(dg.DagsterRun("factory", status=status, tags=tags)).run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> Status:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_run_of_a_dead_process_is_marked_failed_and_frees_its_pool_slot(
    instance: dg.DagsterInstance,
) -> None:
    child = [sys.executable, "-c", NAME_OF_A_CHILD]
    name = subprocess.run(child, check=True, capture_output=True, text=True, cwd=PROJECT_ROOT).stdout.strip()
    run_id = add_run(instance, Status.STARTED, name)
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    assert storage.claim_concurrency_slot(POOL, run_id, "image_layers").is_claimed
    assert not storage.claim_concurrency_slot(POOL, "another run", "image_layers").is_claimed

    assert clear_dead_runs(instance) == [run_id]

    assert status_of(instance, run_id) == Status.FAILURE
    storage.free_concurrency_slots_for_run("another run")
    assert storage.claim_concurrency_slot(POOL, "a third run", "image_layers").is_claimed
    messages = [entry.dagster_event.message for entry in instance.all_logs(run_id) if entry.dagster_event]
    assert any(name in str(message) and "run again" in str(message) for message in messages)
    assert clear_dead_runs(instance) == []


def test_a_run_that_was_seen_to_die_frees_its_pool_slot_too(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    seen, alive = (add_run(instance, status, this_process()) for status in (Status.FAILURE, Status.STARTED))
    assert storage.claim_concurrency_slot(POOL, seen, "image_layers").is_claimed
    assert clear_dead_runs(instance) == []
    assert storage.claim_concurrency_slot(POOL, alive, "image_layers").is_claimed
    assert clear_dead_runs(instance) == []
    assert not storage.claim_concurrency_slot(POOL, "another run", "image_layers").is_claimed


def test_a_step_that_queued_while_the_slot_became_free_gets_it(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    storage.initialize_concurrency_limit_to_default(POOL)
    run_id = add_run(instance, Status.STARTED, this_process())
    # What two that meet leave behind: one saw no free slot, and the other nobody waiting for its own.
    storage.add_pending_step(POOL, run_id, "image_layers", should_assign=False)
    assert not storage.claim_concurrency_slot(POOL, run_id, "image_layers").is_claimed
    assert clear_dead_runs(instance) == []
    assert storage.claim_concurrency_slot(POOL, run_id, "image_layers").is_claimed
    assert not storage.claim_concurrency_slot(POOL, "another run", "image_layers").is_claimed
    assert clear_dead_runs(instance) == []
    assert not storage.claim_concurrency_slot(POOL, run_id, "edited_images").is_claimed


def test_a_run_that_dies_while_another_waits_for_its_slot_frees_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iedf_assets.defs.instance.WATCH_S", 0.05)
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    with watching_for_dead_runs(instance, "物理变化"), sleeper() as process:
        born = psutil.Process(process.pid).create_time()
        run_id = add_run(instance, Status.STARTED, f"{socket.gethostname()}:{process.pid}:{born:.2f}")
        assert storage.claim_concurrency_slot(POOL, run_id, "image_layers").is_claimed
        time.sleep(0.3)
        assert status_of(instance, run_id) == Status.STARTED
        process.kill()
        deadline = time.monotonic() + 20
        while not storage.claim_concurrency_slot(POOL, "another run", "image_layers").is_claimed:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert status_of(instance, run_id) == Status.FAILURE


@pytest.mark.parametrize("status", [Status.STARTING, Status.STARTED, Status.CANCELING])
def test_runs_in_every_state_that_is_under_way_are_cleared(
    instance: dg.DagsterInstance, status: Status
) -> None:
    run_id = add_run(instance, status, f"{socket.gethostname()}:{os.getpid()}:0.00")
    assert clear_dead_runs(instance) == [run_id]


def test_a_process_number_in_use_again_does_not_keep_a_dead_run_alive(instance: dg.DagsterInstance) -> None:
    with sleeper() as process:
        born = psutil.Process(process.pid).create_time()
        reused = add_run(instance, Status.STARTED, f"{socket.gethostname()}:{process.pid}:{born - 100:.2f}")
        alive = add_run(instance, Status.STARTED, f"{socket.gethostname()}:{process.pid}:{born:.2f}")
        assert clear_dead_runs(instance) == [reused]
        assert status_of(instance, alive) == Status.STARTED


@pytest.mark.parametrize(
    ("status", "process"),
    [
        (Status.STARTED, this_process()),
        (Status.STARTED, "another-host:1:0.00"),
        (Status.STARTED, None),
        (Status.SUCCESS, f"{socket.gethostname()}:{os.getpid()}:0.00"),
    ],
    ids=["alive", "of another host", "of no known process", "finished"],
)
def test_other_runs_are_left_alone(instance: dg.DagsterInstance, status: Status, process: str | None) -> None:
    run_id = add_run(instance, status, process)
    assert clear_dead_runs(instance) == []
    assert status_of(instance, run_id) == status


def test_a_run_of_another_machine_is_over_once_its_category_s_lock_is_here(
    instance: dg.DagsterInstance,
) -> None:
    there, other = (
        instance.add_run(
            dg.DagsterRun(
                "factory",
                status=Status.STARTED,
                tags={PROCESS_TAG: "another-host:1:0.00", PARTITION_TAG: category},
            )
        ).run_id
        for category in ("物理变化", "物体一致性")
    )
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    assert storage.claim_concurrency_slot(POOL, there, "image_layers").is_claimed
    assert clear_dead_runs(instance) == []
    assert clear_dead_runs(instance, held="物理变化") == [there]
    assert status_of(instance, other) == Status.STARTED
    assert storage.claim_concurrency_slot(POOL, "another run", "image_layers").is_claimed


def test_the_home_is_written_once_and_again_when_the_settings_change(layout: Layout) -> None:
    settings = (PROJECT_ROOT / "configs" / "dagster.yaml").read_bytes()
    path = layout.dagster_home / "dagster.yaml"
    prepare_home(layout)
    assert os.environ["DAGSTER_HOME"] == str(layout.dagster_home)
    assert path.read_bytes() == settings

    inode = path.stat().st_ino, path.stat().st_mtime_ns
    prepare_home(layout)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == inode

    path.write_text("telemetry: {enabled: true}\n", "utf-8")
    prepare_home(layout)
    assert path.read_bytes() == settings


def test_the_settings_limit_each_pool_to_one_and_free_the_slots_of_killed_runs(
    instance: dg.DagsterInstance,
) -> None:
    assert instance.global_op_concurrency_default_limit == 1
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
    assert not instance.telemetry_enabled


def test_the_home_stays_inside_the_outputs(layout: Layout, tmp_path: Path) -> None:
    prepare_home(layout)
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"outputs"}
