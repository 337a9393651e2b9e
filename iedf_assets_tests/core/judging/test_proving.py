import json
from pathlib import Path

import pytest

from iedf_assets.core.judging.mask_canaries import MASK_CANARIES
from iedf_assets.core.judging.proving import UNTOUCHED, Detection, as_json, prove, worst_rates
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.thresholds import LATER, OutsideTier, Thresholds
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.limits import MASKS_UNJUDGED
from iedf_assets_tests.helpers.pair_making import Plant, tree

LAX = Thresholds.model_validate({
    "min_mask_share": 0, "max_mask_share": 1, "min_mask_largest_share": 0, "max_mask_hole_share": 1,
    "min_polarity": 0, "min_changed_share_inside": 0, "min_structure": -1, "min_sharpness": 0,
    **dict.fromkeys(LATER), "max_seam": 1e9, "min_effect": -1, "max_instruction_faults": 1000,
    "composited": dict.fromkeys(OutsideTier.model_fields),
})  # fmt: skip


@pytest.fixture
def outputs(profile: Profile, layout: Layout) -> Path:
    plant = Plant(profile, layout, "物体一致性", photos=("coffee", "chelsea", "rocket"))
    plant.make()
    plant.judge()
    plant.save()
    write_index(profile, layout)
    return layout.outputs


@pytest.mark.slow
def test_every_canary_is_found_and_the_dataset_is_not_touched(outputs: Path, tmp_path: Path) -> None:
    before = tree(outputs / "dataset")
    steps: list[tuple[int, int]] = []
    found = prove(
        outputs, tmp_path / "work", per_class=2, thresholds=MASKS_UNJUDGED,
        report=lambda *step: steps.append(step),
    )  # fmt: skip
    assert tree(outputs / "dataset") == before
    assert steps[-1][0] == steps[-1][1] == len(steps)
    detections = {detection.name: detection for detection in found}
    # The texts of these pairs are nobody's words, so that nothing can be turned round in them.
    assert "wrong_direction" not in detections
    assert len(detections) >= 16
    # These masks are shapes, of which nobody can say whether they are whole.
    told = [detection for detection in found if detection.name not in {one.name for one in MASK_CANARIES}]
    assert [detection.name for detection in told if not detection.holds] == []
    assert all(detection.injected == 2 for detection in told if detection.name != "leak")
    assert worst_rates(told) == {"lowest_detection_rate": 1.0, "false_reject_rate": 0.0}


def test_a_blind_judge_is_told_to_be_blind(outputs: Path, tmp_path: Path) -> None:
    found = prove(outputs, tmp_path / "work", per_class=1, thresholds=LAX)
    missed = {detection.name for detection in found if not detection.holds}
    assert {"no_op", "brighter_1", "shifted", "mask_inverted", "hard_seam", "re_encoded"} <= missed
    # What needs no threshold is still found.
    assert not {"truncated", "swapped_languages", UNTOUCHED} & missed


def test_an_empty_dataset_proves_nothing(tmp_path: Path) -> None:
    assert prove(tmp_path, tmp_path / "work", per_class=2) == []


def test_rates_count_what_was_found_of_faults_and_what_failed_of_good_samples() -> None:
    fault = Detection("leak", 4, ("a",), ())
    good = Detection(UNTOUCHED, 4, (), ("a", "b"))
    assert (fault.rates, good.rates) == ((0.75, 1.0), (0.0, 0.5))
    assert worst_rates([fault, good]) == {"lowest_detection_rate": 0.75, "false_reject_rate": 0.5}
    assert json.loads(as_json([fault]))[0]["rates"] == [0.75, 1.0]
