"""Outlines at full size: thin parts and holes kept, others' pixels not, solid inside."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.objects import Found
from model_envs.layered.outlines import alpha_of, thin_parts

SIZE = (240, 320)


def scene() -> tuple[Pixels, Bools]:
    """A red wheel with a hole and a thin pole, on even ground: the photo and what is the thing."""
    thing = np.zeros(SIZE, np.uint8)
    cv2.circle(thing, (130, 150), 50, 255, 14)
    cv2.line(thing, (130, 100), (150, 20), 255, 3)
    rgb = np.full((*SIZE, 3), (120, 150, 120), np.uint8)
    rgb = np.clip(rgb + np.random.default_rng(0).normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)
    rgb[thing > 0] = (200, 40, 30)
    return rgb, np.asarray(thing > 0)


def as_seen(thing: Bools, blur: float = 4.0) -> Found:
    """What a coarse network makes of it: thin parts are hardly there."""
    soft = cv2.GaussianBlur(thing.astype(np.float32), (0, 0), blur)
    return Found(np.asarray(soft, np.float32), cell=3.0, confidence=1.0)


def nothing() -> Bools:
    return np.zeros(SIZE, np.bool_)


def test_a_pole_that_the_network_hardly_sees_is_kept() -> None:
    rgb, thing = scene()
    found = as_seen(thing)
    pole = thing & (np.arange(SIZE[0])[:, None] < 90)
    assert np.count_nonzero(found.mask & pole) < 0.5 * np.count_nonzero(pole)
    added = thin_parts(quick_lab(rgb), found)
    assert np.count_nonzero((added | found.mask) & pole) > 0.9 * np.count_nonzero(pole)
    alpha = alpha_of(rgb, rgb, found, nothing())
    assert np.count_nonzero((alpha >= 128) & pole) > 0.8 * np.count_nonzero(pole)


def test_a_hole_stays_a_hole_and_the_inside_is_solid() -> None:
    rgb, thing = scene()
    alpha = alpha_of(rgb, rgb, as_seen(thing), nothing())
    assert alpha[150, 130] == 0
    rim = cv2.erode(thing.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (alpha[rim] > 250).all()
    union = (alpha >= 128) | thing
    assert np.count_nonzero((alpha >= 128) & thing) > 0.93 * np.count_nonzero(union)


def test_doubt_inside_an_object_does_not_make_it_transparent() -> None:
    rgb, thing = scene()
    doubtful = as_seen(thing)
    found = Found(np.where(doubtful.mask, np.float32(0.65), doubtful.probability), 3.0, 1.0)
    alpha = alpha_of(rgb, rgb, found, nothing())
    core = cv2.erode(thing.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (alpha[core] > 250).all()


def test_nothing_of_another_object_is_added() -> None:
    rgb, thing = scene()
    pole = thing & (np.arange(SIZE[0])[:, None] < 90)
    alpha = alpha_of(rgb, rgb, as_seen(thing), np.asarray(pole))
    free = alpha_of(rgb, rgb, as_seen(thing), nothing())
    assert np.count_nonzero((alpha >= 128) & pole) < np.count_nonzero((free >= 128) & pole)


def test_the_outline_is_found_at_the_photos_own_size() -> None:
    rgb, thing = scene()
    large = cv2.resize(rgb, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    alpha = alpha_of(large, rgb, as_seen(thing), nothing())
    truth = cv2.resize(thing.astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST) > 0
    both = np.count_nonzero((alpha >= 128) & truth)
    assert both > 0.9 * np.count_nonzero((alpha >= 128) | truth)
