"""Automation on real folders, with real runs: photos too small to edit end at the first stage, quickly."""

import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest
from skimage import data
from tzlocal import reload_localzone

from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.profile.automation import Automation
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.instance import PARTITION_TAG, PROCESS_TAG
from iedf_assets.defs.jobs import FACTORY
from iedf_assets_tests.helpers.profiles import CLASSICAL

PEOPLE, OBJECTS, PHYSICAL = "人物物体一致性", "物体一致性", "物理变化"


@pytest.fixture(scope="module")
def shared_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, which a schedule asks for."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def instance(shared_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    shared_instance.wipe()
    return shared_instance


@pytest.fixture(autouse=True)
def folders(layout: Layout) -> None:
    """An empty folder for each category."""
    for name in (PEOPLE, OBJECTS, PHYSICAL):
        (layout.data / name).mkdir(parents=True)


class Looks:
    """The sensor, looked through as the daemon does: each look starts from the cursor of the last."""

    def __init__(self, profile: Profile, instance: dg.DagsterInstance) -> None:
        self.profile, self.instance = profile, instance
        self.definitions = build_defs(profile)
        self.sensor = self.definitions.resolve_sensor_def("new_photos")
        self.cursor: str | None = None
        self.skipped: str | None = None
        self.run_keys: list[str | None] = []

    def __call__(self) -> list[str]:
        """The categories that a run is asked for."""
        context = dg.build_sensor_context(
            self.instance, self.cursor, definitions=self.definitions, sensor_name="new_photos"
        )
        tick = self.sensor.evaluate_tick(context)
        self.cursor, self.skipped = tick.cursor, tick.skip_message
        requests = tick.run_requests or []
        self.run_keys += [request.run_key for request in requests]
        assert [request.partition_key for request in requests] == [
            request.tags[PARTITION_TAG] for request in requests
        ]
        return [str(request.partition_key) for request in requests]


@pytest.fixture
def look(profile: Profile, instance: dg.DagsterInstance) -> Looks:
    return Looks(profile, instance)


def put(layout: Layout, category: str, *names: str) -> None:
    """Photos that are too small for the profile's filters, each another one."""
    for name in names:
        corner = sum(map(ord, name)) % 300
        crop = np.ascontiguousarray(data.astronaut()[corner : corner + 90, corner : corner + 90])
        (layout.data / category / f"{name}.jpg").write_bytes(encode_jpeg(crop, 90))


def run(profile: Profile, instance: dg.DagsterInstance, category: str) -> None:
    job = build_defs(profile).resolve_job_def(FACTORY)
    assert job.execute_in_process(instance=instance, partition_key=category).success


def add_run(instance: dg.DagsterInstance, category: str, status: dg.DagsterRunStatus) -> None:
    instance.add_run(dg.DagsterRun(FACTORY, status=status, tags={PARTITION_TAG: category}))


def test_a_category_is_asked_for_when_its_files_have_settled_and_only_once(
    look: Looks, layout: Layout
) -> None:
    put(layout, OBJECTS, "a")
    assert look() == []
    assert f"{OBJECTS}: its files are still changing" in str(look.skipped)
    put(layout, OBJECTS, "b")
    assert look() == []
    assert look() == [OBJECTS]
    add_run(look.instance, OBJECTS, dg.DagsterRunStatus.FAILURE)
    assert look() == []
    assert re.search(f"{OBJECTS}: the last run [0-9a-f]{{8}} did not get on", str(look.skipped))


def test_a_run_that_was_cancelled_is_not_asked_for_again_until_a_photo_comes(
    look: Looks, layout: Layout
) -> None:
    put(layout, OBJECTS, "a")
    look()
    assert look() == [OBJECTS]
    add_run(look.instance, OBJECTS, dg.DagsterRunStatus.CANCELED)
    assert look() == []
    assert re.search("its last run [0-9a-f]{8} was cancelled", str(look.skipped))
    put(layout, OBJECTS, "b")
    assert look() == []
    assert look() == [OBJECTS]


def test_a_run_of_a_process_that_is_gone_is_waited_for_no_longer(look: Looks, layout: Layout) -> None:
    put(layout, OBJECTS, "a")
    look()
    gone = f"{socket.gethostname()}:999999999:1.00"
    tags = {PARTITION_TAG: OBJECTS, PROCESS_TAG: gone}
    look.instance.add_run(dg.DagsterRun(FACTORY, status=dg.DagsterRunStatus.STARTED, tags=tags))
    assert look() == [OBJECTS]


def test_a_folder_of_no_category_is_named(look: Looks, layout: Layout) -> None:
    (layout.data / "other").mkdir()
    assert look() == []
    assert "data/other is in no category of the profile" in str(look.skipped)


def test_a_cursor_that_is_reset_asks_under_a_new_key(look: Looks, layout: Layout) -> None:
    put(layout, OBJECTS, "a")
    look()
    assert look() == [OBJECTS]
    add_run(look.instance, OBJECTS, dg.DagsterRunStatus.FAILURE)
    look.cursor = None
    assert look() == []
    assert look() == [OBJECTS]
    assert len(set(look.run_keys)) == 2


def test_each_category_with_new_photos_gets_one_request_of_its_own(look: Looks, layout: Layout) -> None:
    put(layout, PEOPLE, "a", "b", "c")
    put(layout, PHYSICAL, "a")
    assert look() == []
    assert look() == [PEOPLE, PHYSICAL]
    assert len(set(look.run_keys)) == 2


