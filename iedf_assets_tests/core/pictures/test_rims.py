import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.rims import fitted_rim, without_haze

SIDE = 120


def disc(radius: int) -> Pixels:
    return np.asarray(
        cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (SIDE // 2, SIDE // 2), radius, 255, cv2.FILLED)
    )


@pytest.mark.parametrize("off", [-3, 3])
@pytest.mark.parametrize("reach", [6, 20])
def test_a_rim_that_lies_beside_an_edge_of_the_photo_moves_onto_it(off: int, reach: int) -> None:
    wall = np.asarray(cv2.resize(data.brick(), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) // 8
    rgb = np.where(disc(30) > 0, wall + 30, wall + 190).astype(np.uint8)[..., None].repeat(3, axis=2)
    fitted = fitted_rim(rgb, disc(30 + off), reach, 0.02)
    before, after = (((one >= 128) != (disc(30) > 0)).sum() for one in (disc(30 + off), fitted))
    assert after < 0.6 * before


def test_hair_between_object_and_background_becomes_soft() -> None:
    rgb = np.full((SIDE, SIDE, 3), 200, np.uint8)
    rgb[:, :60] = 40
    rgb[::4, 60:70] = 40  # hair, thinner than the mask knows
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[:, :65] = 255
    fitted = fitted_rim(rgb, alpha, 12, 0.03)[20:100]
    hair, gaps = fitted[::4, 61:68].mean(), fitted[2::4, 61:68].mean()
    assert hair > gaps + 60


@settings(deadline=None, max_examples=30)
@given(radius=st.integers(0, 55), reach=st.integers(2, 20), seed=st.integers(0, 2**32 - 1))
def test_what_is_further_from_the_edge_than_the_reach_stays(radius: int, reach: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    alpha = disc(radius) if radius else np.zeros((SIDE, SIDE), np.uint8)
    fitted = fitted_rim(rgb, alpha, reach, 0.02)
    away = [cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for part in (alpha, 255 - alpha)]
    far = np.maximum(*away) > reach + 1
    assert fitted.shape == alpha.shape
    assert np.array_equal(fitted[far], alpha[far]) or not radius
    assert radius or not fitted.any()


def test_what_looks_like_the_background_within_an_object_stays_its_own() -> None:
    rgb = np.full((SIDE, SIDE, 3), 240, np.uint8)
    rgb[:, :60] = 60
    rgb[40:80, 40:60] = 240  # a pale sole before a pale wall
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[:, :60] = 255
    assert (fitted_rim(rgb, alpha, 8, 0.02, inwards=3)[:, :56] == 255).all()
    assert not (fitted_rim(rgb, alpha, 8, 0.02)[:, :56] == 255).all()


@pytest.mark.parametrize("inwards", [None, 8])
def test_where_the_photo_shows_no_edge_no_band_ends_abruptly(inwards: int | None) -> None:
    rgb = np.full((SIDE, SIDE, 3), 230, np.uint8)
    rgb[::2, ::2] = 240
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[:, :60] = 255
    reach = 16
    fitted = fitted_rim(rgb, alpha, reach, 0.02, inwards=inwards)[20:100].astype(int)
    steps = np.abs(np.diff(fitted, axis=1))
    steps[:, 58:61] = 0  # the outline itself
    assert steps.max() <= 2 * 255 / (inwards or reach) + 8


def test_haze_goes_and_what_is_nearly_solid_is_solid() -> None:
    codes = without_haze(np.arange(256, dtype=np.uint8)[None], 0.15, 0.9)[0].astype(int)
    assert (codes[:38] == 0).all()
    assert (codes[230:] == 255).all()
    assert (np.diff(codes) >= 0).all()
    assert codes[134] == pytest.approx(128, abs=2)
