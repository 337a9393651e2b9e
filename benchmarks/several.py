"""How well a mask of several things is told from one of a single thing.

    python -m benchmarks.several PHOTOS MASKS [--several NAME] [--pairs 400] [--sheet FILE]

PHOTOS and MASKS are those of `benchmarks.objects`. Every thing of a given mask is one, but for those of
photos named by `--several`: as it is, mirrored, with half its contrast, and turned by up to 20 degrees. Two
of them pasted beside each other on the same ground, the one before the other, are several.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.masks import LEAST
from benchmarks.objects import PHOTOS, given_mask
from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.codecs import decode, encode_png
from model_envs.layered.side_by_side import SEVERAL, side_by_side

# The root of a thing's area, pixels; by how much two of them differ; what of the narrower's width overlaps.
SIDE, SIZES, OVERLAP = 160, (0.75, 1.25), (0.05, 0.35)
# How far two things stand apart from one ground, a share of their height.
UNEVEN = 0.06
TILE = 200


@dataclass(frozen=True)
class Thing:
    """A thing cut out: uint8 (h, w, 3), bool (h, w)."""

    name: str
    rgb: Pixels
    mask: Bools


def main() -> None:
    """Print what is refused of either kind, and at which limit 5 % of single things are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument(
        "--several", action="append", default=[], help="a photo whose things are several in one"
    )
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--sheet", type=Path, help="a PNG of what was taken for the other kind")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    things = [
        thing for thing in cut_out(arguments.photos, arguments.masks) if thing.name not in arguments.several
    ]
    single = [one for thing in things for one in varied(thing, rng)]
    several = [paired(things, rng) for _ in range(arguments.pairs)]
    found = {
        kind: np.array([side_by_side(one.rgb, one.mask) for one in every])
        for kind, every in (("one thing", single), ("several", several))
    }
    print_refused(found)
    if arguments.sheet:
        wrong = [one for one, value in zip(single, found["one thing"], strict=True) if value >= SEVERAL]
        wrong += [one for one, value in zip(several, found["several"], strict=True) if value < SEVERAL]
        arguments.sheet.write_bytes(encode_png(_sheet(wrong)))


def print_refused(found: dict[str, np.ndarray]) -> None:
    """What is refused of either kind at the limit and at those of 5 and 1 % of single things, as Markdown."""
    print(f"\n| limit | {' | '.join(f'{kind} ({len(values)})' for kind, values in found.items())} |")
    print(f"|{'---|' * (len(found) + 1)}")
    for limit in (SEVERAL, *np.quantile(found["one thing"], (0.95, 0.99))):
        print(
            f"| {limit:.2f} | {' | '.join(f'{np.mean(values >= limit):.1%}' for values in found.values())} |"
        )


def cut_out(photos: Path, masks: Path) -> Iterator[Thing]:
    """Every thing of every given mask, at about the same size."""
    for path in sorted(path for path in photos.rglob("*") if path.suffix.lower() in PHOTOS):
        if not (masks / f"{path.stem}.png").is_file():
            continue
        rgb = np.asarray(decode(path), np.uint8)
        given = given_mask(masks / f"{path.stem}.png", rgb.shape[:2]).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(given)
        for n in range(1, count):
            x, y, width, height, area = (int(value) for value in stats[n])
            if area >= LEAST * given.size:
                box = np.s_[y : y + height, x : x + width]
                yield resized(Thing(path.stem, rgb[box], labels[box] == n), SIDE / area**0.5)


def resized(thing: Thing, factor: float) -> Thing:
    """A thing so many times as large."""
    size = [max(2, round(length * factor)) for length in thing.mask.shape[::-1]]
    rgb = cv2.resize(np.ascontiguousarray(thing.rgb), size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(thing.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return Thing(thing.name, np.asarray(rgb, np.uint8), np.asarray(share > 0.5))


def varied(thing: Thing, rng: np.random.Generator) -> Iterator[Thing]:
    """A thing as it is, mirrored, with half its contrast and turned."""
    yield thing
    yield mirrored(thing)
    mean = thing.rgb[thing.mask].mean(axis=0)
    yield Thing(thing.name, (mean + 0.5 * (thing.rgb - mean)).astype(np.uint8), thing.mask)
    height, width = thing.mask.shape
    reach = round(0.4 * max(height, width))
    rgb, mask = (
        cv2.copyMakeBorder(one, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
        for one in (np.ascontiguousarray(thing.rgb), thing.mask.astype(np.uint8))
    )
    centre = (width / 2 + reach, height / 2 + reach)
    turn = cv2.getRotationMatrix2D(centre, float(rng.uniform(-20, 20)), 1.0)
    turned, shown = (cv2.warpAffine(one, turn, rgb.shape[1::-1]) for one in (rgb, mask))
    yield Thing(thing.name, np.asarray(turned, np.uint8), np.asarray(shown > 0))


def mirrored(thing: Thing) -> Thing:
    """A thing's mirror image."""
    return Thing(
        thing.name, np.ascontiguousarray(thing.rgb[:, ::-1]), np.ascontiguousarray(thing.mask[:, ::-1])
    )


def paired(things: list[Thing], rng: np.random.Generator) -> Thing:
    """Two things of different photos beside each other, touching."""
    while True:
        first, second = (things[n] for n in rng.choice(len(things), 2, replace=False))
        if first.name == second.name:
            continue
        pair = [resized(one, float(rng.uniform(*SIZES))) for one in (first, second)]
        pair = [mirrored(one) if rng.random() < 0.5 else one for one in pair]
        joined = _joined(pair, float(rng.uniform(*OVERLAP)), float(rng.uniform(0, UNEVEN)))
        if cv2.connectedComponents(joined.mask.astype(np.uint8))[0] == 2:
            return joined


def _joined(pair: list[Thing], overlap: float, uneven: float) -> Thing:
    """The second before the first, to its right."""
    (h, w), (height, width) = (one.mask.shape for one in pair)
    at = w - round(overlap * min(w, width))
    lift = round(uneven * min(h, height))
    rows, columns = max(h, height) + lift, max(w, at + width)
    rgb, mask = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.bool_)
    for one, bottom, left in ((pair[0], rows - lift, 0), (pair[1], rows, at)):
        box = np.s_[bottom - one.mask.shape[0] : bottom, left : left + one.mask.shape[1]]
        rgb[box][one.mask] = one.rgb[one.mask]
        mask[box] |= one.mask
    return Thing(f"{pair[0].name}+{pair[1].name}", rgb, mask)


def _sheet(things: list[Thing], columns: int = 8) -> Pixels:
    tiles = []
    for one in things:
        shown = np.where(one.mask[..., None], one.rgb, np.uint8(255))
        factor = TILE / max(shown.shape[:2])
        small = cv2.resize(shown, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[:TILE, :TILE]
        tile = np.full((TILE, TILE, 3), 255, np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
    tiles += [np.full((TILE, TILE, 3), 255, np.uint8)] * (-len(tiles) % columns or columns * (not tiles))
    return np.vstack([np.hstack(tiles[n : n + columns]) for n in range(0, len(tiles), columns)])


if __name__ == "__main__":
    main()
