"""What follows by itself beside runs of the command: Dagster's daemon and `iedf run`, both alive at once."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest

from iedf_assets.defs.jobs import FACTORY
from iedf_assets_tests.helpers.factories import RUN_S, Factory, put_photos
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

DAEMON = ("-m", "iedf_assets_tests.helpers.eager_follower")
INDEX, REPORT = dg.AssetKey("dataset_index"), dg.AssetKey("report")
RUNS = 2


@contextmanager
def following(factory: Factory) -> Iterator[None]:
    """The daemon of a factory, as long as the block."""
    daemon = factory.start_daemon(*DAEMON)
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait(60)


def made(instance: dg.DagsterInstance) -> list[tuple[dg.AssetKey, str]]:
    """Each time that the index or the report was made, and in which run, in order."""
    records = [one for key in (INDEX, REPORT) for one in instance.fetch_materializations(key, 100).records]
    by_time = sorted(records, key=lambda one: one.storage_id)
    return [(one.asset_key, one.run_id) for one in by_time if one.asset_key]


def workers(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The workers of a run that is going on."""
    with suppress(psutil.Error):
        children = psutil.Process(run.pid).children(recursive=True)
        return [child for child in children if "model_envs.worker" in child.cmdline()]
    return []


def meet_a_look(factory: Factory, instance: dg.DagsterInstance) -> subprocess.Popen[bytes]:
    """Start a run whose worker stands still until the daemon has looked again, which it does every 5 s."""
    (state,) = instance.all_instigator_state()

    def looked() -> bool:
        looks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        return any(look.timestamp > stood for look in looks)

    run = factory.start()
    worker = wait_for(lambda: workers(run), every_s=0.02)[0]
    worker.suspend()
    stood = time.time()
    try:
        wait_for(looked)
    finally:
        worker.resume()
    return run


def test_neither_the_daemon_nor_the_command_makes_the_others_work_twice_nor_meets_its_locks(
    tmp_path: Path,
) -> None:
    factory = Factory(tmp_path, backend="mock")
    factory.prepare()
    put_photos(tmp_path / "data", 1)
    with dg.DagsterInstance.from_config(str(factory.home)) as instance, following(factory):
        wait_for(instance.all_instigator_state)
        for photos in range(1, RUNS + 1):
            put_photos(tmp_path / "data", photos)
            assert meet_a_look(factory, instance).wait(timeout=RUN_S) == 0, factory.log()
        wait_for(lambda: made(instance)[-1][0] == REPORT)
        wait_for(lambda: all(run.is_finished for run in instance.get_runs()))
        runs, found = instance.get_run_records(ascending=True), made(instance)
    assert all(run.dagster_run.is_success for run in runs), factory.log()
    assert "is being worked on" not in factory.log()
    by_hand = [run for run in runs if run.dagster_run.job_name == FACTORY]
    assert len(by_hand) == RUNS
    # The index is made by each run itself, the report by the daemon alone, once at most for each index.
    assert [run_id for key, run_id in found if key == INDEX] == [run.dagster_run.run_id for run in by_hand]
    assert sum(key == REPORT for key, _ in found) <= RUNS
