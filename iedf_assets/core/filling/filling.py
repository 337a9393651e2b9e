"""Completes the background behind a removed object: texture from elsewhere in the photo, at full sharpness.

1. A small picture of the hole and its surroundings is completed patch by patch (`completion`).
2. Its matches are gathered into a few large pieces, moved until they fit what they border on (`shifts`).
3. The pieces are copied at full size (`pasting`), their shades evened out with each other and the rim
   (`membrane`).

Only step 3 touches every pixel of the hole, so that the time grows little with the size of the photo.
"""

import math
from collections.abc import Iterator

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.filling.completion import complete, spread
from iedf_assets.core.filling.pasting import paste
from iedf_assets.core.filling.shifts import find_pieces, fit
from iedf_assets.core.pictures.masks import Box, grown, grown_box

# The surroundings reach this share of the hole's longer side beyond it, at least so many pixels, and hold at
# least so many known pixels per one of the hole.
CONTEXT, MIN_CONTEXT, KNOWN_PER_HOLE = 0.75, 32, 1.5
# The small picture: pairs of patches compared, and pixels.
MAX_PAIRS, MAX_CELLS = 25_000_000, 22_000
# Shades are evened out at a size at which the hole has about this many pixels.
SHADE_CELLS = 40_000
# The weight of texture beside colour, so that grass is not continued with a wall of the same green.
TEXTURE = 2.0
# Holes nearer to each other than this share of the picture are completed together; those thinner
# than the next share, and no texture shows in them, are inpainted.
REDUCED, TOGETHER, THIN, MIN_THIN = 512, 0.02, 0.003, 5
# Contrast: the window's size, the ring's width as a share of the hole's extent, what is added.
WINDOW, RING, FLOOR = 7, 0.25, 0.5


def fill(rgb: Pixels, hole: Pixels, *, seed: int) -> Pixels:
    """Complete `rgb`, uint8 (H, W, 3), where `hole`, uint8 (H, W), is not 0; other pixels stay as they are.

    Args:
        seed: of the choices between what is nearly alike; the same seed gives the same bytes.

    Raises:
        ValueError: the hole is the whole picture, or the two differ in size.
    """
    if hole.shape != rgb.shape[:2]:
        raise ValueError(f"the hole is {hole.shape}, the picture {rgb.shape[:2]}")
    unknown = hole > 0
    if unknown.all():
        raise ValueError("the hole is the whole picture: nothing is left to complete it from")
    filled = rgb.copy()
    rng = np.random.default_rng(seed)
    thin = max(MIN_THIN, round(THIN * max(unknown.shape)))
    for box, part in _parts(unknown):
        if cv2.erode(part.astype(np.uint8), np.ones((thin, thin), np.uint8), borderValue=0).any():
            around = _context(unknown, box)
            _complete(filled[around], rgb[around], unknown[around], _placed(part, box, around), rng)
        else:
            _inpaint(filled, box, part, thin)
    return filled


