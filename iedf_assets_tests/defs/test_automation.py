"""What follows by itself, evaluated as the daemon does, tick by tick."""

from collections.abc import Iterator

import dagster as dg
import pytest

from iedf_assets.core.profile.schema import Profile
from iedf_assets.defs.build import build_defs
from iedf_assets_tests.helpers.runs import OBJECTS, PHYSICAL

FOLLOWERS = ("dataset_index", "report", "canaries")


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

    def made(self, asset: str, partition: str | None = None) -> None:
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


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
    tick.made("dataset", PHYSICAL)
    assert tick() == set(FOLLOWERS)
    for asset in FOLLOWERS:
        tick.made(asset)
    assert tick() == set()


def test_what_is_missing_at_the_daemons_first_look_is_made_and_nothing_else(tick: Ticks) -> None:
    for asset, partition in (("dataset", PHYSICAL), ("dataset_index", None)):
        tick.made(asset, partition)
    assert tick() == {"report", "canaries"}
    assert tick() == set()
    tick.made("report")
    tick.made("canaries")
    assert tick() == set()


def test_an_index_that_its_run_has_made_is_not_made_again(tick: Ticks) -> None:
    tick()
    for category in (PHYSICAL, OBJECTS):
        tick.made("dataset", category)
        tick.made("dataset_index")
        assert tick() == {"report", "canaries"}
        tick.made("report")
        tick.made("canaries")
        assert tick() == set()


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
