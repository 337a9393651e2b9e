import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg, encode_png


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([(), (3,), (4,)]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_a_png_gives_back_every_pixel_and_its_mode(
    size: tuple[int, int], channels: tuple[int, ...], seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, *channels), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_a_file_of_the_factory_is_decoded_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "layer.png"
    layer = np.dstack([data.coffee(), data.coffee()[..., 0]])
    path.write_bytes(encode_png(layer))
    assert np.array_equal(decode(path), layer)


def test_a_mask_takes_little_space() -> None:
    mask = np.zeros((1000, 1500), np.uint8)
    mask[300:700, 400:900] = 255
    assert len(encode_png(mask)) < 6_000


@pytest.mark.parametrize("quality", [75, 90, 100])
def test_a_jpeg_is_close_to_its_picture_and_decodes_alike_everywhere(quality: int) -> None:
    jpeg = encode_jpeg(data.coffee(), quality)
    decoded = decode_jpeg(jpeg)
    assert np.array_equal(decoded, np.asarray(Image.open(io.BytesIO(jpeg))))
    assert np.abs(decoded.astype(int) - data.coffee()).mean() < 4


def test_a_jpeg_keeps_its_colour_at_full_resolution() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2, 0] = 255
    stripes[:, 1::2, 2] = 255
    assert np.abs(decode_jpeg(encode_jpeg(stripes, 95)).astype(int) - stripes).max() < 40


@pytest.mark.parametrize("damage", [b"", b"not a picture", None])
def test_a_damaged_or_absent_file_is_a_storage_error(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "mask.png"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(StorageError, match=r"mask\.png"):
        decode(path)


def test_a_truncated_file_is_a_storage_error(tmp_path: Path) -> None:
    for name, whole in (("a.png", encode_png(data.coffee())), ("a.jpg", encode_jpeg(data.coffee(), 90))):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(StorageError, match=name):
            decode(tmp_path / name)
