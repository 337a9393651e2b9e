"""Finding the subject: pictures of any shape, threads, and objects whose place is known."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Floats, Pixels
from model_envs.layered.saliency import find_subject, reduced, refined, separation


def disc(height: int, width: int, x: float, y: float, radius: float) -> Pixels:
    """A mask with one disc, its place and size as shares of the picture's sides and its short side."""
    mask = np.zeros((height, width), np.uint8)
    centre = round(x * width), round(y * height)
    cv2.circle(mask, centre, round(radius * min(height, width)), (255,), cv2.FILLED)
    return mask


def overlap(one: Pixels, other: Pixels) -> float:
    """Intersection over union."""
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


@pytest.mark.parametrize(
    "size", [(256, 10_000), (10_000, 256), (7, 288), (288, 2), (2, 30), (1, 288), (1, 1)]
)
def test_a_picture_far_longer_than_wide_is_looked_at_without_a_crash(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    small = reduced(photo)
    subject = find_subject(small, 1)
    assert subject.mask.shape == small.shape[:2]


@settings(max_examples=6, deadline=None)
@given(
    x=st.floats(0.3, 0.7),
    y=st.floats(0.3, 0.7),
    radius=st.floats(0.12, 0.3),
    warm=st.booleans(),
)
def test_an_object_on_an_even_ground_is_found_where_it_lies(
    x: float, y: float, radius: float, warm: bool
) -> None:
    truth = disc(200, 280, x, y, radius)
    colours = np.array(
        [(40, 70, 120), (210, 90, 40)] if warm else [(200, 190, 170), (30, 90, 60)], np.float64
    )
    noise = np.random.default_rng(1).normal(0, 4, (*truth.shape, 3))
    photo = np.clip(colours[(truth > 0).astype(int)] + noise, 0, 255).astype(np.uint8)
    subject = find_subject(photo, 1)
    assert subject.stands_out
    assert overlap(subject.mask, truth) > 0.95


@pytest.mark.slow
def test_threads_and_other_draws_do_not_change_the_mask() -> None:
    photos = [reduced(np.asarray(data.coffee(), np.uint8)), reduced(np.asarray(data.rocket(), np.uint8))]

    def masked(turn: int) -> list[bytes]:
        # Leaves this thread's generator somewhere else each time.
        points = np.arange(20 + turn, dtype=np.float32)[:, None]
        labels = np.zeros((len(points), 1), np.int32)
        cv2.kmeans(points, 3, labels, (cv2.TERM_CRITERIA_MAX_ITER, 2, 0), 1 + turn, cv2.KMEANS_PP_CENTERS)
        order = photos if turn % 2 else photos[::-1]
        found = {id(photo): refined(photo, find_subject(photo, 5).mask, 5).tobytes() for photo in order}
        return [found[id(photo)] for photo in photos]

    alone = masked(0)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(masked, range(3))) == [alone] * 3


def lab_of(values: Pixels) -> Floats:
    return np.asarray(cv2.cvtColor(values.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


@settings(max_examples=12, deadline=None)
@given(
    x=st.floats(0.3, 0.7),
    radius=st.floats(0.1, 0.3),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_separation_is_nothing_between_like_colours_and_one_between_strangers(
    x: float, radius: float, colour: tuple[int, int, int]
) -> None:
    mask = disc(90, 120, x, 0.5, radius)
    photo = np.full((90, 120, 3), colour, np.uint8)
    assert separation(lab_of(photo), mask) == pytest.approx(0, abs=1e-5)
    photo[mask > 0] = (255, 255, 255) if sum(colour) < 300 else (0, 0, 0)
    assert separation(lab_of(photo), mask) > 0.95
