"""What a stated edit makes of a whole picture."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.stated import KINDS, applied, is_complete

EVERY_KIND = [(subtype, kind) for subtype, kinds in KINDS.items() for kind in kinds]


def made(subtype: str, kind: str, percent: float, rgb: Pixels) -> Pixels:
    return applied({"subtype": subtype, "kind": kind, "percent": percent}, rgb)


@pytest.mark.parametrize(
    ("subtype", "kind", "tool", "factor"),
    [
        ("brightness", "brighter", ImageEnhance.Brightness, 1.2),
        ("brightness", "darker", ImageEnhance.Brightness, 0.8),
        ("contrast", "higher", ImageEnhance.Contrast, 1.2), ("contrast", "lower", ImageEnhance.Contrast, 0.8),
    ],
)  # fmt: skip
def test_brightness_and_contrast_are_what_pillow_makes_of_them(
    subtype: str, kind: str, tool: Any, factor: float
) -> None:
    rgb = data.astronaut()
    theirs = np.asarray(tool(Image.fromarray(rgb)).enhance(factor))
    assert np.abs(made(subtype, kind, 20, rgb).astype(int) - theirs).max() <= 1


def test_a_warmer_picture_has_more_red_and_less_blue_and_hardly_less_green() -> None:
    rgb = np.full((2, 2, 3), 100, np.uint8)
    assert made("color_tone", "warmer", 20, rgb)[0, 0].tolist() == [110, 95, 80]
    assert made("color_tone", "cooler", 20, rgb)[0, 0].tolist() == [80, 95, 110]


@given(st.sampled_from(EVERY_KIND), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_the_order_of_codes_stays_and_more_percent_change_more(
    kind: tuple[str, str], percent: int, seed: int
) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    result = made(*kind, percent, rgb)
    for channel in range(3):
        order = np.argsort(rgb[..., channel], axis=None)
        assert (np.diff(result[..., channel].ravel()[order].astype(int)) >= 0).all()
    changes = [np.abs(made(*kind, amount, rgb).astype(int) - rgb).sum() for amount in (percent / 2, percent)]
    assert changes[0] <= changes[1]


def test_a_recipe_is_complete_with_kind_and_amount() -> None:
    whole = {"subtype": "contrast", "kind": "higher", "percent": 20}
    assert is_complete(whole)
    for name in whole:
        assert not is_complete({key: value for key, value in whole.items() if key != name})
    assert not is_complete(whole | {"kind": "warmer"})
    assert not is_complete(None)
