import pytest

from iedf_assets.core.judging.pair_checks import (
    CHECKS,
    INSIDE_BOUNDS,
    OUTSIDE_BOUNDS,
    bounds_of,
    judge,
    outside_checks,
)
from iedf_assets.core.profile.thresholds import OutsideTier, Thresholds
from iedf_assets.core.scoring.scores import OUTSIDE_SCORES, Scores

PERFECT: Scores = {
    "mask_share": 0.2, "mask_largest_share": 1.0, "mask_hole_share": 0.0, "polarity": 50.0,
    "changed_share_inside": 0.9, "structure_inside": 1.0, "sharpness": 1.0, "seam": 0.0, "effect": 1.0,
    "instruction_faults": 0, **dict.fromkeys(OUTSIDE_SCORES, 0.0), "ssim_outside_region": 1.0,
    "similarity_outside": 1.0, "psnr_outside": 100.0,
}  # fmt: skip
LIMITS = Thresholds()
BOUNDS = (*INSIDE_BOUNDS, *OUTSIDE_BOUNDS)


def test_a_perfect_pair_passes_in_every_tier_but_the_global_one() -> None:
    assert judge(PERFECT, "composited", LIMITS) == judge(PERFECT, "raw", LIMITS) == []
    assert judge(PERFECT, "global", LIMITS) == ["approval"]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.limit)
def test_each_limit_is_held_exactly(bound: object) -> None:
    assert bound in BOUNDS
    found = next(other for other in BOUNDS if other is bound)
    limit = next(limit for other, limit in bounds_of("composited", LIMITS) if other is found)
    step = -1e-6 if found.limit.startswith("min_") else 1e-6
    assert judge(PERFECT | {found.score: limit}, "composited", LIMITS) == []
    assert judge(PERFECT | {found.score: limit + step}, "composited", LIMITS) == [found.check]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.limit)
def test_a_missing_score_fails_where_it_is_required(bound: object) -> None:
    found = next(other for other in BOUNDS if other is bound)
    if found.score != "max_difference_outside":
        failed = judge(PERFECT | {found.score: None}, "composited", LIMITS)
        assert failed == ([found.check] if found.required else [])


def test_without_an_outside_its_checks_have_not_run_and_that_is_no_pass() -> None:
    scores = PERFECT | dict.fromkeys(OUTSIDE_SCORES)
    assert judge(scores, "composited", LIMITS) == ["no_outside"]


def test_a_limit_of_null_switches_a_check_off() -> None:
    lenient = Thresholds(composited=OutsideTier(max_difference_outside=None))
    assert "exact_outside" in outside_checks("composited", LIMITS)
    assert "exact_outside" not in outside_checks("composited", lenient)
    assert judge(PERFECT | {"max_difference_outside": 9}, "composited", lenient) == []


def test_every_bound_belongs_to_a_check_of_the_table() -> None:
    assert {bound.check for bound in BOUNDS} | {"no_outside", "approval", "stated"} == set(CHECKS)


def test_a_stated_edit_has_to_be_what_is_stated_and_nothing_of_the_outside() -> None:
    scores: Scores = {"changed_share_inside": 0.9, "instruction_faults": 0, **dict.fromkeys(OUTSIDE_SCORES)}
    assert judge(scores | {"stated_error": 0.0}, "stated", LIMITS) == []
    assert judge(scores | {"stated_error": 1.0}, "stated", LIMITS) == ["stated"]
    assert judge(scores | {"stated_error": None}, "stated", LIMITS) == ["stated"]
    assert judge(scores | {"stated_error": 0.0, "changed_share_inside": 0.0}, "stated", LIMITS) == ["no_op"]
    assert outside_checks("stated", LIMITS) == ()
