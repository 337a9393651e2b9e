"""How well a hole is filled, where the truth is known: holes are planted into photos.

    python -m benchmarks.filling [PHOTOS] [--masks MASKS] [--holes 4] [--sheet FILE] [--megapixels 12]

PHOTOS is a folder of photos, however deep; without it scikit-image's are taken. MASKS holds `<name of the
photo>.png`, white on the objects: no hole is planted there. The holes have the shapes of a horse, of a
standing figure and of a disc; half of them lie where the most length of straight edges runs behind them,
half where the least does.

Straight edges are the segments that LSD finds in the photo itself, joined where they continue one another,
from 6 % of its short side on; those count that are seen on both sides of the hole. The error at them is the
mean difference from the photo within 3 pixels, levels, both smoothed by 1 pixel; an edge is broken where the
fill has half its step nowhere within 2 pixels of it. Elsewhere, from 6 pixels off them on, colours are
compared smoothed by 4 pixels. Contrast is that of 7x7 windows in the hole beside the photo's own: less than 1
is a blur.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from benchmarks.objects import PHOTOS, given_mask
from iedf_assets.core.arrays import AnyFloats, Bools, Pixels
from iedf_assets.core.filling.behind import fill_behind
from iedf_assets.core.filling.filling import contrast_ratio, fill
from iedf_assets.core.filling.lines import segments_of
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.storage.files import content_hash

SUBJECTS = (
    "astronaut",
    "coffee",
    "rocket",
    "chelsea",
    "stereo_motorcycle",
    "camera",
    "brick",
    "gravel",
    "grass",
)
# The holes' area as a share of the photo's, and how many places are tried for each.
AREAS, TRIES = (0.02, 0.12), 40
EDGE, SEEN, BAND, OFF, SHIFT = 0.06, 8, 3, 6, 2
STEP = 8.0
# Segments are one edge's where they lie so near to each other's line, pixels, point the same way, by the
# cosine, and the gap is so long beside the longer one.
ASIDE, PARALLEL, GAP = 1.5, 0.998, 0.15
WAYS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "before": lambda rgb, hole: fill(rgb, hole, seed=1),
    "now": lambda rgb, hole: fill_behind(rgb, hole, seed=1),
    "Telea": lambda rgb, hole: np.asarray(cv2.inpaint(rgb, hole, 5, cv2.INPAINT_TELEA), np.uint8),
    "Navier-Stokes": lambda rgb, hole: np.asarray(cv2.inpaint(rgb, hole, 5, cv2.INPAINT_NS), np.uint8),
}


@dataclass(frozen=True)
class Planted:
    """A hole in a photo, and the straight edges of the photo: (n, 2, 2), x and y of both ends, pixels."""

    name: str
    rgb: Pixels
    hole: Pixels
    edges: AnyFloats


@dataclass(frozen=True)
class Measured:
    """What a fill differs by from the photo.

    Attributes:
        at_edges: mean difference beside them, levels; nan without any.
        length, broken: of the edges in the hole, pixels, and what of them is broken.
        elsewhere: mean difference of smoothed colours, levels.
        contrast: of the fill over that of the photo.
    """

    at_edges: float
    length: float
    broken: float
    elsewhere: float
    contrast: float
    seconds: float


def main() -> None:
    """Print a table of all ways."""
    arguments = _arguments()
    if arguments.memory:
        _alone(arguments.memory, arguments.megapixels)
        return
    cv2.setNumThreads(1)
    planted = [
        one for name, rgb, busy in photos(arguments) for one in plant(name, rgb, busy, arguments.holes)
    ]
    outcomes: dict[str, list[Measured]] = {way: [] for way in WAYS}
    rows = []
    for one in planted:
        # In alternation, so that what else the machine does falls on all alike.
        fills = {way: _timed(make, one) for way, make in WAYS.items()}
        for way, (filled, seconds) in fills.items():
            outcomes[way].append(measured(one, filled, seconds))
        rows.append(np.hstack([_tile(one, one.rgb), *(_tile(one, filled) for filled, _ in fills.values())]))
    if arguments.sheet:
        arguments.sheet.write_bytes(encode_png(np.vstack(rows)))
    print_table(planted, outcomes)
    if arguments.megapixels:
        print_memory(arguments.megapixels)


def photos(arguments: argparse.Namespace) -> list[tuple[str, Pixels, Bools]]:
    """Names, photos and where their objects are."""
    if arguments.photos is None:
        found = [(name, getattr(data, name)()) for name in SUBJECTS]
        found = [(name, rgb[0] if isinstance(rgb, tuple) else rgb) for name, rgb in found]
        coloured = [(name, rgb if rgb.ndim == 3 else rgb[..., None].repeat(3, 2)) for name, rgb in found]
        return [(name, np.ascontiguousarray(rgb), np.zeros(rgb.shape[:2], bool)) for name, rgb in coloured]
    result = []
    for path in sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in PHOTOS):
        source = content_hash(path.read_bytes())
        rgb = read_photo(path, max_pixels=200_000_000, max_megapixels=16, expected_id=source).rgb
        busy = np.zeros(rgb.shape[:2], bool)
        mask = arguments.masks / f"{path.stem}.png" if arguments.masks else None
        if mask and mask.is_file():
            busy = given_mask(mask, busy.shape)
        result.append((path.stem, rgb, busy))
    return result


def plant(name: str, rgb: Pixels, busy: Bools, count: int) -> list[Planted]:
    """Holes where the most and the least of the photo's straight edges runs behind, off its objects."""
    edges = straight_edges(rgb)
    rng = np.random.default_rng(len(name))
    planted = []
    for number in range(count):
        holes = [_hole(rgb.shape[:2], rng) for _ in range(TRIES)]
        clear = [hole for hole in holes if not (busy & (hole > 0)).any()]
        if clear:
            those = [Planted(f"{name} {number}", rgb, hole, edges) for hole in clear]
            lengths = [sum(_followed(one, rgb, edge)[0] for edge in edges) for one in those]
            best = int(np.argmax(lengths) if number % 2 == 0 else np.argmin(lengths))
            planted.append(those[best])
    return planted