def contrast_ratio(rgb: Pixels, hole: Pixels) -> float:
    """Local contrast inside the hole over that around it; 1 is alike, a smear is near 0.

    Local contrast is the geometric mean of sqrt(E[Y²] - E[Y]²) + 0.5 over 7x7 windows, Y the luminance
    (Rec. 601, 0-255); the half level gives flat regions a contrast too. Inside are the windows that lie
    wholly in the hole, around it those wholly outside whose centres are within
    max(14, sqrt(the hole's area) / 4) + 7 pixels of it; where there are none, all that are centred there.

    Raises:
        ValueError: there is no hole, or nothing around it.
    """
    unknown = (hole > 0).astype(np.uint8)
    if not unknown.any():
        raise ValueError("there is no hole")
    reach = max(2 * WINDOW, round(RING * math.sqrt(int(unknown.sum())))) + WINDOW
    box = grown_box(unknown, reach + WINDOW)
    unknown = unknown[box]
    luminance = cv2.cvtColor(np.ascontiguousarray(rgb[box]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = (WINDOW, WINDOW)
    deviation = np.sqrt(np.maximum(cv2.sqrBoxFilter(luminance, -1, size) - cv2.blur(luminance, size) ** 2, 0))
    window = np.ones(size, np.uint8)
    inside = cv2.erode(unknown, window) > 0
    around = (grown(unknown, reach) > 0) & (cv2.dilate(unknown, window) == 0)
    if unknown.all():
        raise ValueError("nothing lies around the hole")
    within = deviation[inside if inside.any() else unknown > 0]
    outside = deviation[around if around.any() else unknown == 0]
    return float(np.exp(np.log(within + FLOOR).mean() - np.log(outside + FLOOR).mean()))


def _grown(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    rows, columns = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size in zip(box, shape, strict=False)
    )
    return rows, columns


def _placed(part: Bools, box: Box, around: Box) -> Bools:
    """A mask of `box` as one of the wider box `around`."""
    (top, bottom), (left, right) = (
        (inner.start - outer.start, outer.stop - inner.stop) for inner, outer in zip(box, around, strict=True)
    )
    return np.pad(part, ((top, bottom), (left, right)))


def _parts(unknown: Bools) -> Iterator[tuple[Box, Bools]]:
    """The parts of the hole that lie apart, each with its box: bool (h, w)."""
    height, width = unknown.shape
    block = math.ceil(max(unknown.shape) / REDUCED)
    padded = np.pad(unknown, ((0, -height % block), (0, -width % block)))
    by_rows = np.logical_or.reduce(padded.reshape(-1, block, padded.shape[1]), axis=1)
    cells: Bools = np.logical_or.reduce(by_rows.reshape(len(by_rows), -1, block), axis=2)
    gap = 2 * math.ceil(TOGETHER * max(cells.shape) / 2) + 1
    count, labels = cv2.connectedComponents(cv2.dilate(cells.astype(np.uint8), np.ones((gap, gap), np.uint8)))
    for label in range(1, count):
        own = (labels == label) & cells
        rows, columns = grown_box(own.astype(np.uint8), 0)
        box = np.s_[
            rows.start * block : min(height, rows.stop * block),
            columns.start * block : min(width, columns.stop * block),
        ]
        part = own[rows, columns].repeat(block, 0).repeat(block, 1)
        within = unknown[box]
        yield box, within & part[: within.shape[0], : within.shape[1]]


def _inpaint(filled: Pixels, box: Box, part: Bools, reach: int) -> None:
    """Fill what is too thin to show texture, from pixels within `reach` of it (A. Telea, 2004)."""
    around = _grown(box, reach, filled.shape)
    mask = _placed(part, box, around)
    completed = cv2.inpaint(
        np.ascontiguousarray(filled[around]), mask.astype(np.uint8), MIN_THIN, cv2.INPAINT_TELEA
    )
    filled[around][mask] = completed[mask]


def _context(unknown: Bools, box: Box) -> Box:
    """The box and what lies around it, wide enough to hold more that is known than the hole lacks."""
    side = max(box[0].stop - box[0].start, box[1].stop - box[1].start)
    margin = max(MIN_CONTEXT, round(CONTEXT * side))
    while True:
        around = _grown(box, margin, unknown.shape)
        lacking = np.count_nonzero(unknown[around])
        size = unknown[around].size
        if size - lacking >= KNOWN_PER_HOLE * lacking or size == unknown.size:
            return around
        margin *= 2


def _complete(filled: Pixels, picture: Pixels, unknown: Bools, part: Bools, rng: np.random.Generator) -> None:
    """Complete `part` of the `unknown`, both bool (h, w), of `picture` in `filled`, uint8 (h, w, 3)."""
    share = unknown.mean()
    cells = min(MAX_CELLS, math.sqrt(MAX_PAIRS / (share * (1 - share))))
    scale = min(1.0, math.sqrt(cells / unknown.size))
    sizes = _sizes(unknown.shape, scale)
    pictures, holes = _reductions(picture, unknown, sizes)
    small = np.dstack([pictures[0], _texture(picture, sizes[0])]).astype(np.float32)
    found = complete(small, holes[0], rng)
    if found is None:
        smooth = cv2.resize(spread(small, holes[0])[..., :3], sizes[-1], interpolation=cv2.INTER_LINEAR)
        filled[part] = np.rint(smooth[part])
        return
    wanted = _is_touched(part, sizes[0])
    pieces = fit(find_pieces(found, holes[0], wanted), pictures[1:], holes[1:], rng)
    lacking = np.array([np.count_nonzero(hole) for hole in holes])
    middle = int(np.abs(np.log(lacking / SHADE_CELLS)).argmin())
    paste(filled, picture, part, pieces, pictures[middle], holes[middle])


def _sizes(shape: tuple[int, ...], scale: float) -> list[tuple[int, int]]:
    """Widths and heights from the small picture's, each about twice the last, to the full one's."""
    steps = max(0, round(math.log2(1 / scale))) + (scale < 1)
    factors = [scale ** (1 - step / steps) for step in range(steps)] + [1.0]
    return [(max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor))) for factor in factors]


def _reductions(
    picture: Pixels, unknown: Bools, sizes: list[tuple[int, int]]
) -> tuple[list[Pixels], list[Bools]]:
    """The picture and its hole at each size."""
    pictures, holes = [picture], [unknown]
    for size in sizes[-2::-1]:
        pictures.insert(0, np.asarray(cv2.resize(pictures[0], size, interpolation=cv2.INTER_AREA), np.uint8))
        holes.insert(0, _is_touched(holes[0], size))
    return pictures, holes


def _is_touched(mask: Bools, size: tuple[int, int]) -> Bools:
    """The mask at a smaller size: every cell that any of it reaches into."""
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


def _texture(picture: Pixels, size: tuple[int, int]) -> np.ndarray:
    """How much goes on within each cell of the small picture: mean |Y - local mean|, float32 (h, w)."""
    luminance = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    window = max(3, round(picture.shape[0] / size[1])) | 1
    detail = cv2.absdiff(luminance, cv2.blur(luminance, (window, window)))
    return cv2.resize(detail, size, interpolation=cv2.INTER_AREA).astype(np.float32) * TEXTURE
