"""What follows by itself, evaluated as the daemon does, tick by tick."""

from typing import Any

import dagster as dg
import pytest

from iedf_assets.core.profile.schema import Profile
from iedf_assets.defs.build import build_defs
from iedf_assets_tests.helpers.runs import OBJECTS, PHYSICAL

FOLLOWERS = ("dataset_index", "report", "canaries")
AFTER = {"dataset_index": "dataset", "report": "dataset_index", "canaries": "dataset_index"}


class Ticks:
    """Ticks of the automation sensor over materializations that are only reported."""

    def __init__(self, profile: Profile, instance: dg.DagsterInstance) -> None:
        self.definitions, self.instance = build_defs(profile), instance
        self.cursor: dg.AssetDaemonCursor | None = None

    def __call__(self) -> set[str]:
        """The assets that are asked for."""
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, dg.AssetSelection.assets(*FOLLOWERS), cursor=self.cursor
        )
        self.cursor = result.cursor
        return {name for name in FOLLOWERS if result.get_num_requested(dg.AssetKey(name))}

    def made(self, *names: str, partition: str | None = None) -> None:
        """Assets made in one run that was asked for these."""
        categories = dg.StaticPartitionsDefinition([PHYSICAL, OBJECTS])

        def made_of(name: str) -> dg.AssetsDefinition:
            above = AFTER.get(name)
            options: dict[str, Any] = {"partitions_def": categories} if name == "dataset" else {}
            made: dg.AssetsDefinition = dg.asset(
                name=name, deps=[above] if above in names else [], **options
            )(lambda: None)
            return made

        job = dg.Definitions([made_of(name) for name in names]).resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in names]
        job.execute_in_process(instance=self.instance, partition_key=partition, asset_selection=keys)


@pytest.fixture
def tick(profile: Profile, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(profile, instance)


def test_nothing_is_made_of_nothing(tick: Ticks) -> None:
    assert tick() == set()
    assert tick() == set()


def test_index_report_and_canaries_follow_one_category_though_others_have_never_been_made(
    tick: Ticks,
) -> None:
    tick()
    tick.made("dataset", partition=PHYSICAL)
    assert tick() == set(FOLLOWERS)
    tick.made(*FOLLOWERS)
    assert tick() == set()


def test_what_is_missing_at_the_daemons_first_look_is_made_and_nothing_else(tick: Ticks) -> None:
    tick.made("dataset", "dataset_index", partition=PHYSICAL)
    assert tick() == {"report", "canaries"}
    assert tick() == set()
    tick.made("report")
    tick.made("canaries")
    assert tick() == set()


def test_an_index_that_its_run_has_made_is_not_made_again(tick: Ticks) -> None:
    tick()
    for category in (PHYSICAL, OBJECTS):
        tick.made("dataset", "dataset_index", partition=category)
        assert tick() == {"report", "canaries"}
        tick.made("report")
        tick.made("canaries")
        assert tick() == set()


def test_an_index_that_is_made_right_after_the_report_gets_one_too_though_nobody_looked_between(
    tick: Ticks,
) -> None:
    tick()
    tick.made("dataset", "dataset_index", partition=PHYSICAL)
    assert tick() == {"report", "canaries"}
    tick.made("report", "canaries")
    tick.made("dataset", "dataset_index", partition=OBJECTS)
    assert tick() == {"report", "canaries"}


def test_an_index_that_is_made_while_the_report_is_being_made_gets_one_too(tick: Ticks) -> None:
    tick()
    tick.made("dataset", "dataset_index", partition=PHYSICAL)
    assert tick() == {"report", "canaries"}
    tick.made("dataset", "dataset_index", partition=OBJECTS)
    asked = tick()
    tick.made("report", "canaries")
    assert asked | tick() == {"report", "canaries"}


def test_an_index_that_a_run_is_about_to_make_is_left_to_it(
    tick: Ticks, instance: dg.DagsterInstance
) -> None:
    """A look in the midst of a run: `dataset` is made, `dataset_index` planned."""
    looked: list[set[str]] = []

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition([PHYSICAL, OBJECTS]), name="dataset")
    def dataset() -> None: ...

    @dg.asset(deps=[dataset], name="dataset_index")
    def index() -> None:
        looked.append(tick())

    tick()
    dg.materialize([dataset, index], instance=instance, partition_key=PHYSICAL)
    assert looked == [set()]
    assert tick() == {"report", "canaries"}
