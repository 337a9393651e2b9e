"""Checks of a finished factory, run with a partition and without, on files that were broken by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from iedf_assets.core.judging.pair_checks import judge
from iedf_assets.core.judging.proving import Detection
from iedf_assets.core.judging.telling import told
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.locks import exclusive
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.ownership import claim_outputs
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.checks.samples import look_at_samples
from iedf_assets.defs.checks.stored import keep
from iedf_assets.defs.checks.verdict import Case, Verdict, together
from iedf_assets.defs.jobs import FACTORY, JUDGE
from iedf_assets.defs.strips import rejects_strip
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import OBJECTS, PHYSICAL, put, with_settings

Found = dict[str, dg.AssetCheckEvaluation]
EVERY = "all_categories_pass"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        # Dagster looks for what a check is of only where something was made.
        for category in (OBJECTS, PHYSICAL):
            for asset in ("source_images", "image_layers", "dataset"):
                instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=category))
        yield instance


def judged(profile: Profile, instance: dg.DagsterInstance, *categories: str) -> Found:
    """What the job `judge` finds, by `asset.check`."""
    config = {"resources": {"factory": {"config": {"categories": list(categories)}}}}
    job = build_defs(profile).resolve_job_def(JUDGE)
    result = job.execute_in_process(instance=instance, run_config=config)
    assert result.success
    return {
        f"{one.asset_key.to_user_string()}.{one.check_name}": one
        for one in result.get_asset_check_evaluations()
    }


def numbers(evaluation: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {key: value.value for key, value in evaluation.metadata.items()}


def one_mask(layout: Layout) -> Path:
    return min(layout.dataset.rglob("00001_mask.png"))


@pytest.mark.slow
def test_checks_run_without_a_partition_judge_all_categories_and_name_each_findings(
    profile: Profile, layout: Layout, already_run: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    already_run("coffee", "rocket")
    assert all(one.passed for one in judged(profile, instance).values())
    mask = one_mask(layout)
    mask.unlink()
    found = judged(profile, instance)
    red = {name for name, one in found.items() if not one.passed}
    assert {f"dataset.{EVERY}", f"dataset_index.{EVERY}", "dataset.consistency"} <= red
    sentence = str(found["dataset.consistency"].description)
    assert sentence.startswith(f"{PHYSICAL}: ")
    assert sentence.count("not run: the sample has no mask") == 1
    assert "not run: the sample has no mask" in str(found["dataset.masks_sane"].description)
    assert "![pictures of the worst]" in str(
        found["dataset.naming_and_completeness"].metadata["pictures of the worst"].value
    )


@pytest.mark.slow
def test_a_red_category_stays_red_whatever_else_is_judged_or_made_until_it_is_made_good(
    profile: Profile, layout: Layout, already_run: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    already_run("coffee", "rocket")
    one_mask(layout).unlink()
    judged(profile, instance)
    assert not judged(profile, instance, OBJECTS)[f"dataset.{EVERY}"].passed
    put(layout, OBJECTS, "rocket")
    made = build_defs(profile).resolve_job_def(FACTORY)
    other = made.execute_in_process(instance=instance, partition_key=OBJECTS)
    by_name = {
        (e.asset_key.to_user_string(), e.check_name): e.passed for e in other.get_asset_check_evaluations()
    }
    assert by_name["dataset", "consistency"]
    assert not by_name["dataset", EVERY]
    assert not by_name["dataset_index", EVERY]
    again = made.execute_in_process(instance=instance, partition_key=PHYSICAL)
    assert all(one.passed for one in again.get_asset_check_evaluations())


@pytest.mark.slow
def test_a_category_that_a_run_is_at_work_on_is_left_to_it(
    profile: Profile, layout: Layout, already_run: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    already_run("coffee", "rocket")
    one_mask(layout).unlink()
    with exclusive(layout.category_lock(PHYSICAL), subject="the category"):
        found = judged(profile, instance)["dataset.consistency"]
    assert found.passed
    assert f"Not looked at: {PHYSICAL}, which a run is at work on." in str(found.description)


@pytest.mark.slow
def test_a_verdict_tells_measured_values_beside_their_limits(
    profile: Profile, layout: Layout, already_run: Callable[..., None]
) -> None:
    already_run("coffee", "rocket")
    strict = with_settings(profile, "thresholds.max_seam=0.01")
    found = look_at_samples(Book.open(strict, layout, PHYSICAL))["edits_seamless"]
    assert found.cases
    assert all(case.finding.startswith("seam ") and case.finding.endswith(" > 0.01") for case in found.cases)
    assert found.more["max_seam"] == 0.01
    worst = max(float(case.finding.split()[1]) for case in found.cases)
    assert found.more["worst_seam"] == pytest.approx(worst, abs=0.01)


def test_a_failed_check_is_told_with_what_was_measured() -> None:
    scores = {"shift_px": 0.1, "zoom": 0.02, "mask_share": 0.001, "max_difference_outside": 3.0}
    failed = judge(scores, "composited", Thresholds())
    assert {"drift", "mask_area"} <= set(failed)
    assert told("drift", scores, "composited", Thresholds()) == "drift: zoom 0.02 > 0.001"
    assert told("mask_area", scores, "composited", Thresholds()) == "mask_area: mask_share 0.001 < 0.005"
    assert told("exact_outside", scores, "composited", Thresholds()) == "exact_outside 3 > 0"
    assert told("mse_outside", scores, "composited", Thresholds()) == "mse_outside not measured"


def test_verdicts_on_several_categories_name_them_and_begin_with_the_worst_of_each() -> None:
    first = Verdict(3, [Case("x", "bad"), Case("y", "bad")])
    both = together({"a": first, "b": Verdict(2, [Case("z", "worse")]), "c": Verdict(1)})
    assert [case.subject for case in both.cases] == ["a: x", "b: z", "a: y"]
    assert both.looked_at == 6
    assert both.more == {"findings in a": 2, "findings in b": 1, "findings in c": 0}
    assert both.sentence == "a: x: bad. 2 more. 6 looked at."


def test_broken_photos_are_told_by_name_and_reason_and_only_warn(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    (layout.data / OBJECTS).mkdir(parents=True)
    (layout.data / OBJECTS / "letter.jpg").write_text("no photo")
    job = build_defs(profile).resolve_job_def("ingest")
    result = job.execute_in_process(instance=instance, partition_key=OBJECTS)
    found = {one.check_name: one for one in result.get_asset_check_evaluations()}
    broken = found["photos_readable"]
    assert not broken.passed
    assert broken.severity == dg.AssetCheckSeverity.WARN
    assert f"{OBJECTS}/letter.jpg: unreadable" in str(broken.description)
    table = broken.metadata["broken"]
    assert isinstance(table, dg.TableMetadataValue)
    (row,) = table.records
    assert row.data["path"] == f"{OBJECTS}/letter.jpg"
    assert row.data["reason"] == "unreadable"
    assert found["every_file_listed"].passed


def test_rejects_are_shown_with_their_reasons(tmp_path: Path) -> None:
    home = {name: tmp_path / name for name in ("data", "outputs", "logs")}
    profile = load_profile(CLASSICAL, [f"paths.{name}={path}" for name, path in home.items()])
    plant = Plant(profile, Layout.of(profile), OBJECTS)
    plant.no_ops = frozenset({plant.slots[0].name})
    plant.make()
    plant.judge()
    plant.save()
    shown = rejects_strip(Book.open(profile, Layout.of(profile), OBJECTS))
    (text,) = (value.value for value in shown.values())
    assert "failed: no\\_op 0 \\< 0.05" in str(text)
    assert str(text).count("data:image/jpeg;base64,") == 1


def test_judging_one_of_both_assets_tells_the_other_one_too(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    claim_outputs(layout)
    bad = Verdict(1, [Case("x", "broken")])
    keep(layout, "consistency", OBJECTS, bad, blames=True)
    look_again(profile, instance, "dataset", EVERY)
    for one in of_all(instance):
        assert not one.passed
        assert str(one.description).startswith(f"{OBJECTS}, consistency: x: broken.")


def test_a_check_that_turns_red_or_green_alone_turns_both_assets_at_once(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    photo = layout.data / OBJECTS / "letter.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_text("no photo")
    ingest = build_defs(profile).resolve_job_def("ingest")
    assert ingest.execute_in_process(instance=instance, partition_key=OBJECTS).success
    photo.write_text("another one")
    look_again(profile, instance, "source_images", "inputs_unchanged")
    for one in of_all(instance):
        assert not one.passed
        assert str(one.description).startswith(f"{OBJECTS}, inputs_unchanged: {OBJECTS}/letter.jpg: changed")
    key = dg.AssetCheckKey(dg.AssetKey("source_images"), "inputs_unchanged")
    (partition,) = instance.event_log_storage.get_asset_check_partition_info([key], partition_keys=[OBJECTS])
    assert partition.latest_execution_status.value == "FAILED"
    assert partition.latest_target_materialization_storage_id == partition.latest_materialization_storage_id
    assert ingest.execute_in_process(instance=instance, partition_key=OBJECTS).success
    assert all(one.passed for one in of_all(instance))


def test_a_run_that_ends_before_its_checks_does_not_hide_what_is_red(
    profile: Profile, layout: Layout, instance: dg.DagsterInstance
) -> None:
    claim_outputs(layout)
    keep(layout, "consistency", OBJECTS, Verdict(1, [Case("x", "broken")]), blames=True)
    look_again(profile, instance, "dataset", EVERY)
    whole = build_defs(profile).resolve_job_def(FACTORY)
    # There is no folder of that category.
    ended = whole.execute_in_process(instance=instance, partition_key=PHYSICAL, raise_on_error=False)
    assert not ended.success
    assert not any(one.passed for one in of_all(instance))


def test_canaries_are_judged_by_the_profiles_own_limits(
    profile: Profile, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by: list[Thresholds] = []

    def proven(*_: object, thresholds: Thresholds, **__: object) -> list[Detection]:
        judged_by.append(thresholds)
        return []

    monkeypatch.setattr("iedf_assets.defs.assets.canaries.prove", proven)
    strict = with_settings(profile, "thresholds.max_seam=0.01")
    assert build_defs(strict).resolve_job_def("prove").execute_in_process(instance=instance).success
    assert judged_by == [strict.thresholds]


def look_again(profile: Profile, instance: dg.DagsterInstance, asset: str, check: str) -> None:
    """Execute one check, of all categories."""
    checks = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), check))
    job = dg.define_asset_job("one", selection=checks)
    definitions = dg.Definitions.merge(build_defs(profile), dg.Definitions(jobs=[job]))
    assert definitions.resolve_job_def("one").execute_in_process(instance=instance).success


def of_all(instance: dg.DagsterInstance) -> list[dg.AssetCheckEvaluation]:
    """What the two assets that are red while any category is show now."""
    found = []
    for asset in ("dataset", "dataset_index"):
        key = dg.AssetCheckKey(dg.AssetKey(asset), EVERY)
        record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
        assert isinstance(record.evaluation, dg.AssetCheckEvaluation)
        found.append(record.evaluation)
    return found
