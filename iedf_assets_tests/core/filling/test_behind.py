"""What lies behind an object."""

import numpy as np
import pytest

from iedf_assets.core.filling.behind import CLEAR_GROWTH, hole_of, staying_ground


def test_a_hole_reaches_a_little_beyond_what_can_be_seen() -> None:
    alpha = np.zeros((500, 800), np.uint8)
    alpha[200:300, 300:400] = 1
    hole = hole_of(alpha)
    assert set(np.unique(hole)) == {0, 255}
    assert [int(side) for side in (np.nonzero(hole)[0].min(), np.nonzero(hole)[1].max())] == [196, 403]
    assert np.nonzero(hole_of(alpha, CLEAR_GROWTH))[1].max() == 405


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    alpha = np.zeros((300, 400), np.uint8)
    alpha[top:bottom, left:right] = 255
    return alpha


OLD = box(100, 200, 150, 250)


def test_beside_what_stays_the_ground_stays_and_within_it_or_far_away_nothing_is_told() -> None:
    stays = staying_ground(OLD, OLD, 6)
    assert stays[203, 200] == pytest.approx(1, abs=1e-3)
    assert not stays[OLD > 0].any()
    assert not stays[220, 200]


def test_what_grows_about_its_foot_keeps_the_ground_below_it() -> None:
    stays = staying_ground(OLD, box(80, 200, 140, 260), 6)
    assert stays[203, 200] == pytest.approx(1, abs=1e-3)


def test_what_shrinks_about_its_foot_keeps_the_ground_below_what_is_left_alone() -> None:
    stays = staying_ground(OLD, box(140, 200, 175, 225), 6)
    assert stays[203, 200] == pytest.approx(1, abs=1e-3)
    assert stays[203, 153] == pytest.approx(0, abs=1e-3)
    assert not stays[:99].any()


def test_what_goes_away_keeps_no_ground() -> None:
    assert not staying_ground(OLD, box(100, 200, 280, 380), 6).any()
