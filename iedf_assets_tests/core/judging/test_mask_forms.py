"""Masks whose numbers are not what the eye sees."""

import io

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.judging.mask_forms import odd_form, seen

PLAIN = np.zeros((20, 30), np.uint8)
PLAIN[5:15, 10:] = 255
CLEAR = Image.merge("LA", [Image.fromarray(PLAIN), Image.fromarray(PLAIN)])


def through_a_file(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    again = Image.open(buffer)
    again.load()
    return again


def test_a_plain_mask_and_a_soft_one_are_read_as_they_look() -> None:
    for pixels in (PLAIN, np.zeros_like(PLAIN), PLAIN // 2 + 60):
        assert odd_form(through_a_file(Image.fromarray(pixels))) is None


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (Image.fromarray(PLAIN).convert("1"), "one bit"),
        (Image.fromarray(PLAIN.astype(np.uint16) * 257), "16 bits"),
        (Image.fromarray(PLAIN).convert("P"), "palette"),
        (Image.fromarray(PLAIN).convert("RGB"), "colour"),
        (Image.fromarray(PLAIN).convert("RGBA"), "transparency"),
        (CLEAR, "transparency"),
    ],
)
def test_other_forms_are_named_and_seen_alike(picture: Image.Image, told: str) -> None:
    again = through_a_file(picture)
    form = odd_form(again)
    assert form is not None
    assert told in form
    assert "store it as 8-bit grey" in form
    np.testing.assert_array_equal(seen(again), PLAIN)


def test_zero_and_one_are_named() -> None:
    form = odd_form(through_a_file(Image.fromarray(PLAIN // 255)))
    assert form is not None
    assert "its highest value is 1" in form
