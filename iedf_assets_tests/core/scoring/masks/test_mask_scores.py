import numpy as np
import pytest

from iedf_assets.core.pictures.masks import moved
from iedf_assets.core.pictures.objects import Opinions
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.scoring.masks.mask_scores import MASK_SCORES, Company, carried, mask_scores
from iedf_assets_tests.helpers.things import before, ellipse, ground

CAT = ellipse(200, 160, 60, 100)
PICTURE = before(ground(), CAT)
SHADOW = ellipse(240, 255, 70, 12) & ~CAT


def seen(mask: np.ndarray) -> Opinions:
    answer = np.asarray(mask > 0, np.float32)
    return Opinions(answer, (answer, answer), 1.0, True, 1.5)


@pytest.mark.parametrize(
    ("subtype", "names"),
    [
        ("move", set(MASK_SCORES) - {"visible_change", "object_share", "object_parts"}),
        ("delete", {"object_confidence", "object_agreement", "neck_step", "outline_unseen", "remainder",
                    "swallowed", "filled_holes", "loose_ends", "hidden_ends", "misplaced_fill", "fringe",
                    "left_pieces", "strays"}),
        ("recolor", {"object_confidence", "object_agreement", "neck_step", "filled_holes"}),
        ("background", {"object_share", "object_confidence", "object_agreement", "neck_step",
                        "filled_holes"}),
        ("physical", set()),
    ],
)  # fmt: skip
def test_a_subtype_has_the_measures_that_judge_it(subtype: str, names: set[str]) -> None:
    mask = 255 - CAT if subtype == "background" else CAT
    there = moved(CAT, 90, 0) if subtype == "move" else None
    found = mask_scores(PICTURE, PICTURE, mask, there, SUBTYPES[subtype], Company(0.9, opinions=seen(CAT)))
    assert found.keys() == names


def test_the_background_is_judged_by_what_it_leaves_alone() -> None:
    found = mask_scores(
        PICTURE, PICTURE, 255 - CAT, None, SUBTYPES["background"], Company(opinions=seen(CAT))
    )
    assert found["object_agreement"] == 1
    assert found["object_share"] == np.count_nonzero(CAT) / CAT.size
    assert found["neck_step"] is None


@pytest.mark.parametrize("company", [Company(own=CAT, opinions=seen(CAT)), Company(opinions=seen(CAT))])
def test_a_shadow_that_is_taken_along_is_no_piece_too_many(company: Company) -> None:
    found = mask_scores(PICTURE, PICTURE, CAT | SHADOW, None, SUBTYPES["delete"], company)
    assert found["object_agreement"] == 1
    assert found["remainder"] == pytest.approx(0, abs=0.02)


def test_a_slab_at_the_foot_is_no_shadow() -> None:
    slab = CAT.copy()
    slab[150:270, 200:380] = 255
    found = mask_scores(PICTURE, PICTURE, slab, None, SUBTYPES["delete"], Company(opinions=seen(CAT)))
    assert found["object_agreement"]
    assert found["object_agreement"] < 0.8


def test_what_was_measured_is_taken_as_it_is_and_what_is_unknown_is_not_carried() -> None:
    known = {"object_confidence": 0.5}
    assert mask_scores(PICTURE, PICTURE, CAT, None, SUBTYPES["move"], Company(measured=known)) == known
    assert carried({"object_confidence": 0.5, "neck_step": None, "seam": 1.0}) == known


def test_where_a_moved_object_ends_up_unknown_nothing_is_said_of_loose_ends() -> None:
    found = mask_scores(PICTURE, PICTURE, CAT, None, SUBTYPES["move"], Company(opinions=seen(CAT)))
    assert "remainder" in found
    assert "loose_ends" not in found
