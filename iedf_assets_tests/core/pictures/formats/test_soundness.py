"""Files that decoders show without a word although something of them is missing or strange."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.soundness import require_sound
from iedf_assets.core.pictures.photos import Photo, read_photo
from iedf_assets.core.reasons import CORRUPTED, TRUNCATED
from iedf_assets_tests.helpers.mutants import originals

COFFEE = np.ascontiguousarray(data.coffee()[::2, ::2])


def encoded(kind: str, **options: Any) -> bytearray:
    buffer = io.BytesIO()
    Image.fromarray(COFFEE).save(buffer, kind, **options)
    return bytearray(buffer.getvalue())


def read(path: Path, file: bytes | bytearray) -> Photo:
    path.write_bytes(file)
    return read_photo(path, max_pixels=10**8, max_megapixels=1, look=require_sound)


def with_size(jpeg: bytearray, marker: bytes, height: int, width: int) -> bytearray:
    frame = jpeg.index(marker)
    jpeg[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return jpeg


def reason(path: Path, file: bytes | bytearray) -> str:
    with pytest.raises(SourceError) as caught:
        read(path, file)
    return caught.value.reason


def test_sound_photos_of_all_forms_pass(tmp_path: Path) -> None:
    for name, file, pixels in originals():
        assert read(tmp_path / name, file).rgb.shape == pixels.shape


@pytest.mark.parametrize(("options", "marker"), [({}, b"\xff\xc0"), ({"progressive": True}, b"\xff\xc2")])
def test_a_jpeg_of_another_size_than_its_data_is_told(
    tmp_path: Path, options: dict[str, Any], marker: bytes
) -> None:
    height, width = COFFEE.shape[:2]
    taller = with_size(encoded("JPEG", **options), marker, 2 * height, width)
    assert reason(tmp_path / "a.jpg", taller) == TRUNCATED
    lower = with_size(encoded("JPEG", **options), marker, height // 2, width)
    assert reason(tmp_path / "a.jpg", lower) == CORRUPTED


def test_a_few_bytes_of_filling_before_its_end_spoil_no_jpeg(tmp_path: Path) -> None:
    file = encoded("JPEG")
    file[-2:-2] = bytes(16)
    assert read(tmp_path / "a.jpg", file).rgb.shape == COFFEE.shape


@pytest.mark.parametrize(("kind", "harm"), [("WEBP", "lost"), ("AVIF", "lost"), ("BMP", "lost"),
                                            ("WEBP", "more"), ("AVIF", "more"), ("BMP", "more")])  # fmt: skip
def test_bytes_lost_or_added_inside_are_told_by_the_lengths(tmp_path: Path, kind: str, harm: str) -> None:
    file, middle = encoded(kind), 2000
    if harm == "lost":
        del file[middle : middle + 100]
    else:
        file[middle:middle] = b"x" * 100
    assert reason(tmp_path / "a", file) in {TRUNCATED, CORRUPTED}


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_zeros_from_the_middle_of_a_row_on_are_no_picture(tmp_path: Path, kind: str) -> None:
    file = encoded(kind)
    file[len(file) // 2 + 101 :] = bytes(len(file) - len(file) // 2 - 101)
    assert reason(tmp_path / "a", file) == TRUNCATED


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_a_black_bar_at_an_edge_is_a_picture(tmp_path: Path, kind: str) -> None:
    barred = COFFEE.copy()
    barred[:40] = barred[-40:] = 0
    buffer = io.BytesIO()
    Image.fromarray(barred).save(buffer, kind)
    assert read(tmp_path / "a", buffer.getvalue()).rgb.shape == COFFEE.shape


def test_more_scans_than_any_program_writes_are_not_decoded(tmp_path: Path) -> None:
    file = encoded("JPEG", progressive=True)
    at = file.rindex(b"\xff\xda")
    last = bytes(file[at:-2])
    assert reason(tmp_path / "a.jpg", file[:-2] + last * 200 + b"\xff\xd9") == CORRUPTED
