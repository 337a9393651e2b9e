"""Staged layers: reading them and putting them together again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.layers import (
    load_alpha,
    load_background,
    load_object,
    mean_absolute_error,
    object_of,
    over,
    recompose,
    silhouette_file,
)
from iedf_assets.core.profile.subtypes import SUBTYPES


def noise(seed: int, *shape: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def staged(folder: Path, **layers: tuple[Pixels, int, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"number": 1, "alpha": None}
    for name, (pixels, x, y) in layers.items():
        (folder / f"{name}.png").write_bytes(encode_png(pixels))
        height, width = pixels.shape[:2]
        entry[name] = {"file": f"{name}.png", "x": x, "y": y, "width": width, "height": height}
    return entry


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 9), width=st.integers(1, 9))
def test_compositing_is_the_mixture_to_the_nearest_level(seed: int, height: int, width: int) -> None:
    ground, rgba = noise(seed, height, width, 3), noise(seed + 1, height, width, 4)
    share = rgba[..., 3:] / 255.0
    exact = rgba[..., :3] * share + ground * (1 - share)
    assert np.abs(over(ground, rgba) - exact).max() <= 0.5 + 1e-9


def test_layers_recompose_bottom_to_top_at_their_places(tmp_path: Path) -> None:
    photo, background, rgba = noise(0, 20, 30, 3), noise(1, 12, 14, 3), noise(2, 6, 7, 4)
    row = staged(tmp_path, background=(background, 5, 4), layer=(rgba, 8, 6))
    expected = photo.copy()
    expected[4:16, 5:19] = background
    expected[6:12, 8:15] = over(expected[6:12, 8:15], rgba)
    before = photo.copy()
    assert (recompose(photo, tmp_path, row) == expected).all()
    assert (photo == before).all()


def test_what_was_staged_is_what_is_read(tmp_path: Path) -> None:
    background, rgba = noise(1, 12, 14, 3), noise(2, 6, 7, 4)
    row = staged(tmp_path, background=(background, 5, 4), layer=(rgba, 8, 6))
    for (pixels, x, y), (expected, place) in (
        (load_background(tmp_path, row), (background, (5, 4))),
        (load_object(tmp_path, row), (rgba, (8, 6))),
        (load_alpha(tmp_path, row), (rgba[..., 3], (8, 6))),
    ):
        assert (pixels == expected).all()
        assert (x, y) == place


def test_an_absent_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"object 2 in .* has no layer"):
        load_object(tmp_path, {"number": 2, "layer": None})


def test_a_recipe_is_for_the_object_that_it_names_else_for_the_first() -> None:
    objects = [{"number": 1}, {"number": 2}]
    assert object_of(objects, {"subtype": "move"}) == {"number": 1}
    assert object_of(objects, {"subtype": "move", "object": 2}) == {"number": 2}
    assert object_of(objects, {"subtype": "move", "object": 3}) == object_of([], {}) == {}


def test_only_what_takes_an_object_away_takes_its_shadow_along() -> None:
    one = {"mask": "mask.png", "footprint": "footprint.png"}
    files = {
        name: silhouette_file(one, SUBTYPES[name]) for name in ("move", "delete", "recolor", "background")
    }
    assert files == {"move": "footprint.png", "delete": "footprint.png", "recolor": "mask.png",
                     "background": "mask.png"}  # fmt: skip
    assert (
        silhouette_file(one | {"footprint": None}, SUBTYPES["move"])
        == silhouette_file(one, None)
        == "mask.png"
    )


def test_the_error_of_pictures_is_their_mean_difference() -> None:
    dark, light = np.zeros((4, 5, 3), np.uint8), np.full((4, 5, 3), 255, np.uint8)
    assert mean_absolute_error(dark, light) == mean_absolute_error(light, dark) == 255
    assert mean_absolute_error(light, light) == 0
