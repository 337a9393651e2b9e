import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.judging.dataset_check import CheckReport, check_dataset
from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.scoring.masks.mask_scores import MASK_SCORES
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.limits import MASKS_UNJUDGED
from iedf_assets_tests.helpers.networks import put_network
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL

# What nobody would measure, so that it is known again.
TOLD = {"object_confidence": 0.99125, "neck_step": 0.125, "outline_unseen": 0.03125}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Outputs with published samples whose masks were measured when they were finished."""
    paths = [f"paths.{key}={tmp_path / key}" for key in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, paths)
    found = Layout.of(profile)
    plant = Plant(profile, found, "物理变化", ("coffee",))
    plant.make()
    for row in plant.pairs.values():
        row["scores"] = {**row["scores"], **TOLD}
    plant.judge()
    plant.save()
    write_index(profile, found)
    return found


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    put_network(tmp_path / "models" / "u2netp.onnx")
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path / "models"))


def scores(report: CheckReport, number: int = 0) -> dict[str, Any]:
    return {name: report.pairs[number].scores.get(name) for name in MASK_SCORES}


@pytest.mark.usefixtures("network")
def test_an_index_carries_what_was_measured_and_nobody_is_asked_again(layout: Layout) -> None:
    row = json.loads(layout.index.read_text("utf-8").splitlines()[0])
    carried = row["metadata"]["measured"]["scores"]
    assert {name: value for name, value in carried.items() if value is not None} == TOLD
    report = check_dataset(layout.dataset)
    assert scores(report) == dict.fromkeys(MASK_SCORES) | TOLD
    assert "object" not in report.pairs[0].not_run
    assert "object" not in report.pairs[0].failed_checks


@pytest.mark.usefixtures("network")
def test_what_the_run_inspects_takes_its_own_measures_over(layout: Layout) -> None:
    found = next(inspect_published(layout, "物理变化", 1)).scores
    assert found
    assert {name: found[name] for name in TOLD} == TOLD
    assert "object_agreement" not in found


@pytest.mark.usefixtures("network")
def test_another_mask_is_measured_anew(layout: Layout) -> None:
    mask = next(layout.dataset.rglob("00001_mask.png"))
    mask.write_bytes(encode_png(255 - decode(mask)))
    report = check_dataset(layout.dataset)
    number = next(n for n, pair in enumerate(report.pairs) if str(pair.sample) in str(mask))
    assert scores(report, number)["object_confidence"] is None
    assert scores(report, number)["object_agreement"] is not None


@pytest.mark.usefixtures("network")
def test_deep_asks_about_every_mask(layout: Layout) -> None:
    report = check_dataset(layout.dataset, deep=True)
    assert all(scores(report, n)["object_agreement"] is not None for n in range(len(report.pairs)))
    assert all(scores(report, n)["object_confidence"] is None for n in range(len(report.pairs)))


@pytest.mark.usefixtures("network")
def test_a_bare_tree_is_measured_and_a_switched_off_check_asks_nobody(layout: Layout) -> None:
    shutil.rmtree(layout.reports)
    assert scores(check_dataset(layout.dataset))["object_agreement"] is not None
    assert scores(check_dataset(layout.dataset, thresholds=MASKS_UNJUDGED))["object_agreement"] is None


def test_without_a_network_the_check_has_not_run(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IEDF_MODELS", str(tmp_path / "nowhere"))
    shutil.rmtree(layout.reports)
    report = check_dataset(layout.dataset, thresholds=Thresholds(max_neck_step=None))
    assert all("object" in pair.not_run and "object" not in pair.failed_checks for pair in report.pairs)
