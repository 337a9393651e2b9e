"""Thin parts that lead away from an object: kept when they are its own, left when they are the ground's."""

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.objects import Found
from model_envs.layered.outgrowths import outgrowths

SIZE = (400, 600)
DARK = (40, 30, 35)


def grass() -> Pixels:
    """Soft grass of scikit-image, light."""
    soft = cv2.GaussianBlur(cv2.resize(data.grass(), SIZE[::-1], interpolation=cv2.INTER_AREA), (0, 0), 3)
    return np.asarray(np.dstack([soft // 4 + 130] * 3), np.uint8)


def disk(ground: Pixels) -> Found:
    """A dark disk on a ground, drawn in place, as the network sees it."""
    cv2.circle(ground, (200, 240), 90, DARK, cv2.FILLED)
    probability = np.zeros(SIZE, np.float32)
    cv2.circle(probability, (200, 240), 90, 1.0, cv2.FILLED)
    return Found(probability, 2.0, 1.0)


def drawn(start: tuple[int, int], end: tuple[int, int], width: int = 3) -> Bools:
    line = np.zeros(SIZE, np.uint8)
    cv2.line(line, start, end, 1, width)
    return np.asarray(line > 0)


def nothing() -> Bools:
    return np.zeros(SIZE, np.bool_)


def added(photo: Pixels, found: Found, others: Bools | None = None) -> Bools:
    return outgrowths(quick_lab(photo), found.mask, found, nothing() if others is None else others)


@pytest.mark.parametrize("end", [(340, 200), (250, 90), (120, 380)])
def test_a_line_that_leads_away_and_ends_is_a_part(end: tuple[int, int]) -> None:
    photo = grass()
    found = disk(photo)
    line = drawn((200, 240), end)
    photo[line] = DARK
    part = line & ~found.mask
    grown = added(photo, found)
    assert np.count_nonzero(grown & part) > 0.75 * np.count_nonzero(part)
    assert np.count_nonzero(grown) < 2 * np.count_nonzero(part)


@pytest.mark.parametrize("line", [((0, 335), (599, 335)), ((200, 240), (599, 240)), ((290, 100), (295, 390))])
def test_a_line_that_runs_past_or_to_the_frame_is_none(line: tuple[tuple[int, int], tuple[int, int]]) -> None:
    photo = grass()
    shown = drawn(*line)
    photo[shown] = DARK
    assert not added(photo, disk(photo)).any()


def test_a_line_to_another_object_is_none() -> None:
    photo = grass()
    found = disk(photo)
    other = np.zeros(SIZE, np.uint8)
    cv2.circle(other, (380, 200), 40, 1, cv2.FILLED)
    line = drawn((200, 240), (380, 200))
    photo[line | (other > 0)] = DARK
    assert added(photo, found).any()
    assert not added(photo, found, np.asarray(other > 0)).any()


def test_an_edge_between_two_grounds_is_no_line() -> None:
    photo = grass()
    photo[:200] //= 2
    photo[198:202, 280:400] = DARK
    assert not added(photo, disk(photo)).any()


@pytest.mark.parametrize("name", ["grass", "gravel", "brick"])
def test_texture_is_left_alone(name: str) -> None:
    texture = cv2.resize(getattr(data, name)(), SIZE[::-1], interpolation=cv2.INTER_AREA)
    photo = np.ascontiguousarray(np.dstack([texture] * 3).astype(np.uint8))
    assert not added(photo, disk(photo)).any()


def test_a_faint_line_is_a_part_where_the_network_holds_it_likely() -> None:
    photo = grass()
    found = disk(photo)
    line = drawn((200, 240), (340, 200)) & ~found.mask
    photo[line] = (photo[line] * 0.8).astype(np.uint8)
    assert not added(photo, found).any()
    seen = np.where(line, np.float32(0.9), found.probability)
    likely = Found(found.probability, 2.0, 1.0, cv2.GaussianBlur(seen, (0, 0), 1.5).astype(np.float32))
    assert np.count_nonzero(added(photo, likely) & line) > 0.6 * np.count_nonzero(line)


def test_nothing_is_added_to_nothing() -> None:
    photo = grass()
    none = Found(np.zeros(SIZE, np.float32), 2.0, 1.0)
    assert not added(photo, none).any()
