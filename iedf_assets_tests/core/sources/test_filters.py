import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.profile.sections import Filters
from iedf_assets.core.sources.filters import border_deviation, channel_difference, turned_down


def random_picture(seed: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea", "rocket", "hubble_deep_field", "retina"])
def test_real_photos_pass(name: str) -> None:
    rgb = getattr(data, name)()
    border = 0 if name == "retina" else 4  # the retina lies on black
    assert turned_down(rgb, rgb.shape[1], rgb.shape[0], Filters(min_border_deviation=border)) is None


@pytest.mark.parametrize("size", [(127, 600), (600, 127)])
def test_the_original_size_counts_and_not_the_working_size(size: tuple[int, int]) -> None:
    rgb = data.coffee()
    refused = turned_down(rgb, *size, Filters())
    assert refused is not None
    assert refused[0] == "resolution_too_small"
    assert turned_down(cv2.resize(rgb, (60, 40)), 600, 400, Filters()) is None


def test_grey_is_detected_in_rgb_and_through_jpeg() -> None:
    grey = np.dstack([data.camera()] * 3)
    coded = cv2.imdecode(cv2.imencode(".jpg", grey)[1], cv2.IMREAD_COLOR)
    assert coded is not None
    for rgb in (grey, coded.astype(np.uint8)):
        refused = turned_down(rgb, 512, 512, Filters())
        assert refused is not None
        assert refused[0] == "grayscale_detected"


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 60)])
def test_a_frame_in_one_colour_is_detected(colour: tuple[int, int, int]) -> None:
    framed = cv2.copyMakeBorder(data.coffee(), 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=colour)
    refused = turned_down(framed, 620, 420, Filters())
    assert refused is not None
    assert refused[0] == "uniform_border_detected"
    assert turned_down(framed, 620, 420, Filters(border=20)) is None


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 80), width=st.integers(1, 80))
@settings(deadline=None, max_examples=60)
def test_measures_equal_their_formulae(seed: int, height: int, width: int) -> None:
    rgb = random_picture(seed, height, width)
    red, green, blue = (rgb[..., channel].astype(float) for channel in range(3))
    pairs = [abs(red - green), abs(green - blue), abs(blue - red)]
    assert channel_difference(rgb) == pytest.approx(np.mean(pairs))
    inner = np.zeros((height, width), bool)
    inner[7:-7, 7:-7] = True
    assert border_deviation(rgb, 7) == pytest.approx(np.sqrt(np.mean(rgb[~inner].astype(float).var(axis=0))))


@pytest.mark.parametrize("colour", [(255, 255, 255), (10, 10, 10), (30, 60, 200)])
def test_a_thing_before_a_plain_ground_passes_and_the_ground_alone_does_not(
    colour: tuple[int, int, int],
) -> None:
    plain = np.full((400, 600, 3), colour, np.uint8)
    mask = np.zeros((400, 600), np.uint8)
    cv2.ellipse(mask, (300, 200), (120, 90), 20, 0, 360, 255, -1)
    product = np.where(mask[..., None] > 0, data.coffee(), plain).astype(np.uint8)
    assert turned_down(product, 600, 400, Filters(min_channel_difference=0)) is None
    refused = turned_down(plain, 600, 400, Filters(min_channel_difference=0))
    assert refused is not None
    assert refused[0] == "uniform_border_detected"
