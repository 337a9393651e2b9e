"""What the UI shows stale: exactly what a changed photo or setting concerns."""

from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.inputs import OBSERVE, PHOTOS, SETTINGS, new_observations, report_inputs
from iedf_assets.defs.jobs import FACTORY
from iedf_assets_tests.helpers.runs import OBJECTS, PHYSICAL, put, with_settings

LINE = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")


def stale(profile: Profile, instance: dg.DagsterInstance, category: str) -> set[str]:
    graph = build_defs(profile).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    states = {name: resolver.get_status(dg.AssetKey(name), category) for name in LINE}
    return {name for name, state in states.items() if state is StaleStatus.STALE}


def make(profile: Profile, instance: dg.DagsterInstance, category: str) -> dict[str, str]:
    """Run a wave; the data version of each stage by its name."""
    job = build_defs(profile).resolve_job_def(FACTORY)
    result = job.execute_in_process(instance=instance, partition_key=category)
    events = {
        str(event.asset_key and event.asset_key.path[-1]): event
        for event in result.get_asset_materialization_events()
    }
    return {
        name: str((event.materialization.tags or {})["dagster/data_version"])
        for name, event in events.items()
    }


@pytest.mark.slow
def test_a_setting_or_a_photo_makes_its_own_category_stale_until_it_is_made_and_nothing_else(
    profile: Profile, layout: Layout, already_run: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    already_run("coffee", "rocket")
    put(layout, OBJECTS, "rocket")
    make(profile, instance, OBJECTS)
    first = make(profile, instance, PHYSICAL)
    assert stale(profile, instance, PHYSICAL) == stale(profile, instance, OBJECTS) == set()

    assert make(profile, instance, PHYSICAL) == first
    strict = with_settings(profile, f"categories.{PHYSICAL}.thresholds.max_seam=0.01")
    for category in (PHYSICAL, OBJECTS):
        report_inputs(instance, strict, category)
    assert stale(strict, instance, PHYSICAL) == {"dataset"}
    assert stale(strict, instance, OBJECTS) == set()
    again = make(strict, instance, PHYSICAL)
    assert stale(strict, instance, PHYSICAL) == set()
    assert {name for name in LINE if again[name] != first[name]} == {"dataset"}

    put(layout, OBJECTS, "coffee")
    report_inputs(instance, strict, OBJECTS)
    assert stale(strict, instance, OBJECTS) == set(LINE)


@pytest.mark.parametrize(
    ("setting", "first"),
    [
        ("filters.min_width=65", "source_images"),
        ("workers.layered.backend=mock", "image_layers"),
        ("recipes.move.max_area=0.9", "image_layers"),
        ("recipes.move.min_shift=0.13", "edited_images"),
        ("encoding.jpeg_quality=90", "edit_pairs"),
        ("thresholds.max_seam=0.01", "dataset"),
        ("thresholds.composited.max_zoom=0.1", "dataset"),
        ("wave=3", None),
    ],
)
def test_a_setting_is_another_one_to_the_first_stage_that_depends_on_it_and_to_those_after_it(
    profile: Profile, instance: dg.DagsterInstance, setting: str, first: str | None
) -> None:
    report_inputs(instance, profile, PHYSICAL)
    found = new_observations(instance, with_settings(profile, setting), PHYSICAL)
    assert {one.asset_key for one in found} <= {SETTINGS}
    concerned = LINE[LINE.index(first) :] if first else ()
    assert [one.partition for one in found] == [f"{PHYSICAL}/{stage}" for stage in concerned]


def test_a_review_is_the_datasets_business_alone(
    profile: Profile, layout: Layout, already_run: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    already_run("coffee")
    report_inputs(instance, profile, PHYSICAL)
    ((edit_id,), *_) = Book.open(profile, layout, PHYSICAL).verdicts.pick("edit_id")
    add_review(layout, edit_id, "reject")
    (found,) = new_observations(instance, profile, PHYSICAL)
    assert found.partition == f"{PHYSICAL}/dataset"


def test_photos_and_settings_are_recorded_when_they_are_others_and_not_again(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    put(layout, PHYSICAL, "coffee")
    assert build_defs(profile).resolve_job_def(OBSERVE).execute_in_process(instance=instance).success
    for category in (PHYSICAL, OBJECTS):
        assert new_observations(instance, profile, category) == []
    put(layout, PHYSICAL, "rocket")
    (found,) = new_observations(instance, profile, PHYSICAL)
    assert found.asset_key == PHOTOS
    assert found.metadata["files"].value == 2
