"""Dagster's storage in a real PostgreSQL on loopback: runs of two processes at once, checks, the sensor."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.instance import prepare_home
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import CHECKED, OBJECTS, PHYSICAL, put
from iedf_assets_tests.helpers.serving import free_port

pytestmark = pytest.mark.slow
SETTINGS = PROJECT_ROOT / "configs" / "dagster_postgres.yaml"


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database, told by its variables; root may not run one, so then the user `postgres` does."""
    (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    # Short, since it holds a socket, and owned by who runs the database.
    base = Path(tempfile.mkdtemp(prefix="iedf-pg-"))
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(base, "postgres", "postgres")
        as_user = [str(shutil.which("runuser")), "-u", "postgres", "--"]
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=base, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-D", str(base / "data"), "-U", "iedf", "--auth=trust", "--no-sync")
    options = f"-h 127.0.0.1 -p {port} -k {base} -c fsync=off"
    run("pg_ctl", "-D", str(base / "data"), "-o", options, "-l", str(base / "log"), "-w", "start")
    told = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "USER": "iedf",
        "PASSWORD": "none",
        "DATABASE": "postgres",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DAGSTER_HOME", "")
    try:
        yield
    finally:
        run("pg_ctl", "-D", str(base / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(base)


def start(profile: Profile, category: str) -> subprocess.Popen[str]:
    paths = [f"paths.{key}={getattr(profile.paths, key)}" for key in ("data", "outputs", "logs")]
    told = [part for setting in (*paths, f"paths.instance={SETTINGS}") for part in ("--set", setting)]
    command = [sys.executable, "-m", "iedf_assets.cli", "run", "--config", str(CLASSICAL)]
    command += ["--category", category, *told]
    return subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.usefixtures("postgres")
def test_two_runs_at_once_their_checks_and_the_sensor_share_one_database(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee")
    put(layout, OBJECTS, "chelsea")
    runs = [start(profile, category) for category in (PHYSICAL, OBJECTS)]
    for process in runs:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
    prepare_home(layout, SETTINGS)
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
        recorded = instance.get_runs()
        assert {run.status for run in recorded} == {dg.DagsterRunStatus.SUCCESS}
        assert {run.tags["dagster/partition"] for run in recorded} == {PHYSICAL, OBJECTS}
        for run in recorded:
            entries = [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records]
            kinds = {entry.dagster_event_type.value for entry in entries if entry.dagster_event_type}
            assert CHECKED in kinds
        # Nothing is new, so the sensor asks for nothing; then it is, and it asks for that category alone.
        definitions = build_defs(profile)
        sensor = definitions.resolve_sensor_def("new_photos")
        asked = []
        cursor = None
        for look in range(3):
            if look == 1:
                put(layout, PHYSICAL, "astronaut")
            context = dg.build_sensor_context(
                instance, cursor, definitions=definitions, sensor_name="new_photos"
            )
            tick = sensor.evaluate_tick(context)
            cursor = tick.cursor
            asked.append([str(request.partition_key) for request in tick.run_requests or []])
        assert asked[0] == []
        assert [PHYSICAL] in asked[1:]
    assert not list(layout.dagster_home.rglob("*.db"))


def test_the_instance_is_otherwise_the_usual_one() -> None:
    usual = yaml.safe_load((PROJECT_ROOT / "configs" / "dagster.yaml").read_text("utf-8"))
    assert {name: part for name, part in settings().items() if name != "storage"} == usual


def settings() -> dict[str, object]:
    told: dict[str, object] = yaml.safe_load(SETTINGS.read_text("utf-8"))
    return told
