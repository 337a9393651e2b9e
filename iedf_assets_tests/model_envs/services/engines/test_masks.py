"""What callers take for a mask."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.photos import Photo, read_photo, upright
from iedf_assets_tests.helpers.bad_inputs import encoded
from model_envs.services.engines.masks import RefusedError, central, mask_of

COFFEE = np.ascontiguousarray(data.coffee()[::2, ::2])
HEIGHT, WIDTH = COFFEE.shape[:2]
MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
MASK[20:80, 40:120] = 255


def photo(path: Path, turn: int = 1) -> Photo:
    exif = Image.Exif()
    exif[0x0112] = turn
    (path / "photo.png").write_bytes(encoded(COFFEE, "PNG", exif=exif.tobytes()))
    return read_photo(path / "photo.png", max_pixels=10**7, max_megapixels=10)


def read(path: Path, picture: Image.Image | Pixels, of: Photo | None = None) -> tuple[Pixels, bool]:
    (path / "mask.png").write_bytes(encoded(picture, "PNG"))
    return mask_of(path / "mask.png", of or photo(path), 10**7)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "P", "RGBA", "I;16"])
def test_a_plain_mask_is_one_in_every_mode(tmp_path: Path, mode: str) -> None:
    wide = Image.fromarray(MASK.astype(np.uint16) * 257)
    picture = wide if mode == "I;16" else Image.fromarray(MASK).convert(mode)
    mask, turned = read(tmp_path, picture)
    assert (mask == MASK).all()
    assert not turned


def with_hole() -> Image.Image:
    picture = Image.fromarray(COFFEE).convert("RGBA")
    picture.putalpha(Image.fromarray(255 - MASK))
    return picture


def strokes() -> Image.Image:
    return Image.merge("RGBA", [Image.new("L", (WIDTH, HEIGHT), 255)] * 3 + [Image.fromarray(MASK)])


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (with_hole(), "transparent"),
        (strokes(), "transparent"),
        (Image.new("RGBA", (WIDTH, HEIGHT)), "transparent"),
        (Image.fromarray(COFFEE), "in colour"),
        (Image.fromarray(COFFEE).convert("L"), "neither black nor white"),
        (Image.fromarray(np.where(MASK > 0, 1, 0).astype(np.uint8)), "largest value is 1"),
        (Image.fromarray(MASK[:-1]), "pixels"),
    ],
)
def test_what_is_no_plain_mask_is_refused_by_name(tmp_path: Path, picture: Image.Image, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        read(tmp_path, picture)


@pytest.mark.parametrize("turn", [5, 6, 7, 8])
def test_a_mask_of_the_stored_pixels_is_turned_with_its_photo(tmp_path: Path, turn: int) -> None:
    turned_photo = photo(tmp_path, turn)
    assert turned_photo.rgb.shape[:2] == (WIDTH, HEIGHT)
    stored, was_turned = read(tmp_path, MASK, turned_photo)
    assert was_turned
    assert (stored == upright(MASK, turn)).all()
    own, was_turned = read(tmp_path, upright(MASK, turn), turned_photo)
    assert not was_turned
    assert (own == stored).all()


def test_a_mask_of_the_right_size_is_one_of_the_upright_photo(tmp_path: Path) -> None:
    mask, turned = read(tmp_path, MASK, replace(photo(tmp_path), orientation=3))
    assert (mask == MASK).all()
    assert not turned


def test_without_a_mask_the_middle_is_one() -> None:
    mask = central(100, 60)
    assert cv2.boundingRect(mask) == (15, 25, 30, 50)
