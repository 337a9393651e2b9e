"""A category is renamed while a backfill is open, and Dagster's daemon goes on with it."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, PartitionBackfill

from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.instance import PARTITION_TAG
from iedf_assets.defs.partitions import leaving_categories
from iedf_assets_tests.helpers.factories import CATEGORY, RUN_S, Factory, put_photos

RENAMED, NEW_NAME = "物体一致性", "物体"
STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")


def ask_for(profile: Profile, instance: dg.DagsterInstance, *categories: str) -> str:
    """Ask for a backfill of all stages as the UI does; its id."""
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="of-both",
        asset_graph=build_defs(profile).resolve_asset_graph(),
        partition_names=categories,
        asset_selection=[dg.AssetKey(stage) for stage in STAGES],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")  # Dagster's own
def test_a_category_that_is_renamed_ends_its_own_partition_of_an_open_backfill_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = Factory(tmp_path, backend="mock")
    factory.prepare()
    put_photos(tmp_path / "data", 1)
    with dg.DagsterInstance.from_config(str(factory.home)) as instance:
        asked = ask_for(load_profile(factory.profile), instance, RENAMED, CATEGORY)
        factory.profile.write_text(factory.profile.read_text("utf-8").replace(RENAMED, NEW_NAME), "utf-8")
        monkeypatch.setenv("DAGSTER_HOME", str(factory.home))
        profile = load_profile(factory.profile)
        assert leaving_categories(profile) == [RENAMED]
        daemon, deadline = factory.start_daemon(), time.monotonic() + RUN_S
        try:
            while (found := instance.get_backfill(asked)) is None or not is_over(found):
                assert time.monotonic() < deadline, factory.log()
                time.sleep(0.5)
        finally:
            daemon.terminate()
            daemon.wait(60)
            # What followed by itself meanwhile.
            for process in factory.processes():
                process.kill()
        ended = {run.tags.get(PARTITION_TAG): run for run in instance.get_runs()}
        assert ended[CATEGORY].is_success, factory.log()
        told = [
            entry.dagster_event.step_failure_data.user_failure_data
            for entry in instance.all_logs(ended[RENAMED].run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            if entry.dagster_event
        ]
        assert f"no category {RENAMED!r}" in str(told[0] and told[0].description)
    assert leaving_categories(profile) == []


def is_over(backfill: PartitionBackfill) -> bool:
    return backfill.status in BULK_ACTION_TERMINAL_STATUSES
