import base64
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png
from iedf_assets.core.pictures.thumbnails import data_uri, load_small, strip


def row_of(photo: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[: photo.shape[0] // 2] = 255
    return photo, mask, 255 - photo


def opened(jpeg: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_a_strip_shows_source_mask_and_result_side_by_side() -> None:
    sheet = opened(strip([row_of(data.astronaut())], height=64)).astype(int)
    assert sheet.shape == (66, 3 * 66, 3)
    source, mask, result = (sheet[:64, 66 * i : 66 * i + 64] for i in range(3))
    assert np.abs(source + result - 255).mean() < 8
    assert mask[:30].min() > 240
    assert mask[34:].max() < 15


def test_rows_of_different_shapes_fit_on_one_sheet() -> None:
    panorama = np.full((20, 400, 3), 200, np.uint8)
    tall = np.full((300, 30, 3), 90, np.uint8)
    sheet = opened(strip([row_of(panorama), row_of(tall), row_of(data.coffee())], height=50))
    assert sheet.shape[0] == 3 * 52
    assert sheet.shape[1] == 3 * (100 + 2)


@given(
    rows=st.integers(1, 12),
    height=st.integers(1, 200),
    limit=st.integers(1_000, 40_000),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=25)
def test_a_strip_never_exceeds_its_limit_even_of_noise(rows: int, height: int, limit: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    assert len(strip([row_of(noise)] * rows, height, limit)) <= limit


def test_a_strip_longer_than_a_jpeg_may_be_is_shrunk() -> None:
    tiny = np.zeros((4, 4, 3), np.uint8)
    assert opened(strip([(tiny,)] * 600, height=128)).shape[0] < 2**16


def test_a_limit_that_no_jpeg_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="100 bytes"):
        strip([row_of(data.coffee())], limit_bytes=100)


def test_a_data_uri_holds_the_jpeg() -> None:
    jpeg = strip([row_of(data.coffee())])
    head, _, body = data_uri(jpeg).partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(body) == jpeg


def test_a_jpeg_is_loaded_small_and_looks_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_jpeg(np.repeat(np.repeat(data.coffee(), 4, 0), 4, 1), 95))
    small = load_small(path, 150)
    assert small.shape == (100, 150, 3)
    reference = np.asarray(Image.fromarray(data.coffee()).resize((150, 100), Image.Resampling.BICUBIC))
    assert np.abs(small.astype(int) - reference.astype(int)).mean() < 4


def test_a_mask_stays_grey_and_what_is_transparent_becomes_grey(tmp_path: Path) -> None:
    mask, layer = tmp_path / "mask.png", tmp_path / "layer.png"
    mask.write_bytes(encode_png(row_of(data.coffee())[1]))
    assert load_small(mask, 90).shape == (60, 90)
    layer.write_bytes(encode_png(np.zeros((60, 90, 4), np.uint8)))
    assert (load_small(layer, 90) == 128).all()


def test_a_photo_is_loaded_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(data.coffee()).save(tmp_path / "photo.jpg", exif=turned)
    assert load_small(tmp_path / "photo.jpg", 60).shape == (60, 40, 3)


def test_a_damaged_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode_jpeg(data.coffee(), 90)[:2000])
    for name in ("a.jpg", "none.jpg"):
        with pytest.raises(StorageError, match=name):
            load_small(tmp_path / name, 50)
