import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.exporting.formats import layers
from iedf_assets.core.exporting.formats.layers import open_raster
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.exports import exported
from iedf_assets_tests.helpers.pair_making import photo


def pixels(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.slow
def test_layers_of_each_photo_are_listed_by_their_number_and_add_up(
    profile: Profile,
    layout: Layout,
    already_run: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    already_run("rocket")
    exported(profile, tmp_path / "out", "layers")
    (row,) = json.loads((tmp_path / "out/layers_2.json").read_text("ascii"))
    assert (row["layer_num"], len(row["image"]), row["layer_input_image"]) == (2, 3, row["image"][0])
    whole, ground, thing = (pixels(tmp_path / "out" / path) for path in row["image"])
    assert whole.shape == ground.shape == thing.shape
    assert whole.shape[2] == 4
    assert whole[..., 3].min() == ground[..., 3].min() == 255
    clear = thing[..., 3] == 0
    assert clear.any()
    assert thing[clear][:, :3].any()  # readers scale straight alpha
    (line,) = (tmp_path / "out/musubi_2.jsonl").read_text("ascii").splitlines()
    told = json.loads(line)
    assert [Path(told[f"image_path_{n}"]) for n in range(3)] == [
        tmp_path / "out" / path for path in row["image"]
    ]
    # What does not add up is left out, in an export of its own.
    monkeypatch.setattr(layers, "MAX_ERROR", 0.0)
    assert exported(profile, tmp_path / "strict", "layers").proof.rows == 0
    assert not list((tmp_path / "strict").rglob("*.png"))
    monkeypatch.undo()
    # Without what is staged there are none, and that is no fault.
    for folder in (layout.staging / "image_layers").glob("*/*"):
        folder.rename(folder.with_name(f"away-{folder.name}"))
    assert exported(profile, tmp_path / "out", "layers").proof.rows == 0


def test_an_open_raster_file_has_the_topmost_layer_first_and_its_type_at_the_front() -> None:
    whole = photo("coffee")
    pictures = [
        encode_png(np.dstack([whole, np.full(whole.shape[:2], alpha, np.uint8)])) for alpha in (255, 90)
    ]
    data = open_raster(whole, ["background", 'the "cup" & co'], pictures)
    assert data[30:38] == b"mimetype"
    assert data[38:54] == b"image/openraster"
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in file.infolist()[:1])
        stack = ET.fromstring(file.read("stack.xml"))  # noqa: S314  # our own
        entries = [(layer.get("name"), layer.get("src")) for layer in stack.iter("layer")]
        assert entries == [('the "cup" & co', "data/layer1.png"), ("background", "data/layer0.png")]
        with Image.open(io.BytesIO(file.read("mergedimage.png"))) as merged:
            assert np.array_equal(np.asarray(merged), whole)
        with Image.open(io.BytesIO(file.read("Thumbnails/thumbnail.png"))) as small:
            assert max(small.size) <= 256
