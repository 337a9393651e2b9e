import numpy as np
import pytest

from iedf_assets.core.arrays import Bools
from iedf_assets.core.pictures.objects import Opinions
from iedf_assets.core.scoring.masks.wholeness import lacking, neck_step, object_agreement, other_objects
from iedf_assets_tests.helpers.things import before, ellipse, ground

CAT = ellipse(200, 180, 80, 110)


def opinions(*shapes: np.ndarray) -> Opinions:
    """What a network would say that saw these masks, one for each way of asking."""
    maps = [np.asarray(shape > 0, np.float32) for shape in (*shapes, *shapes, *shapes)[:3]]
    return Opinions(maps[0], (maps[1], maps[2]), 1.0, True, 1.5)


def whole(mask: np.ndarray) -> Bools:
    return np.asarray(mask > 0)


def test_a_mask_that_all_agree_about_is_whole() -> None:
    assert object_agreement(whole(CAT), None, opinions(CAT)) == 1


@pytest.mark.parametrize("lost", [np.s_[230:], np.s_[:120], np.s_[:, 200:]])
def test_what_all_see_and_the_mask_lacks_counts(lost: slice) -> None:
    part = CAT.copy()
    part[lost] = 0
    missing = np.count_nonzero(CAT) / np.count_nonzero(part) - 1
    assert object_agreement(whole(part), None, opinions(CAT)) == pytest.approx(max(0, 1 - missing), abs=0.05)


def test_what_none_sees_and_the_mask_has_counts() -> None:
    joined = CAT.copy()
    joined[250:330, 200:400] = 255
    assert object_agreement(whole(joined), None, opinions(CAT)) < 0.85


def test_a_piece_counts_only_where_no_opinion_agrees() -> None:
    part = CAT.copy()
    part[230:] = 0
    assert object_agreement(whole(part), None, opinions(CAT, part, CAT)) == 1


def test_what_one_look_alone_sees_is_lacking() -> None:
    head = CAT.copy()
    head[230:] = 0
    apart = np.zeros_like(CAT) > 0
    body = np.count_nonzero(CAT) / np.count_nonzero(head) - 1
    assert lacking(whole(head), apart, opinions(head, CAT, head)) == pytest.approx(body, abs=0.05)
    assert lacking(whole(head), apart, opinions(head)) == 0
    assert lacking(whole(CAT), apart, opinions(CAT, head, ellipse(200, 180, 81, 111))) == 0
    # Another object's part is not missed here.
    assert lacking(whole(head), whole(CAT & ~head), opinions(head, CAT, head)) == 0


def test_a_rim_drawn_otherwise_is_no_piece() -> None:
    assert object_agreement(whole(CAT), None, opinions(ellipse(200, 180, 81, 111))) == 1


def test_another_thing_apart_or_hanging_on_by_a_thread_does_not_count() -> None:
    other = ellipse(380, 180, 60, 90)
    assert np.array_equal(other_objects(whole(CAT), opinions(CAT | other)), whole(other))
    thread = np.zeros_like(CAT)
    thread[178:184, 250:330] = 255
    assert object_agreement(whole(CAT), None, opinions(CAT | other)) == 1
    assert object_agreement(whole(CAT), None, opinions(CAT | other | thread)) > 0.95


def test_two_things_of_other_colours_that_touch_have_a_neck() -> None:
    other = ellipse(360, 180, 82, 110)
    picture = before(before(ground(), CAT), other & ~CAT, "coffee")
    picture = np.where(other[..., None] > CAT[..., None], 255 - picture, picture).astype(np.uint8)
    assert neck_step(picture, CAT | other) > 30
    assert neck_step(picture, CAT) == 0


def test_one_thing_with_a_neck_in_one_colour_has_no_step() -> None:
    picture = np.full((360, 480, 3), 120, np.uint8)
    assert neck_step(picture, CAT | ellipse(360, 180, 82, 110)) < 1
    assert neck_step(picture, np.zeros_like(CAT)) == 0
