"""Exports at sizes of the grid, of a real run: from photo and raw edit as long as staging has them."""

import io
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.grid import SIZES
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, run
from iedf_assets_tests.helpers.shared import made_once

pytestmark = pytest.mark.slow
SUBTYPES = "{move: 1, identity: 1, background: 1, brightness: 1}"
DERIVE = "derive={inverse: true, turns: 3}"
SIZE = (1300, 870)


@pytest.fixture
def profile(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A factory with a photo that is larger than the grid, all that was made of it published."""

    def settled(base: Path) -> Profile:
        folders = [f"paths.{name}={base / name}" for name in ("data", "outputs", "logs")]
        subtypes = f"categories.{PHYSICAL}={{task: structural_edit, subtypes: {SUBTYPES}}}"
        return load_profile(CLASSICAL, [*folders, subtypes, DERIVE])

    def make(base: Path) -> None:
        path = base / "data" / PHYSICAL / "coffee.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(photo()).save(path)
        outcome, _ = run(settled(base))
        assert outcome.went_through, outcome.error

    shutil.copytree(made_once(tmp_path_factory, "run-raws", make), tmp_path / "factory")
    return settled(tmp_path / "factory")


def photo() -> Pixels:
    return np.asarray(cv2.resize(data.coffee(), SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def rows_of(folder: Path, table: str = "data") -> list[dict[str, Any]]:
    return [row for path in (folder / table).glob("*.parquet") for row in pq.read_table(path).to_pylist()]


def picture(of: dict[str, Any]) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(of["bytes"])))


def require_exact(row: dict[str, Any]) -> None:
    """Of a kept size, and equal outside the region that is allowed to differ."""
    source, target = picture(row["source"]), picture(row["target"])
    assert source.shape == target.shape
    assert source.shape[1::-1] in SIZES
    if row["tier"] == "stated":
        return
    outside = picture(row["allowed"]) == 0
    assert outside.any()
    assert np.array_equal(source[outside], target[outside])


def worst(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_pairs_are_finished_again_from_photo_and_raw_edit_then_from_what_was_published(
    profile: Profile, tmp_path: Path
) -> None:
    found = exported(profile, tmp_path / "raw", "parquet", size="grid")
    rows = rows_of(tmp_path / "raw")
    assert {row["made_from"] for row in rows} == {"staged"}
    assert found.made_from == {"staged": len(rows)}
    assert any(row["inverse_of"] for row in rows)
    assert any(row["turn"] == 3 for row in rows)
    (chain,) = rows_of(tmp_path / "raw", "chains")
    assert chain["made_from"] == "staged"
    for row in rows:
        require_exact(row)

    # Encoded once, it is what a crop of the photo itself comes to.
    first = next(row for row in rows if row["subtype"] == "background" and not row["turn"])
    source = picture(first["source"])
    size = source.shape[1::-1]
    scale = min(SIZE[0] / size[0], SIZE[1] / size[1])
    wide, high = round(size[0] * scale), round(size[1] * scale)
    whole = photo()
    crops = (
        whole[top : top + high, left : left + wide]
        for top in range(SIZE[1] - high + 1)
        for left in range(SIZE[0] - wide + 1)
    )
    shrunk = (cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops)
    assert any(
        np.array_equal(decode_jpeg(encode_jpeg(np.asarray(one, np.uint8), 95)), source) for one in shrunk
    )

    shutil.rmtree(Layout.of(profile).staging)
    again = exported(profile, tmp_path / "raw", "parquet", size="grid")
    assert again.tally.made == 0
    exported(profile, tmp_path / "decoded", "parquet", size="grid")
    known = {row["sample_key"]: row for row in rows}
    for row in rows_of(tmp_path / "decoded"):
        require_exact(row)
        if row["tier"] == "stated":  # which may need nothing but the photo
            continue
        assert row["made_from"] == "decoded"
        for role in ("source", "target"):
            pictures = picture(row[role]), picture(known[row["sample_key"]][role])
            assert 0 < worst(*pictures) < 2


def test_a_raw_edit_that_is_another_by_now_is_not_taken(profile: Profile, tmp_path: Path) -> None:
    layout = Layout.of(profile)
    for path in (layout.staging / "edited_images").glob("*/*/picture.png"):
        with Image.open(path) as raw:
            other = Image.fromarray(255 - np.asarray(raw))
        other.save(path)
    exported(profile, tmp_path / "out", "parquet", size="grid")
    rows = rows_of(tmp_path / "out")
    made_from = Counter((row["tier"], row["made_from"]) for row in rows)
    assert made_from["composited", "decoded"]
    assert not made_from["composited", "staged"]
    for row in rows:
        require_exact(row)


def test_source_and_target_in_folders_are_made_from_the_same(profile: Profile, tmp_path: Path) -> None:
    """Also when captions in another language are asked for after staging was emptied."""
    asked = {"size": "grid", "where": {"subtype": "move"}}
    exported(profile, tmp_path / "out", "folders", **asked)
    shutil.rmtree(Layout.of(profile).staging)
    exported(profile, tmp_path / "out", "folders", **asked, language="both")
    for path in (tmp_path / "out/source").iterdir():
        names = (f"target_{language}" for language in ("en", "zh"))
        source, english, chinese = (
            decode(tmp_path / "out" / name / path.name) for name in ("source", *names)
        )
        assert np.array_equal(english, chinese)
        # Blocks that are equal throughout are so by no chance.
        unlike = (source != english).any(axis=2)
        height, width = (side // 8 for side in unlike.shape)
        blocks = unlike[: height * 8, : width * 8].reshape(height, 8, width, 8).any(axis=(1, 3))
        assert blocks.mean() < 0.9
