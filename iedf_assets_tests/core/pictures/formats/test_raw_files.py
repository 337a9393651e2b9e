"""Cameras' raw files, made here by their marks: their previews pass for no photo."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from skimage import data

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.reasons import RAW_FILE, UNREADABLE


def tiff(**tags: tuple[int, int]) -> bytes:
    """A TIFF with a preview, and tags by (type, value)."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, (kind, value) in tags.items():
        number = int(name.removeprefix("t"))
        directory.tagtype[number] = kind
        directory[number] = bytes([1, 4, 0, 0]) if kind == 1 else value
    buffer = io.BytesIO()
    preview = np.ascontiguousarray(data.coffee()[::2, ::2])
    Image.fromarray(preview).save(buffer, "TIFF", tiffinfo=directory)
    return buffer.getvalue()


RAW = {
    "a.dng": tiff(t50706=(1, 0)),
    "a.nef": tiff(t254=(4, 1), t330=(4, 8)),
    "a.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(100),
    "a.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "a.raf": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    "a.orf": b"IIRO\x08\0\0\0" + bytes(100),
    "a.rw2": b"IIU\0\x18\0\0\0" + bytes(100),
    "a.iiq": b"IIIITwaR" + bytes(100),
    "a.x3f": b"FOVb" + bytes(100),
}


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_is_told_by_its_own_marks_whatever_its_name(tmp_path: Path, name: str) -> None:
    for called in (name, "photo.jpg"):
        (tmp_path / called).write_bytes(RAW[name])
        with pytest.raises(SourceError, match="a raw file") as caught:
            read_photo(tmp_path / called, max_pixels=10**7, max_megapixels=10)
        assert caught.value.reason == RAW_FILE


def test_a_plain_tiff_and_one_with_smaller_copies_are_photos(tmp_path: Path) -> None:
    for number, content in enumerate((tiff(), tiff(t254=(4, 0), t330=(4, 8)))):
        path = tmp_path / f"{number}.tif"
        path.write_bytes(content)
        assert read_photo(path, max_pixels=10**7, max_megapixels=10).original_width == 300


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff\x0a" + bytes(50), "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
     (struct.pack(">I", 12) + b"jP  " + bytes(50), "JPEG 2000"), (b"8BPS\0\1" + bytes(50), "PSD"),
     (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"), (b"<!DOCTYPE html>", "a web page"),
     (struct.pack(">I", 24) + b"ftypisom" + bytes(50), "a film"), (b"v/1\x01" + bytes(50), "OpenEXR")],
)  # fmt: skip
def test_what_is_not_read_is_called_by_its_name(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(SourceError, match=told) as caught:
        read_photo(tmp_path / "a.jpg", max_pixels=10**7, max_megapixels=10)
    assert caught.value.reason == UNREADABLE
