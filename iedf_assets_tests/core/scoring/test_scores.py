import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import structural_similarity

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.judging.pair_checks import judge, outside_checks
from iedf_assets.core.pictures.masks import grown
from iedf_assets.core.profile.thresholds import RawTier, Thresholds
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.scores import OUTSIDE_SCORES, Scores, consistency, measure

LIMITS = Thresholds()


def subject(shape: tuple[int, ...]) -> Pixels:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.ellipse(mask, (shape[1] // 2, shape[0] // 2), (60, 40), 15, 0, 360, 255, -1)
    return mask


def recoloured(source: Pixels, mask: Pixels) -> Pixels:
    return np.where(mask[..., None] > 0, source[..., ::-1] // 2 + 100, source).astype(np.uint8)


def a_good_pair() -> tuple[Pixels, Pixels, Pixels, Pixels]:
    source = data.coffee()
    mask = subject(source.shape)
    return source, recoloured(source, mask), mask, grown(mask, 8)


def failures_of(source: Pixels, result: Pixels, mask: Pixels, allowed: Pixels) -> list[str]:
    return judge(measure(source, result, mask, allowed), "composited", LIMITS)


def test_a_good_pair_passes_every_check() -> None:
    assert failures_of(*a_good_pair()) == []


def test_a_no_op_edit_fails() -> None:
    source, _, mask, allowed = a_good_pair()
    assert failures_of(source, source.copy(), mask, allowed) == ["no_op", "polarity"]


@pytest.mark.parametrize("step", [1, -1])
def test_one_grey_level_everywhere_fails(step: int) -> None:
    source, result, mask, allowed = a_good_pair()
    shifted = np.clip(result.astype(int) + step, 0, 255).astype(np.uint8)
    failures = set(failures_of(source, shifted, mask, allowed))
    assert (
        {"exact_outside", "colour_cast"} <= failures <= {"exact_outside", "colour_cast", "similarity_outside"}
    )


def test_a_warm_cast_of_one_percent_fails() -> None:
    source, result, mask, allowed = a_good_pair()
    warm = np.clip(result * np.array([1.01, 1, 0.99]), 0, 255).round().astype(np.uint8)
    assert "exact_outside" in failures_of(source, warm, mask, allowed)


def test_a_single_value_that_leaks_one_pixel_outside_fails() -> None:
    source, result, mask, allowed = a_good_pair()
    edge = int(np.nonzero(allowed[200])[0][0])
    assert not allowed[200, edge - 1]
    result[200, edge - 1, 2] ^= 1
    assert failures_of(source, result, mask, allowed) == ["exact_outside"]


def test_a_mask_of_everything_fails_and_nothing_outside_is_no_pass() -> None:
    source, result, mask, _ = a_good_pair()
    full = np.full_like(mask, 255)
    scores = measure(source, recoloured(source, full), full, full)
    assert all(scores[name] is None for name in OUTSIDE_SCORES)
    assert scores["outside_share"] == 0
    assert judge(scores, "composited", LIMITS) == ["mask_area", "no_outside"]
    assert judge(measure(source, result, mask, full), "composited", LIMITS) == ["no_outside"]


def test_an_empty_mask_fails_by_area_and_as_no_edit() -> None:
    source, _, mask, _ = a_good_pair()
    empty = np.zeros_like(mask)
    failures = failures_of(source, source.copy(), empty, empty)
    assert failures == ["mask_area", "mask_shape", "no_op", "polarity"]


def test_a_tiny_mask_fails_by_area() -> None:
    source, _, mask, _ = a_good_pair()
    tiny = np.zeros_like(mask)
    tiny[10:20, 10:20] = 255
    assert failures_of(source, recoloured(source, tiny), tiny, grown(tiny, 8)) == ["mask_area"]


def test_an_edit_beside_its_mask_fails_every_outside_check() -> None:
    source, _, mask, allowed = a_good_pair()
    rng = np.random.default_rng(1)
    elsewhere = rng.integers(0, 256, source.shape, dtype=np.uint8)
    result = np.where(mask[..., None] > 0, source, elsewhere)
    failures = failures_of(source, result, mask, allowed)
    assert {"polarity", "no_op"} < set(failures)
    assert set(outside_checks("composited", LIMITS)) < set(failures)


def test_a_raw_model_picture_need_not_be_exact_but_close() -> None:
    source, result, mask, allowed = a_good_pair()
    shifted = np.clip(result.astype(int) + 1, 0, 255).astype(np.uint8)
    scores = measure(source, shifted, mask, allowed)
    assert judge(scores, "raw", LIMITS) == []
    strict = Thresholds(raw=RawTier(max_mse_outside=0.5))
    assert judge(scores, "raw", strict) == ["mse_outside"]


def test_a_global_edit_is_never_passed_by_these_checks_alone() -> None:
    source, _, mask, _ = a_good_pair()
    full = np.full_like(mask, 255)
    scores = measure(source, recoloured(source, full), full, full)
    assert judge(scores, "global", LIMITS) == ["approval"]
    assert judge(scores, "global", Thresholds.model_validate({"global": {"publish": True}})) == []


@pytest.mark.parametrize("name", ["mask_share", "changed_share_inside", "mse_outside_region"])
def test_a_score_that_is_no_number_passes_nothing(name: str) -> None:
    scores = measure(*a_good_pair()) | {name: math.nan}
    assert len(judge(scores, "composited", LIMITS)) == 1


def test_a_difference_of_255_does_not_wrap() -> None:
    source = np.zeros((64, 64, 3), np.uint8)
    result = np.full_like(source, 255)
    mask = np.zeros((64, 64), np.uint8)
    mask[:32] = 255
    scores = measure(source, result, mask, mask)
    assert scores["mse_outside_region"] == 255**2
    assert scores["max_difference_outside"] == 255
    assert scores["changed_share_inside"] == 1
    assert measure(result, source, mask, mask)["mse_outside_region"] == 255**2


def test_a_moved_object_counts_as_changed_at_both_places() -> None:
    source, _, mask, _ = a_good_pair()
    there = np.roll(mask, 150, axis=1)
    both = recoloured(source, mask | there)
    only_here = recoloured(source, mask)
    assert measure(source, both, mask, grown(mask | there, 8), there)[
        "changed_share_inside"
    ] == pytest.approx(measure(source, both, mask | there, grown(mask | there, 8))["changed_share_inside"])
    half = measure(source, only_here, mask, grown(mask | there, 8), there)["changed_share_inside"]
    whole = measure(source, only_here, mask, grown(mask, 8))["changed_share_inside"]
    assert half is not None
    assert whole is not None
    assert half == pytest.approx(whole / 2, rel=1e-6)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(7, 90), st.integers(7, 90)),
    spread=st.integers(0, 40),
)
@settings(deadline=None, max_examples=50)
def test_the_scores_outside_agree_with_plain_formulae(seed: int, size: tuple[int, int], spread: int) -> None:
    rng = np.random.default_rng(seed)
    source = data.rocket()[: size[0], 200 : 200 + size[1]]
    result = np.clip(source + rng.integers(-spread, spread + 1, source.shape), 0, 255).astype(np.uint8)
    allowed = np.zeros(source.shape[:2], np.uint8)
    allowed[: size[0] // 2, : size[1] // 2] = 255
    outside = allowed == 0
    difference = np.abs(source.astype(int) - result.astype(int))[outside]
    equalised = np.where(outside[..., None], result, source)
    noise = np.square(source.astype(float) - result)[outside].mean()
    expected = {
        "mse_outside_region": noise,
        "changed_pixel_ratio_outside_region": (difference.max(axis=1) > 2).mean(),
        "ssim_outside_region": structural_similarity(source, equalised, channel_axis=2, data_range=255),
        "max_difference_outside": difference.max(),
    }
    scores: Scores = measure(source, result, allowed, allowed)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-8, abs=1e-9)
    alone = consistency(source, result, allowed)
    assert alone == pytest.approx({name: scores[name] for name in alone}, rel=1e-8)
    assert scores["psnr_outside"] == pytest.approx(10 * math.log10(255**2 / noise) if noise else 100)


def test_scores_are_plain_numbers_that_json_can_hold() -> None:
    assert {type(value) for value in measure(*a_good_pair()).values()} <= {int, float, type(None)}


@pytest.mark.parametrize(("strength", "seen"), [(0.03, False), (0.4, True)])
def test_a_tone_of_what_a_network_found_that_nobody_sees_is_none(strength: float, seen: bool) -> None:
    source, _, mask, allowed = a_good_pair()
    darker = np.where(mask[..., None] > 0, source * (1 - strength), source).astype(np.uint8)
    recipe = {"task": "consistency_edit", "subtype": "identity", "kind": "darken", "strength": 0.8}
    known, unknown = (
        measure(source, darker, mask, allowed, recipe=recipe, company=company)
        for company in (Company(confidence=0.99, own=mask), Company(own=mask))
    )
    assert known["visible_change"] == known["delta_e_inside"]
    assert ("no_op" not in judge(known, "composited", LIMITS)) == seen
    assert "visible_change" not in unknown


def test_of_what_moves_no_visible_change_is_asked() -> None:
    source, result, mask, allowed = a_good_pair()
    recipe = {"task": "semantic_edit", "subtype": "delete"}
    scores = measure(source, result, mask, allowed, recipe=recipe, company=Company(confidence=0.99, own=mask))
    assert "visible_change" not in scores
