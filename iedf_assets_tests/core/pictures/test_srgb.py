import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.srgb import to_srgb


def photo() -> Pixels:
    rgb: Pixels = np.ascontiguousarray(data.coffee()[100:260, 150:350])
    return rgb


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exchanged_profile() -> bytes:
    """A profile for pictures whose red and green are exchanged: sRGB with those two tags exchanged."""
    icc = srgb_profile()
    return icc.replace(b"rXYZ", b"????", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"????", b"gXYZ", 1)


def profile_of(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile by the book: header, table of tags, tags (ICC.1:2001-04, clause 6)."""
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(content))
        body += padded
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    header = struct.pack(
        ">I4sI4s4s4s", 132 + len(table) - 4 + len(body), b"", 0x02400000, kind, space, connection
    )
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + body


def grey_profile() -> bytes:
    """Grey values that are proportional to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    return profile_of(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": b"curv" + struct.pack(">II", 0, 0)})


def press_profile() -> bytes:
    """A press whose cyan ink looks red (Lab 54, 81, 70), its black ink black, and all else like the paper."""
    cyan, black = 8, 1
    corners = [
        (0, 0, 0) if corner & black else (54, 81, 70) if corner & cyan else (100, 0, 0)
        for corner in range(16)
    ]
    lookup = b"".join(bytes((round(light * 2.55), a + 128, b + 128)) for light, a, b in corners)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + lookup + ramp * 3
    return profile_of(b"CMYK", b"Lab ", {b"A2B0": table})


def farthest(one: Pixels, other: Pixels) -> int:
    return int(np.abs(one.astype(np.int16) - other).max())


def test_a_profile_moves_the_colours() -> None:
    rgb = photo()
    moved = to_srgb(Image.fromarray(rgb[..., [1, 0, 2]].copy()), exchanged_profile())
    assert farthest(moved, rgb) <= 1
    assert farthest(moved, rgb[..., [1, 0, 2]]) > 50


def test_a_profile_that_is_srgb_changes_no_pixel() -> None:
    assert np.array_equal(to_srgb(Image.fromarray(photo()), srgb_profile()), photo())


@pytest.mark.parametrize("icc", [b"", b"no profile", srgb_profile()[:300], press_profile(), grey_profile()])
def test_a_broken_or_unfitting_profile_counts_as_none(icc: bytes) -> None:
    assert np.array_equal(to_srgb(Image.fromarray(photo()), icc), photo())


def test_a_grey_profile_is_honoured() -> None:
    half = Image.new("L", (20, 20), 55)  # 21.6 % of the light
    expected = round(255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055))
    assert farthest(to_srgb(half, grey_profile()), np.full((20, 20, 3), expected, np.uint8)) <= 1
    assert np.unique(to_srgb(half, b"")) == [55]


def test_a_grey_picture_may_have_an_rgb_profile() -> None:
    grey = Image.fromarray(photo()[..., 0].copy())
    assert farthest(to_srgb(grey, exchanged_profile()), np.dstack([photo()[..., 0]] * 3)) <= 1


def test_cmyk_goes_through_its_profile_and_is_inverted_without_one() -> None:
    cyan, paper = Image.new("CMYK", (9, 9), (255, 0, 0, 0)), Image.new("CMYK", (9, 9))
    red, green, blue = to_srgb(cyan, press_profile())[4, 4].tolist()
    assert (red > 240, green < 30, blue < 30) == (True, True, True)
    assert to_srgb(paper, press_profile()).min() >= 250
    assert to_srgb(cyan, b"")[4, 4].tolist() == [0, 255, 255]


def test_lab_comes_back_as_it_went() -> None:
    assert farthest(to_srgb(Image.fromarray(photo()).convert("LAB"), b""), photo()) <= 12
    grey = Image.fromarray(np.dstack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3))
    assert farthest(to_srgb(grey.convert("LAB"), b""), np.asarray(grey)) <= 2


@given(value=st.integers(0, 65535))
@settings(max_examples=50, deadline=None)
def test_16_bits_keep_their_upper_8(value: int) -> None:
    for mode in ("<u2", ">u2"):
        deep = Image.fromarray(np.full((3, 3), value, mode))
        assert np.unique(to_srgb(deep, b"")).tolist() == [value >> 8]


def test_16_bit_values_widened_from_8_bits_come_back() -> None:
    wide = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    assert np.array_equal(to_srgb(Image.fromarray(wide), b"")[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_pixels_have_no_range(mode: str) -> None:
    with pytest.raises(SourceError, match="no agreed range") as caught:
        to_srgb(Image.new(mode, (5, 5)), b"")
    assert caught.value.reason == "unreadable"


def test_an_alpha_that_shows_nothing_at_all_was_not_meant() -> None:
    picture = Image.fromarray(photo()).convert("RGBA")
    picture.putalpha(0)
    assert (to_srgb(picture, b"") == photo()).all()


@given(alpha=st.integers(1, 255), mode=st.sampled_from(["RGBA", "LA", "RGBa", "La", "PA"]))
@settings(max_examples=60, deadline=None)
def test_transparency_shows_white(alpha: int, mode: str) -> None:
    picture = Image.new("RGBA", (4, 4), (40, 40, 40, alpha))
    via = {"RGBa": ["RGBa"], "La": ["LA", "La"], "PA": ["PA"], "LA": ["LA"], "RGBA": []}[mode]
    for step in via:
        picture = picture.convert(step)
    expected = 255 + (40 - 255) * alpha / 255
    assert np.abs(to_srgb(picture, b"").astype(float) - expected).max() <= (1 if mode[-1] == "A" else 4)


def test_a_transparent_palette_colour_shows_white() -> None:
    picture = Image.fromarray(photo()).convert("P", palette=Image.Palette.ADAPTIVE)
    plain = to_srgb(picture, b"")
    picture.info["transparency"] = 3
    shown = to_srgb(picture, b"")
    hidden = np.asarray(picture) == 3
    assert hidden.any()
    assert (shown[hidden] == 255).all()
    assert np.array_equal(shown[~hidden], plain[~hidden])


def test_one_bit_is_black_and_white() -> None:
    shown = to_srgb(Image.fromarray(photo()).convert("1"), b"")
    assert np.unique(shown).tolist() == [0, 255]
    assert cv2.split(shown)[0].mean() == pytest.approx(
        cv2.cvtColor(photo(), cv2.COLOR_RGB2GRAY).mean(), abs=3
    )