def _hole(shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """A silhouette somewhere in a picture of that shape, clear of its border."""
    figure = _figures()[rng.integers(3)]
    if rng.random() < 0.5:
        figure = figure[:, ::-1]
    area = rng.uniform(*AREAS) * shape[0] * shape[1]
    scale = min(np.sqrt(area / np.count_nonzero(figure)), 0.8 * min(np.divide(shape[:2], figure.shape)))
    size = [max(3, round(side * scale)) for side in figure.shape]
    small = cv2.resize(np.ascontiguousarray(figure), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    hole = np.zeros(shape[:2], np.uint8)
    top, left = (rng.integers(2, full - side - 2) for full, side in zip(shape, size, strict=False))
    hole[top : top + size[0], left : left + size[1]] = np.where(small > 100, 255, 0)
    return hole


def _figures() -> list[Pixels]:
    horse = np.where(data.horse(), 0, 255).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(horse)
    disc = np.zeros((201, 201), np.uint8)
    cv2.circle(disc, (100, 100), 100, 255, -1)
    figure = np.zeros((400, 160), np.uint8)
    cv2.circle(figure, (80, 40), 38, 255, -1)
    right = [(98, 60), (150, 110), (140, 240), (122, 235), (120, 399), (86, 399), (80, 270)]
    left = [(159 - x, y) for x, y in right[::-1]]
    cv2.fillPoly(figure, [np.array(right + left, np.int32)], 255)
    return [horse[y : y + h, x : x + w], disc, figure]


def straight_edges(rgb: Pixels) -> AnyFloats:
    """The photo's own, (n, 2, 2); segments that continue one another are one."""
    left: AnyFloats = segments_of(rgb)
    left = left[np.argsort(-np.linalg.norm(left[:, 0] - left[:, 1], axis=1))]
    edges = []
    while len(left):
        edge, left = _lengthened(left[0], left[1:])
        edges.append(edge)
    long = [edge for edge in edges if np.linalg.norm(edge[0] - edge[1]) >= EDGE * min(rgb.shape[:2])]
    return np.asarray(long, np.float32).reshape(-1, 2, 2)


def _lengthened(edge: AnyFloats, others: AnyFloats) -> tuple[AnyFloats, AnyFloats]:
    """An edge with those of the others, (n, 2, 2), that continue it, and the rest of them."""
    while len(others):
        along = edge[1] - edge[0]
        size = float(np.linalg.norm(along))
        along = along / size
        beside = np.abs((others - edge[0]) @ np.array([-along[1], along[0]]))
        spans = (others - edge[0]) @ along
        # Segments have a direction: the darker side is always on the same hand.
        ways = (others[:, 1] - others[:, 0]) @ along / np.linalg.norm(others[:, 1] - others[:, 0], axis=1)
        gap = np.maximum(spans.min(1) - size, -spans.max(1))
        joins = (beside.max(1) <= ASIDE) & (ways > PARALLEL) & (gap <= GAP * size)
        if not joins.any():
            break
        ends = np.concatenate([edge, others[joins].reshape(-1, 2)])
        order = np.argsort((ends - edge[0]) @ along)
        edge, others = ends[order[[0, -1]]], others[~joins]
    return edge, others


def measured(one: Planted, filled: Pixels, seconds: float) -> Measured:
    """How far a fill is from the photo, at its straight edges and elsewhere."""
    hole = one.hole > 0
    near = np.zeros(one.hole.shape, np.uint8)
    length = broken = 0.0
    for edge in one.edges:
        covered, failed = _followed(one, filled, edge)
        if covered:
            length, broken = length + covered, broken + failed
            first, last = np.rint(edge).astype(int).tolist()
            cv2.line(near, first, last, 255, 1)
    distance = cv2.distanceTransform(255 - near, cv2.DIST_L2, 5) if near.any() else np.full(hole.shape, 1e9)
    fine, coarse = (_difference(one.rgb, filled, sigma) for sigma in (1, 4))
    at_edges, elsewhere = hole & (distance <= BAND), hole & (distance > OFF)
    return Measured(
        at_edges=float(fine[at_edges].mean()) if at_edges.any() else float("nan"),
        length=length,
        broken=broken,
        elsewhere=float(coarse[elsewhere].mean()) if elsewhere.any() else float("nan"),
        contrast=contrast_ratio(filled, one.hole) / contrast_ratio(one.rgb, one.hole),
        seconds=seconds,
    )


def _difference(rgb: Pixels, filled: Pixels, sigma: float) -> AnyFloats:
    difference = cv2.GaussianBlur(filled.astype(np.float32) - rgb, (0, 0), sigma)
    return np.asarray(np.abs(difference).mean(2), np.float32)


def _followed(one: Planted, filled: Pixels, edge: AnyFloats) -> tuple[float, float]:
    """The length of an edge within the hole, and what of it the fill does not show, pixels."""
    along = edge[1] - edge[0]
    size = float(np.linalg.norm(along))
    points = edge[0] + along * np.linspace(0, 1, max(2, round(size)))[:, None]
    rows, columns = np.rint(points[:, ::-1]).astype(int).clip(0, np.array(one.hole.shape) - 1).T
    hidden = one.hole[rows, columns] > 0
    # What is seen on one side alone may end anywhere.
    if not hidden.any() or hidden[:SEEN].any() or hidden[-SEEN:].any():
        return 0.0, 0.0
    points = points[hidden]
    normal = np.array([-along[1], along[0]]) / size
    truth = _steps(one.rgb, points, normal)[:, SHIFT]
    sign = np.sign(truth)
    there = np.abs(truth) >= STEP
    best = (_steps(filled, points, normal) * sign[:, None]).max(1)
    return float(there.sum()), float((there & (best < np.abs(truth) / 2)).sum())


def _steps(picture: Pixels, points: AnyFloats, normal: AnyFloats) -> AnyFloats:
    """The step in brightness across an edge, (n, 2 SHIFT + 1): at some points, -SHIFT to SHIFT pixels off."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7)
    offsets = np.arange(-SHIFT - 2, SHIFT + 3)
    places = (points[:, None] + offsets[:, None] * normal).astype(np.float32)
    values = cv2.remap(
        grey, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(values[:, 4:] + values[:, 3:-1] - values[:, 1:-3] - values[:, :-4], np.float32) / 2


def _timed(make: Callable[[Pixels, Pixels], Pixels], one: Planted) -> tuple[Pixels, float]:
    broken = one.rgb.copy()
    broken[one.hole > 0] = (255, 0, 255)
    begun = time.thread_time()
    return make(broken, one.hole), time.thread_time() - begun


def print_table(planted: list[Planted], outcomes: dict[str, list[Measured]]) -> None:
    """What each way comes to, over all holes."""
    megapixels = sum(one.rgb.shape[0] * one.rgb.shape[1] for one in planted) / 1e6
    print(f"{len(planted)} holes, {megapixels:.1f} MP\n")
    print("| | error at straight edges | broken | elsewhere | ... in holes without edges | contrast | s/MP |")
    print("|---|---|---|---|---|---|---|")
    for way, all_of in outcomes.items():
        length = sum(one.length for one in all_of)
        edges = np.nansum([one.at_edges * one.length for one in all_of]) / length
        broken = sum(one.broken for one in all_of) / length
        elsewhere = np.nanmean([one.elsewhere for one in all_of])
        plain = np.nanmean([one.elsewhere for one in all_of[1::2]])
        contrast = np.exp(np.mean(np.log([max(one.contrast, 0.01) for one in all_of])))
        seconds = sum(one.seconds for one in all_of) / megapixels
        print(
            f"| {way} | {edges:.1f} | {broken:.0%} | {elsewhere:.1f} | {plain:.1f} "
            f"| {contrast:.2f} | {seconds:.2f} |"
        )


def print_memory(megapixels: float) -> None:
    """The peak memory of each of our ways, for one large photo, in processes of their own."""
    for way in ("none", "before", "now"):
        command = [
            sys.executable,
            "-m",
            "benchmarks.filling",
            "--memory",
            way,
            "--megapixels",
            str(megapixels),
        ]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def _alone(way: str, megapixels: float) -> None:
    rgb = data.astronaut()
    factor = np.sqrt(megapixels * 1e6 / (rgb.shape[0] * rgb.shape[1]))
    rgb = np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    hole = np.zeros(rgb.shape[:2], np.uint8)
    height, width = rgb.shape[:2]
    hole[height // 3 : 2 * height // 3, 2 * width // 5 : 3 * width // 5] = 255
    begun = time.perf_counter()
    if way in WAYS:
        WAYS[way](rgb, hole)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{way}: {peak:.0f} MiB, {time.perf_counter() - begun:.1f} s at {megapixels:g} MP")


def _tile(one: Planted, picture: Pixels) -> Pixels:
    """What lies around the hole."""
    x, y, w, h = cv2.boundingRect(one.hole)
    pad = max(w, h) // 3
    shown = picture[max(0, y - pad) : y + h + pad, max(0, x - pad) : x + w + pad]
    factor = 300 / max(shown.shape[:2])
    small = cv2.resize(shown, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    tile = np.full((304, 304, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--holes", type=int, default=4, help="in each photo")
    parser.add_argument("--sheet", type=Path, help="a PNG of all holes as they were and as they were filled")
    parser.add_argument(
        "--megapixels", type=float, default=0, help="also measure memory on a photo of that size"
    )
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
