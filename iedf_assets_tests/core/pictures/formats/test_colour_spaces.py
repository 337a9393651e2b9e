"""Colours that a file tells by other words than a profile's."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.colour_spaces import Space, of_code_points, of_png, of_tiff, profile_of
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets_tests.helpers.bad_inputs import encoded, png_chunk

ADOBE = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
SRGB = np.array([[0.41239, 0.35758, 0.18048], [0.21264, 0.71517, 0.07219], [0.01933, 0.11919, 0.95053]])
P3 = np.array([[0.48657, 0.26567, 0.19822], [0.22897, 0.69174, 0.07929], [0.0, 0.04511, 1.04394]])
COLOURS = np.array([[99, 164, 70], [200, 150, 120], [60, 90, 160], [128, 128, 128], [220, 210, 60]], float)

Levels = npt.NDArray[np.float64]


def shown(linear: Levels, matrix: Levels) -> Levels:
    """SRGB levels of linear colours with the primaries of a matrix to XYZ."""
    light = np.clip(linear @ matrix.T @ np.linalg.inv(SRGB).T, 0, 1)
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def of_srgb_curve(levels: Levels) -> Levels:
    share = levels / 255
    return np.asarray(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4))


def swatches() -> Pixels:
    return np.repeat(np.repeat(COLOURS.astype(np.uint8)[None], 64, 0), 64, 1)


def middles(rgb: Pixels) -> Levels:
    return rgb[32, 32::64].astype(float)


def read(path: Path, data: bytes) -> Pixels:
    path.write_bytes(data)
    return read_photo(path, max_pixels=10**7, max_megapixels=10).rgb


OF_ADOBE = shown((COLOURS / 255) ** (563 / 256), ADOBE)


def adobe_exif(order: str, space: int | None, index: bytes) -> bytes:
    """An EXIF block that tells a colour space, if it does, and the index of its interoperability."""
    sign = ">" if order == "MM" else "<"

    def tag(number: int, kind: int, value: bytes, count: int = 1) -> bytes:
        return struct.pack(sign + "HHI", number, kind, count) + value

    def number(value: int) -> bytes:
        return struct.pack(sign + "I", value)

    head = order.encode() + struct.pack(sign + "HI", 42, 8)
    first = struct.pack(sign + "H", 1) + tag(0x8769, 4, number(26)) + number(0)
    # Instead of the space, a version of EXIF.
    told = tag(0x9000, 7, b"0230", 4) if space is None else tag(0xA001, 3, struct.pack(sign + "HH", space, 0))
    colours = told + tag(0xA005, 4, number(56))
    third = struct.pack(sign + "H", 1) + tag(1, 2, index, 4) + number(0)
    return b"".join([b"Exif\0\0", head, first, struct.pack(sign + "H", 2), colours, number(0), third])


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize(("space", "index"), [(0xFFFF, b"R03\0"), (2, b"R98\0"), (None, b"R03\0")])
def test_adobe_rgb_that_exif_tells_is_converted(
    tmp_path: Path, order: str, space: int | None, index: bytes
) -> None:
    data = encoded(swatches(), "JPEG", quality=100, subsampling=0, exif=adobe_exif(order, space, index))
    assert np.abs(middles(read(tmp_path / "a.jpg", data)) - OF_ADOBE).max() < 5


FORMS: dict[str, dict[str, Any]] = {
    "PNG": {}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMS)
def test_so_it_is_in_every_format_with_exif(tmp_path: Path, kind: str) -> None:
    exif = adobe_exif("II", 0xFFFF, b"R03\0")
    data = encoded(swatches(), kind, exif=exif, **FORMS[kind])
    assert np.abs(middles(read(tmp_path / "a", data)) - OF_ADOBE).max() < 5


def test_the_directory_of_a_tiff_tells_it_likewise() -> None:
    space = of_tiff(adobe_exif("MM", 0xFFFF, b"R03\0").removeprefix(b"Exif\0\0"))
    assert space is not None
    assert space.gamma == 563 / 256


def test_primaries_that_a_tiff_tells_are_converted(tmp_path: Path) -> None:
    places = [(68, 100), (32, 100), (265, 1000), (69, 100), (15, 100), (6, 100)]
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[319] = tuple(TiffImagePlugin.IFDRational(*place) for place in places)
    tags.tagtype[319] = 5
    wanted = shown(of_srgb_curve(COLOURS), P3)
    data = encoded(swatches(), "TIFF", tiffinfo=tags)
    assert np.abs(middles(read(tmp_path / "a.tif", data)) - wanted).max() < 3


def bmp_with(space: int, colours: Levels, gamma: float, profile: bytes = b"") -> bytes:
    """A BMP with the longest header."""
    plain = encoded(swatches(), "BMP")
    pixels = plain[int.from_bytes(plain[10:14], "little") :]
    head = struct.pack("<I", 124) + plain[18:54] + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0)
    head += struct.pack("<I9i", space, *(round(value * 2**30) for value in colours.T.ravel()))
    head += struct.pack("<3I", *[round(gamma * 2**16)] * 3)
    head += struct.pack("<4I", 0, 124 + len(pixels), len(profile), 0)
    size, start = 14 + len(head) + len(pixels) + len(profile), 14 + len(head)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, start) + head + pixels + profile


def test_colours_that_a_bmps_header_tells_are_converted(tmp_path: Path) -> None:
    for gamma in (563 / 256, 256 / 563):
        data = bmp_with(0, ADOBE, gamma)
        assert np.abs(middles(read(tmp_path / "a.bmp", data)) - OF_ADOBE).max() < 5
    places = SRGB / SRGB.sum(axis=0)  # as ImageMagick writes them
    for plain in (bmp_with(0x73524742, ADOBE, 2.2), bmp_with(0, places, 0.4545), bmp_with(0, 0 * ADOBE, 0)):
        assert (middles(read(tmp_path / "a.bmp", plain)) == COLOURS).all()


def test_a_bmps_own_profile_counts_and_one_elsewhere_is_told(tmp_path: Path) -> None:
    space = of_code_points(12, 13)
    assert space is not None
    data = bmp_with(0x4D424544, 0 * ADOBE, 0, profile_of(space))
    wanted = shown(of_srgb_curve(COLOURS), P3)
    assert np.abs(middles(read(tmp_path / "a.bmp", data)) - wanted).max() < 3
    with pytest.raises(SourceError, match="another file"):
        read(tmp_path / "a.bmp", bmp_with(0x4C494E4B, 0 * ADOBE, 0, b"C:\\a.icc\0"))


@pytest.mark.parametrize("mode", ["L", "I;16", "LA", "P"])
def test_gama_counts_in_every_mode(tmp_path: Path, mode: str) -> None:
    grey = np.repeat(np.arange(30, 250, 20, dtype=np.uint8)[None], 40, 0)
    picture = Image.fromarray(grey.astype(np.uint16) * 257 if mode == "I;16" else grey)
    plain = encoded(picture if mode == "I;16" else picture.convert(mode), "PNG")
    linear = plain[:33] + png_chunk(b"gAMA", (100_000).to_bytes(4, "big")) + plain[33:]
    wanted = shown(np.repeat(grey[0, :, None] / 255, 3, 1), SRGB)
    assert np.abs(read(tmp_path / "a.png", linear)[5].astype(float) - wanted).max() < 3


@pytest.mark.parametrize(("space", "index"), [(1, b"R98\0"), (0xFFFF, b"R98\0"), (0xFFFF, b"THM\0")])
def test_what_exif_does_not_call_adobe_rgb_stays(tmp_path: Path, space: int, index: bytes) -> None:
    data = encoded(swatches(), "JPEG", quality=100, subsampling=0, exif=adobe_exif("II", space, index))
    assert np.abs(middles(read(tmp_path / "a.jpg", data)) - COLOURS).max() < 3


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    data = encoded(swatches(), "PNG")
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[33:]


def test_p3_that_cicp_tells_is_converted_and_counts_before_all_else(tmp_path: Path) -> None:
    wanted = shown(of_srgb_curve(COLOURS), P3)
    data = png_with((b"cICP", bytes([12, 13, 0, 1])), (b"gAMA", (100_000).to_bytes(4, "big")))
    assert np.abs(middles(read(tmp_path / "a.png", data)) - wanted).max() < 3


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_is_left_out_and_never_published_wrong(tmp_path: Path, transfer: int) -> None:
    with pytest.raises(SourceError, match=r"H\.273") as caught:
        read(tmp_path / "a.png", png_with((b"cICP", bytes([9, transfer, 0, 1]))))
    assert caught.value.reason == "unreadable"


def test_linear_samples_that_gama_tells_are_converted(tmp_path: Path) -> None:
    data = png_with((b"gAMA", (100_000).to_bytes(4, "big")))
    assert np.abs(middles(read(tmp_path / "a.png", data)) - shown(COLOURS / 255, SRGB)).max() < 3


def test_the_usual_gama_and_chrm_mean_srgb(tmp_path: Path) -> None:
    places = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    data = png_with((b"gAMA", (45_455).to_bytes(4, "big")), (b"cHRM", places))
    assert (middles(read(tmp_path / "a.png", data)) == COLOURS).all()
    assert of_png(b"\0\0\0\0", bytes(32)) is None


def test_p3_that_nclx_tells_is_converted(tmp_path: Path) -> None:
    data = encoded(swatches(), "AVIF", quality=100, subsampling="4:4:4")
    at = data.index(b"colrnclx")
    data = data[: at + 8] + struct.pack(">HH", 12, 13) + data[at + 12 :]
    wanted = shown(of_srgb_curve(COLOURS), P3)
    assert np.abs(middles(read(tmp_path / "a.avif", data)) - wanted).max() < 4


def test_our_profiles_are_what_the_library_reads() -> None:
    space = of_code_points(9, 1)
    assert space is not None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_of(space)))
    assert profile.profile.xcolor_space.strip() == "RGB"
    grey = Image.new("RGB", (4, 4), (120, 120, 120))
    target = ImageCms.createProfile("sRGB")
    moved = ImageCms.profileToProfile(grey, profile, target)
    assert moved is not None
    assert np.abs(np.asarray(moved, int) - 120).max() <= 2
    assert Space(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))).is_srgb
