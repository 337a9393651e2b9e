"""Whole runs on real photos: real worker processes, real runs in a Dagster instance of their own."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from iedf_assets.cli.commands.run import LazyWaves, letting_go
from iedf_assets.core.errors import FactoryError
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.planning import withdrawals
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.build import build_checks
from iedf_assets_tests.helpers.bad_inputs import make_bad_inputs
from iedf_assets_tests.helpers.runs import CHECKED, OBJECTS, PHYSICAL, put, run, tree, with_settings


def assert_runs_succeeded_and_were_checked(layout: Layout, count: int) -> None:
    with dg.DagsterInstance.from_config(str(layout.dagster_home)) as instance:
        runs = instance.get_runs()
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * count
        events = [entry.dagster_event for entry in instance.all_logs(runs[0].run_id) if entry.dagster_event]
    partitions = dg.StaticPartitionsDefinition(["物理变化"])
    checks = [event.asset_check_evaluation_data for event in events if event.event_type_value == CHECKED]
    # All but the canaries', which are put in when somebody asks for it.
    assert len(checks) == sum(len(list(built.check_keys)) for built in build_checks(partitions)) - 1
    assert [check.check_name for check in checks if not check.passed] == []


def test_photos_become_a_clean_dataset_once(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    outcome, made = run(profile)
    assert outcome.went_through, outcome.error
    assert outcome.counts["dataset"] == {"published": 2}
    assert made["image_layers"] == 1
    assert made["edited_images"] == made["edit_pairs"] == 2
    assert check_dataset(layout.dataset, thresholds=profile.thresholds).clean
    again, made = run(profile)
    assert (again.waves, made) == (0, {})
    assert_runs_succeeded_and_were_checked(layout, 1)


@pytest.mark.slow
def test_one_more_photo_is_one_more_source(profile: Profile, layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    run(profile)
    first = tree(layout.dataset)
    put(layout, PHYSICAL, "rocket")
    outcome, made = run(profile)
    assert outcome.went_through, outcome.error
    assert (made["source_images"], made["image_layers"], made["edited_images"]) == (1, 1, 2)
    assert outcome.counts["dataset"] == {"published": 4}
    assert check_dataset(layout.dataset, thresholds=profile.thresholds).clean
    after = tree(layout.dataset)
    assert {name: after[name] for name in first} == first
    assert_runs_succeeded_and_were_checked(layout, 2)


@pytest.mark.slow
def test_thresholds_re_judge_without_rendering_and_numbers_return(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    before = tree(layout.dataset)
    strict = with_settings(profile, "thresholds.min_changed_share_inside=1")
    outcome, made = run(strict)
    assert outcome.counts["dataset"].get("published", 0) == 0
    # The photos are copies, which are looked at again.
    assert set(made) <= {"source_images", "dataset"}
    assert tree(layout.dataset) == {}
    outcome, made = run(profile)
    assert set(made) <= {"dataset"}
    assert tree(layout.dataset) == before


@pytest.mark.slow
def test_a_photo_that_is_gone_takes_its_samples_with_it_and_gets_its_numbers_back(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    before = tree(layout.dataset)
    shutil.move(layout.data / PHYSICAL / "rocket", layout.data / "aside")
    outcome, _ = run(profile)
    assert outcome.counts["dataset"] == {"published": 2, "withdrawn": 2}
    assert len(tree(layout.dataset)) == len(before) / 2
    shutil.move(layout.data / "aside", layout.data / PHYSICAL / "rocket")
    outcome, _ = run(profile)
    assert outcome.counts["dataset"] == {"published": 4}
    assert tree(layout.dataset) == before


@pytest.mark.slow
def test_waves_do_not_change_what_comes_out(
    profile: Profile, layout: Layout, tmp_path: Path, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    other = with_settings(profile, f"paths.outputs={tmp_path / 'other'}", "wave=1")
    outcome, _ = run(other)
    assert outcome.waves == 2
    at_once, in_waves = (
        {content for name, content in tree(folder).items() if name.endswith(".jpg")}
        for folder in (layout.dataset, Layout.of(other).dataset)
    )
    assert in_waves == at_once


@pytest.mark.slow
def test_a_run_that_ended_before_the_index_was_written_is_made_good_by_the_next(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "rocket")
    in_the_way = layout.reports / "twins.json"
    in_the_way.mkdir(parents=True)
    outcome, _ = run(profile)
    assert "dataset_index failed" in str(outcome.error)
    in_the_way.rmdir()
    layout.index.write_text("")
    outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    assert outcome.waves == 1
    assert layout.index.read_text("utf-8").count("\n") == outcome.counts["dataset"]["published"] > 0
    outcome, _ = run(profile)
    assert outcome.waves == 0


@pytest.mark.slow
def test_a_deleted_output_is_made_again_alike(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    before = tree(layout.dataset)
    victim = next(layout.dataset.rglob("*_result.jpg"))
    victim.unlink()
    shutil.rmtree(layout.staging)
    outcome, _ = run(profile)
    assert outcome.went_through, outcome.error
    assert tree(layout.dataset) == before


@pytest.mark.slow
def test_thirty_kinds_of_bad_input_end_with_thirty_reasons_and_a_green_run(
    profile: Profile, layout: Layout
) -> None:
    expected = make_bad_inputs(layout.data / OBJECTS)
    outcome, _ = run(profile, OBJECTS)
    assert outcome.error is None
    assert outcome.failed_rows == 0
    reasons = {path: row["reason"] for path, row in Book.open(profile, layout, OBJECTS).sources.items()}
    assert len([reason for reason in reasons.values() if reason]) >= 30
    assert len(expected) == len(reasons)
    assert check_dataset(layout.dataset, thresholds=profile.thresholds).clean


@pytest.mark.slow
def test_a_vanished_folder_stops_the_category_and_withdraws_nothing(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    before = tree(layout.dataset)
    shutil.rmtree(layout.data / PHYSICAL)
    outcome, _ = run(profile)
    assert outcome.error
    assert "is gone" in outcome.error
    assert tree(layout.dataset) == before


def test_a_second_run_of_a_category_is_kept_out(profile: Profile, layout: Layout) -> None:
    from iedf_assets.core.storage.locks import exclusive

    put(layout, PHYSICAL, "rocket")
    with exclusive(layout.category_lock(PHYSICAL), subject="x"):
        outcome, made = run(profile)
    assert outcome.error
    assert f"process {os.getpid()}" in outcome.error
    assert made == {}


@pytest.mark.slow
def test_the_index_tells_every_sample_with_paths_that_exist(
    layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    rows = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    assert len(rows) == 4
    for row in rows:
        paths = [row["src_image_path"], row["result_image_path"], *row["mask_paths"]]
        paths.append(row["metadata"]["allowed_region_mask_path"])
        assert all((layout.outputs / path).is_file() for path in paths)
        assert row["instruction_ch"]
        assert row["instruction_en"]


@pytest.mark.slow
def test_a_change_that_would_take_away_much_stops_and_asks(
    profile: Profile, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawals, "FEW", 2)
    put(layout, PHYSICAL, "coffee")
    assert run(profile)[0].went_through
    before = tree(layout.dataset)
    stricter = with_settings(profile, "thresholds.max_mask_share=0.01")

    outcome, made = run(stricter)
    assert outcome.asks
    assert outcome.error
    assert "2 of the 2 published samples" in outcome.error
    assert made == {}
    with pytest.raises(FactoryError, match="2 of the 2 published samples"):
        LazyWaves(stricter, lambda *_: None).run(PHYSICAL)
    assert tree(layout.dataset) == before

    outcome, _ = run(letting_go(stricter))
    assert outcome.counts["dataset"]["rejected"] == 2
    assert tree(layout.dataset) == {}


@pytest.mark.slow
def test_an_edit_that_is_turned_down_is_tried_anew_until_none_is_left(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee")
    two = with_settings(profile, "tries=2", "thresholds.max_mask_share=0.01")
    outcome, _ = run(two)
    assert outcome.went_through, outcome.error
    assert (outcome.waves, outcome.counts["dataset"]) == (2, {"rejected": 4})
    rejects = [json.loads(path.read_text("utf-8")) for path in layout.reports.rglob("reasons.json")]
    # A try that could only repeat an earlier one is not made.
    assert {reject["try"] for reject in rejects} == {1, 2}
    assert len({json.dumps(reject["recipe"]) for reject in rejects}) == len(rejects)

    again, made = run(two)
    assert (again.waves, made) == (0, {})
    outcome, made = run(with_settings(profile, "tries=3", "thresholds.max_mask_share=0.01"))
    assert (outcome.waves, outcome.counts["dataset"]) == (1, {"rejected": 6})
    assert made.get("edited_images", 0) <= 2
    outcome, made = run(with_settings(profile, "tries=3"))
    assert outcome.counts["dataset"] == {"published": 2}
    assert "edited_images" not in made
