"""What finishing a pair costs beside its floor: `python -m benchmarks.finishing`.

The floor is what no finishing can do without: decoding the photo, encoding two files and decoding them again.
The photo has 2.8 megapixels and the object 10 % of them. Times are the best of several, on one core.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pairs.finishing import PairRequest, finish
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import edit_masks, grown_box, margin_px
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.files import content_hash

SIZE = (2048, 1368)
BOUNDS: dict[str, Any] = {"max_pixels": 10**9, "max_megapixels": 16.0}
RECIPES: dict[str, dict[str, Any]] = {
    "delete": {},
    "move": {"dx": 500, "dy": -80},
    "scale": {"factor": 1.3, "anchor_x": 800.0, "anchor_y": 900.0},
    "background": {},
}


def main() -> None:
    """Print the floor and one line per subtype."""
    cv2.setNumThreads(1)
    photo = np.asarray(cv2.resize(data.astronaut(), SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(mask, (800, 700), (330, 260), 30, 0, 360, 255, -1)
    megapixels = mask.size / 1e6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photo.jpg").write_bytes(encode_jpeg(photo, 92))
        (folder / "mask.png").write_bytes(encode_png(mask))
        floor = _floor(folder / "photo.jpg")
        print(f"floor        {floor * 1e3:6.1f} ms  {megapixels / floor:5.1f} MP/s")
        for subtype in RECIPES:
            request = _staged(folder, photo, mask, subtype)
            seconds = _best(partial(finish, request, folder))
            print(f"{subtype:<12} {seconds * 1e3:6.1f} ms  {megapixels / seconds:5.1f} MP/s  "
                  f"{seconds / floor:4.2f} times the floor")  # fmt: skip


def _floor(path: Path) -> float:
    rgb = read_photo(path, **BOUNDS).rgb
    jpeg = encode_jpeg(rgb, Encoding().jpeg_quality)
    coding = _best(lambda: encode_jpeg(rgb, Encoding().jpeg_quality)) + _best(lambda: decode_jpeg(jpeg))
    return _best(lambda: read_photo(path, **BOUNDS)) + 2 * coding


def _staged(folder: Path, photo: Pixels, mask: Pixels, subtype: str) -> PairRequest:
    """The edited pixels of the box that the edit shows in, on disk, and the request to finish them."""
    encoding = Encoding()
    changed, result_mask = edit_masks(SUBTYPES[subtype], mask, RECIPES[subtype])
    shown = changed if result_mask is None else changed | result_mask
    box = grown_box(shown, margin_px(encoding, *SIZE, SUBTYPES[subtype]))
    edited = np.ascontiguousarray(255 - photo[box])
    (folder / subtype).mkdir()
    (folder / subtype / "picture.png").write_bytes(encode_png(edited))
    return PairRequest(
        key="", edit_id="", source_id=content_hash((folder / "photo.jpg").read_bytes()),
        path=str(folder / "photo.jpg"), **BOUNDS, subtype=subtype, recipe=RECIPES[subtype],
        edit_folder=str(folder / subtype), x=box[1].start, y=box[0].start,
        silhouette=str(folder / "mask.png"), object={}, others=None, asks=False,
        quality=encoding.jpeg_quality, margin=encoding.margin, feather=encoding.feather,
        instruction_ch="改", instruction_en="Change it", output=str(folder), row={},
        made_with=None, judged=None, recomposition_error=None, inputs={},
    )  # fmt: skip


def _best(function: Callable[[], object], times: int = 15) -> float:
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begun)
    return best


if __name__ == "__main__":
    main()