@pytest.mark.parametrize("vanishes", [True, False])
def test_a_folder_that_vanishes_or_is_no_folder_is_skipped_with_its_reason(
    look: Looks, layout: Layout, vanishes: bool
) -> None:
    put(layout, OBJECTS, "a")
    put(layout, PHYSICAL, "a")
    look()
    shutil.rmtree(layout.data / OBJECTS)
    if not vanishes:
        (layout.data / OBJECTS).write_text("a file")
    assert look() == [PHYSICAL]
    add_run(look.instance, PHYSICAL, dg.DagsterRunStatus.STARTED)
    assert look() == []
    assert f"{OBJECTS}: its folder cannot be read" in str(look.skipped)


def test_a_table_that_cannot_be_read_is_told_and_holds_up_no_other_category(
    look: Looks, layout: Layout
) -> None:
    for category in (OBJECTS, PHYSICAL):
        put(layout, category, "a")
    broken = layout.manifest("image_layers", OBJECTS)
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PAR1 and no more")
    assert look() == []
    assert look() == [PHYSICAL]
    add_run(look.instance, PHYSICAL, dg.DagsterRunStatus.STARTED)
    assert look() == []
    assert re.search(f"{OBJECTS}: .*image_layers", str(look.skipped))
    assert nightly(look) == []


def test_a_folder_that_comes_back_is_asked_for_under_a_new_run_key(look: Looks, layout: Layout) -> None:
    put(layout, OBJECTS, "a")
    look()
    assert look() == [OBJECTS]
    add_run(look.instance, OBJECTS, dg.DagsterRunStatus.FAILURE)
    away = layout.data.parent / "away"
    (layout.data / OBJECTS).rename(away)
    assert look() == []
    away.rename(layout.data / OBJECTS)
    assert look() == []
    assert look() == [OBJECTS]
    assert len(set(look.run_keys)) == 2


@pytest.mark.slow
def test_nothing_is_asked_for_when_all_is_finished_until_a_photo_comes(
    look: Looks, layout: Layout, instance: dg.DagsterInstance
) -> None:
    put(layout, OBJECTS, "a")
    look()
    assert look() == [OBJECTS]
    run(look.profile, instance, OBJECTS)
    assert look() == []
    assert f"{OBJECTS}: nothing to do" in str(look.skipped)
    put(layout, OBJECTS, "b")
    assert look() == []
    assert look() == [OBJECTS]


@pytest.mark.slow
def test_a_deleted_photo_is_asked_for_as_a_new_one_is(
    look: Looks, layout: Layout, instance: dg.DagsterInstance
) -> None:
    put(layout, OBJECTS, "a", "b", "c")
    look()
    assert look() == [OBJECTS]
    run(look.profile, instance, OBJECTS)
    (layout.data / OBJECTS / "c.jpg").unlink()
    assert look() == []
    assert look() == [OBJECTS]
    run(look.profile, instance, OBJECTS)
    assert look() == []
    assert f"{OBJECTS}: nothing to do" in str(look.skipped)


@pytest.mark.slow
def test_wave_after_wave_is_asked_for_until_none_is_left(
    layout: Layout, instance: dg.DagsterInstance
) -> None:
    paths = [f"paths.{name}={getattr(layout, name)}" for name in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, [*paths, "wave=1"])
    look = Looks(profile, instance)
    put(layout, OBJECTS, "a", "b")
    look()
    for _ in range(2):
        assert look() == [OBJECTS]
        run(profile, instance, OBJECTS)
    assert look() == []
    assert f"{OBJECTS}: nothing to do" in str(look.skipped)


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
)
def test_a_category_waits_while_a_run_of_it_is_under_way(
    look: Looks, layout: Layout, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    put(layout, OBJECTS, "a")
    put(layout, PHYSICAL, "a")
    look()
    add_run(instance, OBJECTS, status)
    assert look() == [PHYSICAL]
    assert nightly(look) == [PHYSICAL]


def test_runs_that_have_ended_hold_nothing_up(
    look: Looks, layout: Layout, instance: dg.DagsterInstance
) -> None:
    put(layout, OBJECTS, "a")
    look()
    for status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE):
        add_run(instance, OBJECTS, status)
    assert look() == [OBJECTS]


def nightly(look: Looks) -> list[str]:
    """The categories that the schedule asks for."""
    schedule = look.definitions.resolve_schedule_def("nightly")
    context = dg.build_schedule_context(
        look.instance,
        scheduled_execution_time=datetime(2026, 1, 1, 2, tzinfo=UTC),
        repository_def=look.definitions.get_repository_def(),
    )
    requests = schedule.evaluate_tick(context).run_requests or []
    return [request.tags[PARTITION_TAG] for request in requests]


@pytest.mark.slow
def test_the_schedule_asks_for_every_category_with_unfinished_photos(
    look: Looks, layout: Layout, instance: dg.DagsterInstance
) -> None:
    assert nightly(look) == []
    put(layout, OBJECTS, "a")
    put(layout, PHYSICAL, "a")
    shutil.rmtree(layout.data / PEOPLE)
    assert nightly(look) == [OBJECTS, PHYSICAL]
    run(look.profile, instance, OBJECTS)
    assert nightly(look) == [PHYSICAL]


def test_schedules_run_in_the_machines_zone_or_the_profiles(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Lisbon")
    reload_localzone()
    there = profile.model_copy(update={"automation": Automation(timezone="Asia/Shanghai")})
    for one, zone in ((profile, "Europe/Lisbon"), (there, "Asia/Shanghai")):
        defs = build_defs(one)
        schedules = defs.get_repository_def().schedule_defs
        assert {schedule.execution_timezone for schedule in schedules} == {zone}
        weekly = str(defs.get_assets_def("canaries").automation_conditions_by_key)
        assert f"cron_timezone='{zone}'" in weekly
    monkeypatch.undo()
    reload_localzone()
