"""How well the objects that image_layers finds match given masks.

    python -m benchmarks.objects PHOTOS MASKS [--backend onnx] [--backend classical] [--sheet FILE]

PHOTOS is a folder of photos, however deep; MASKS holds `<name of the photo>.png`, white on what counts. A
mask may show several things; an object is compared with those of them that it covers most of. Whole is an
object with an IoU of at least 0.8. What touches by a few pixels in a given mask counts as apart. Photos
without a given mask are timed and shown on the sheet.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.objects import iou
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.workers import Worker
from iedf_assets.core.storage.files import content_hash
from model_envs.worker import load_backend

WHOLE = 0.8
PHOTOS = (".jpg", ".jpeg", ".png", ".webp")
# What of a given mask hangs together by less than this share of its long side is apart.
APART = 0.012
TILE = 360


@dataclass(frozen=True)
class Outcome:
    """What a backend made of one photo.

    Attributes:
        score: the IoU; None without a given mask, or without an object.
        said: why there is no object; empty when there is one.
        tile: the photo with what is not the object toned down, for the sheet.
    """

    name: str
    score: float | None
    given: bool
    said: str
    seconds: float
    tile: Pixels


def main() -> None:
    """Print a table of each backend."""
    arguments = _arguments()
    paths = sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in PHOTOS)
    sheet = []
    for backend in arguments.backend or ["onnx", "classical"]:
        outcomes = measured(backend, paths, arguments.masks)
        print(f"\n**{backend}**\n")
        print_table(outcomes)
        sheet.append(outcomes)
    if arguments.sheet:
        rows = [np.hstack([outcomes[n].tile for outcomes in sheet]) for n in range(len(paths))]
        arguments.sheet.write_bytes(encode_png(_gathered(rows, columns=max(1, 4 // len(sheet)))))


def measured(backend: str, paths: list[Path], masks: Path) -> list[Outcome]:
    """What a backend makes of each photo, as image_layers asks for masks."""
    cv2.setNumThreads(1)
    settings = Worker.model_validate({"backend": backend}).model_settings()
    return [_outcome(backend, settings, path, masks / f"{path.stem}.png") for path in paths]


def print_table(outcomes: list[Outcome]) -> None:
    """The photos as Markdown, then what they come to."""
    print("| photo | IoU | seconds |\n|---|---|---|")
    for one in outcomes:
        told = one.said or ("no mask given" if one.score is None else f"{one.score:.3f}")
        print(f"| {one.name} | {told} | {one.seconds:.1f} |")
    scores = [one.score for one in outcomes if one.score is not None]
    given = sum(one.given for one in outcomes)
    whole = sum(score >= WHOLE for score in scores)
    print(f"\n{given} photos with a given mask: an object in {len(scores)}, whole in {whole}", end="")
    if scores:
        print(f" ({whole / len(scores):.0%} of those), mean IoU {np.mean(scores):.3f}", end="")
    print(f"; {np.median([one.seconds for one in outcomes]):.1f} s a photo in the median")


def covered(mask: Bools, given: Bools) -> Bools:
    """Those things of a given mask that an object's mask covers most of, bool (H, W)."""
    side = 2 * round(APART * max(given.shape) / 2) + 1
    core = cv2.erode(given.astype(np.uint8), np.ones((side, side), np.uint8))
    count, seeds = cv2.connectedComponents(core)
    _, whole = cv2.connectedComponents(given.astype(np.uint8))
    # A thing too thin for a core of its own is one by itself.
    coreless = given & ~np.isin(whole, np.unique(whole[core > 0]))
    distances = [
        cv2.distanceTransform((seeds != n).astype(np.uint8), cv2.DIST_L2, 5) for n in range(1, count)
    ]
    nearest = np.argmin(distances, axis=0) if distances else np.zeros(given.shape, np.intp)
    things = [given & ~coreless & (nearest == n) for n in range(count - 1)]
    things += [coreless & (whole == n) for n in np.unique(whole[coreless])]
    kept = np.zeros(given.shape, np.bool_)
    for thing in things:
        if np.count_nonzero(thing & mask) > 0.5 * np.count_nonzero(thing):
            kept |= thing
    return kept


def _outcome(backend: str, settings: ModelSettings, path: Path, given: Path) -> Outcome:
    source = content_hash(path.read_bytes())
    photo = read_photo(path, max_pixels=200_000_000, max_megapixels=16, expected_id=source)
    with tempfile.TemporaryDirectory(prefix="iedf-objects-") as name:
        request = LayerRequest(
            key="k", source_id=source, path=str(path), max_megapixels=16, max_pixels=200_000_000,
            level="mask", max_area=1.0, seed=7, output=name,
        )  # fmt: skip
        model = load_backend("image_layers", backend, settings)
        begun = time.perf_counter()
        row = model.run(request, Path(name))
        seconds = time.perf_counter() - begun
        mask = decode(Path(name) / "mask.png") > 0 if row["status"] == "done" else None
    score = None
    if mask is not None and given.is_file():
        score = iou(mask, covered(mask, given_mask(given, mask.shape)))
    said = "" if mask is not None else str(row["reason"])
    tile = _tile(photo.rgb, mask, f"{path.stem} {backend} {said or '' if score is None else f'{score:.2f}'}")
    return Outcome(path.stem, score, given.is_file(), said, seconds, tile)


def given_mask(path: Path, shape: tuple[int, ...]) -> Bools:
    """A given mask, of whatever depth and size, as bool of this shape."""
    pixels = np.asarray(decode(path), np.float32)
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    resized = cv2.resize(grey, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized > grey.max() / 2)


def _tile(rgb: Pixels, mask: Bools | None, label: str) -> Pixels:
    shown = np.zeros(rgb.shape[:2], np.bool_) if mask is None else mask
    toned = np.where(shown[..., None], rgb, rgb // 3 + np.array([110, 0, 110], np.uint8))
    factor = TILE / max(rgb.shape[:2])
    size = max(1, int(rgb.shape[1] * factor)), max(1, int(rgb.shape[0] * factor))
    small = cv2.resize(toned.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE + 20, TILE, 3), 255, np.uint8)
    tile[20 : 20 + size[1], : size[0]] = small
    cv2.putText(tile, label, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _gathered(tiles: list[Pixels], columns: int) -> Pixels:
    blank = np.full_like(tiles[0], 255)
    tiles = tiles + [blank] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[n : n + columns]) for n in range(0, len(tiles), columns)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--backend", action="append", choices=["onnx", "classical"])
    parser.add_argument("--sheet", type=Path, help="a PNG of all photos with what was found")
    return parser.parse_args()


if __name__ == "__main__":
    main()
