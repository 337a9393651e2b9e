"""Straight edges that run into a hole, and their strips behind it."""

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.filling.behind import fill_behind
from iedf_assets.core.filling.filling import fill
from iedf_assets.core.filling.lines import find_lines
from iedf_assets.core.filling.strips import paint_strips

MAGENTA = (255, 0, 255)


def disc(x: int, y: int, radius: int, shape: tuple[int, int] = (240, 320)) -> Pixels:
    hole = np.zeros(shape, np.uint8)
    cv2.circle(hole, (x, y), radius, 255, -1)
    return hole


def horizon(slope: float, light: int = 90, dark: int = 60) -> tuple[Pixels, np.ndarray]:
    """Two halves of a picture with some grain, and the height at which they meet in each column."""
    height = 120 + slope * (np.arange(320) - 160)
    below = np.clip(np.arange(240)[:, None] - height + 0.5, 0, 1)[..., None]
    grain = np.random.default_rng(0).normal(0, 2, (240, 320, 3))
    return np.clip(dark + (light - dark) * below + grain, 0, 255).astype(np.uint8), height


@pytest.mark.parametrize("light", [100, 150, 220])
@pytest.mark.parametrize("slope", [-0.6, -0.25, 0.0, 0.1, 0.35, 0.4375, 0.6])
def test_an_edge_goes_on_straight_at_many_slopes(slope: float, light: int) -> None:
    photo, height = horizon(slope, light)
    hole = disc(160, 120, 45)
    photo[hole > 0] = MAGENTA
    painted, left = paint_strips(photo, hole > 0, find_lines(photo, hole > 0))
    for column in range(125, 196, 5):
        row = round(float(height[column]))
        assert not left[row - 3 : row + 4, column].any()
        above, below = (
            painted[part, column].mean() for part in (slice(row - 4, row - 1), slice(row + 2, row + 5))
        )
        assert abs(above - 60) < 12
        assert abs(below - light) < 12


@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_texture_has_few_lines(name: str) -> None:
    photo = np.ascontiguousarray(getattr(data, name)()[:240, :320, None].repeat(3, 2))
    assert len(find_lines(photo, disc(160, 120, 50) > 0)) <= 4


def test_an_edge_that_is_seen_on_one_side_alone_does_not_go_on() -> None:
    photo, _ = horizon(0)
    photo[:, 160:] = 200
    lines = find_lines(photo, disc(160, 120, 45) > 0)
    # What remains is where the right half begins.
    assert all(abs(line.one.ahead[1]) > 0.9 for line in lines)


def test_an_edge_that_a_small_thing_hides_at_the_other_end_goes_on() -> None:
    photo, height = horizon(0.1, 150)
    photo[112:138, 206:222] = 20
    hole = disc(160, 120, 45)
    photo[hole > 0] = MAGENTA
    (line,) = find_lines(photo, hole > 0)
    assert abs(line.other.place[1] - height[round(line.other.place[0])]) < 1
    painted, _ = paint_strips(photo, hole > 0, [line])
    for column in range(125, 196, 10):
        row = round(float(height[column]))
        assert painted[row - 4 : row - 1, column].mean() == pytest.approx(60, abs=12)
        assert painted[row + 2 : row + 5, column].mean() == pytest.approx(150, abs=12)


def test_an_edge_goes_on_though_what_is_beside_it_changes_its_shade() -> None:
    photo, height = horizon(0.1, 100)
    photo[..., :] = np.clip(photo + np.linspace(0, 60, 320)[None, :, None], 0, 255).astype(np.uint8)
    hole = disc(160, 120, 45)
    truth = photo.copy()
    photo[hole > 0] = MAGENTA
    painted, left = paint_strips(photo, hole > 0, find_lines(photo, hole > 0))
    for column in range(125, 196, 10):
        row = round(float(height[column]))
        around = np.s_[row - 3 : row + 4, column]
        assert not left[around].any()
        assert abs(painted[around].mean() - truth[around].mean()) < 12


def test_strips_touch_nothing_but_the_hole() -> None:
    photo = data.stereo_motorcycle()[0][:300, :400]
    hole = disc(200, 150, 60, (300, 400)) > 0
    painted, left = paint_strips(photo, hole, find_lines(photo, hole))
    np.testing.assert_array_equal(painted[~hole], photo[~hole])
    assert not (left & ~hole).any()


def test_without_lines_the_fill_is_the_plain_one() -> None:
    photo = np.random.default_rng(1).integers(0, 40, (90, 120, 3), np.uint8)
    hole = disc(60, 45, 15, (90, 120))
    np.testing.assert_array_equal(fill_behind(photo, hole, seed=3), fill(photo, hole, seed=3))


@pytest.mark.slow
def test_joints_between_bricks_are_nearer_to_the_truth_and_equal_seeds_give_equal_bytes() -> None:
    truth = np.ascontiguousarray(data.brick()[..., None].repeat(3, 2))
    hole = disc(256, 256, 70, (512, 512))
    photo = truth.copy()
    photo[hole > 0] = MAGENTA
    filled = fill_behind(photo, hole, seed=1)
    np.testing.assert_array_equal(filled, fill_behind(photo, hole, seed=1))
    np.testing.assert_array_equal(filled[hole == 0], photo[hole == 0])
    now, before = (
        np.abs(one.astype(int) - truth)[hole > 0].mean() for one in (filled, fill(photo, hole, seed=1))
    )
    assert now < before


def test_a_hole_that_is_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="whole picture"):
        fill_behind(np.zeros((40, 50, 3), np.uint8), np.full((40, 50), 255, np.uint8), seed=0)
