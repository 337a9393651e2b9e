import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from iedf_assets.core.pictures.canvas import STEP, canvas_sizes, fit_canvas, pipeline_size

MEGAPIXEL = 1024 * 1024
SIZES = st.tuples(st.integers(16, 6000), st.integers(16, 6000)).filter(
    lambda size: 0.1 < size[0] / size[1] < 10
)


@given(SIZES, st.sampled_from([640 * 640, MEGAPIXEL, MEGAPIXEL // 2]))
@settings(max_examples=60, deadline=None)
def test_a_canvas_is_a_multiple_of_32_near_its_area_that_the_pipelines_keep(
    size: tuple[int, int], area: int
) -> None:
    canvas = fit_canvas(*size, area)
    assert canvas.width % STEP == canvas.height % STEP == 0
    assert pipeline_size(area, canvas.width / canvas.height) == (canvas.width, canvas.height)
    assert 0.8 < canvas.width * canvas.height / area < 1.25
    assert 0 < canvas.inner_width <= canvas.width
    assert 0 < canvas.inner_height <= canvas.height


@given(SIZES)
@settings(max_examples=60, deadline=None)
def test_a_picture_is_scaled_evenly(size: tuple[int, int]) -> None:
    canvas = fit_canvas(*size, MEGAPIXEL)
    factors = canvas.inner_width / size[0], canvas.inner_height / size[1]
    # Whole pixels are as even as it gets.
    slack = max(1 / canvas.inner_width, 1 / canvas.inner_height)
    assert factors[0] / factors[1] == pytest.approx(1, abs=slack)
    assert canvas.upscaling == pytest.approx(1 / min(factors))


@given(st.integers(960, 1020), st.integers(960, 1020))
@settings(max_examples=20, deadline=None)
def test_a_picture_that_nearly_fills_its_canvas_comes_back_untouched(width: int, height: int) -> None:
    rng = np.random.default_rng(width * height)
    picture = rng.integers(0, 256, (height, width, 3), np.uint8)
    canvas = fit_canvas(width, height, MEGAPIXEL)
    put = canvas.put(picture)
    assert put.shape == (canvas.height, canvas.width, 3)
    assert np.array_equal(canvas.take(put), picture)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut", "rocket"])
def test_a_photo_comes_back_in_place_and_size(name: str) -> None:
    photo = getattr(data, name)()
    canvas = fit_canvas(photo.shape[1], photo.shape[0], MEGAPIXEL)
    back = canvas.take(canvas.put(photo))
    assert back.shape == photo.shape
    assert np.abs(back.astype(int) - photo).mean() < 2


def test_a_canvas_of_another_size_is_refused() -> None:
    canvas = fit_canvas(600, 400, MEGAPIXEL)
    with pytest.raises(ValueError, match="the canvas is 10x10, not"):
        canvas.take(np.zeros((10, 10, 3), np.uint8))


def test_a_sixteen_to_nine_photo_is_not_stretched_as_the_pipelines_would() -> None:
    assert pipeline_size(MEGAPIXEL, 1920 / 1080) == (1376, 768)
    canvas = fit_canvas(1920, 1080, MEGAPIXEL)
    assert canvas.inner_width / canvas.inner_height == pytest.approx(1920 / 1080, abs=1e-3)
    assert len(canvas_sizes(MEGAPIXEL)) > 40


def long_cats_size(area: int, ratio: float) -> tuple[int, int]:
    """`calculate_dimensions` of diffusers' LongCat pipeline."""
    width = math.sqrt(area * ratio)
    height = width / ratio
    return (
        int(width if width % 16 == 0 else (width // 16 + 1) * 16),
        int(height if height % 16 == 0 else (height // 16 + 1) * 16),
    )


@given(SIZES, st.sampled_from([MEGAPIXEL, MEGAPIXEL // 2, 30_000]))
@settings(max_examples=60, deadline=None)
def test_every_rule_gives_canvases_that_its_pipelines_keep(size: tuple[int, int], area: int) -> None:
    rounded_up = fit_canvas(*size, area, "ceil16")
    assert long_cats_size(area, rounded_up.width / rounded_up.height) == (rounded_up.width, rounded_up.height)
    smaller = fit_canvas(*size, area, "at_most")
    assert smaller.width * smaller.height <= area
    assert smaller.width % STEP == smaller.height % STEP == 0


def test_kontext_works_at_the_sizes_that_it_was_trained_on() -> None:
    canvas = fit_canvas(1500, 1000, MEGAPIXEL, "kontext")
    assert (canvas.width, canvas.height) == (1248, 832)
    assert len(canvas_sizes(MEGAPIXEL, "kontext")) == 17
    assert canvas_sizes(MEGAPIXEL // 2, "kontext") == canvas_sizes(MEGAPIXEL // 2)
