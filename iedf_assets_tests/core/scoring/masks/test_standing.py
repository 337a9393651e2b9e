import numpy as np
import pytest

from iedf_assets.core.pictures.masks import moved, scaled
from iedf_assets.core.scoring.masks.standing import Standing, find_standing, touches_ground
from iedf_assets_tests.helpers.things import HEIGHT, before, ellipse, ground

CAT = ellipse(120, 230, 50, 60)
# A wall of bricks above, a lawn below: the cat stands on it.
WALL = np.vstack([ground("coffee")[:230] // 4, ground("grass")[230:]])
ROOM = before(WALL, CAT)
LAWN = before(ground("grass"), CAT)


def standing(picture: np.ndarray, there: np.ndarray, others: np.ndarray | None = None) -> Standing:
    found = find_standing(picture, CAT, there, others)
    assert found
    return found


def test_what_stands_before_a_wall_on_a_lawn_touches_the_ground_and_on_a_lawn_alone_not() -> None:
    assert touches_ground(ROOM, CAT)
    assert not touches_ground(LAWN, CAT)


@pytest.mark.parametrize("dy", [-60, -20, 20])
def test_leaving_the_ground_is_told_by_the_lowest_row(dy: int) -> None:
    assert standing(ROOM, moved(CAT, 0, dy)).lift == pytest.approx(abs(dy) / HEIGHT, abs=0.003)
    assert standing(LAWN, moved(CAT, 0, dy)).lift == 0


def test_moving_along_the_ground_and_growing_from_it_lift_nothing() -> None:
    assert standing(ROOM, moved(CAT, 100, 0)).lift == 0
    assert standing(ROOM, scaled(CAT, 1.3, 120, 290)).lift < 0.01


def test_what_is_newly_covered_of_another_counts_by_the_smaller() -> None:
    other = ellipse(300, 230, 30, 30)
    assert standing(ROOM, moved(CAT, 180, 0), other).overlap == pytest.approx(1, abs=0.01)
    assert standing(ROOM, moved(CAT, 20, 0), other).overlap == 0
    assert standing(ROOM, moved(CAT, 180, 0)).overlap is None


def test_what_lay_one_upon_the_other_before_is_not_newly_covered() -> None:
    other = ellipse(120, 230, 20, 20)
    assert standing(ROOM, moved(CAT, 10, 0), other).overlap == 0


@pytest.mark.parametrize(("dx", "dy", "detached"), [(0, 40, 0), (30, 0, 1), (-20, 0, 0)])
def test_a_cut_object_stays_at_the_border_that_cuts_it(dx: int, dy: int, detached: int) -> None:
    cut = ellipse(10, 150, 50, 60)
    found = find_standing(before(WALL, cut), cut, moved(cut, dx, dy), None)
    assert found
    assert found.detached == detached


def test_nothing_stands_nowhere() -> None:
    assert find_standing(ROOM, CAT, np.zeros_like(CAT), None) is None
