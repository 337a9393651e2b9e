"""Completing the background behind a removed object from other places of the same photo.

Coarse to fine: at a tiny size the hole is filled by searching, for every patch in it, the most similar patch outside
(Y. Wexler, E. Shechtman, M. Irani, "Space-Time Completion of Video", TPAMI 2007). The few shifts that most patches agree
on (K. He, J. Sun, "Statistics of Patch Offsets for Image Completion", ECCV 2012) are the candidates at a small size, where
each pixel takes the shift whose surroundings match best. At full size pixels are copied by those shifts, so that texture
keeps its sharpness; the pieces are feathered into one another, and a smooth correction makes brightness and colour meet
at seams and at the rim (P. Perez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003, solved at the small size).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.codecs import Pixels

Floats = NDArray[np.float32]
Labels = NDArray[np.int16]
Offsets = NDArray[np.int32]

TINY_SIDE, SMALL_SIDE = 56, 176
CONTEXT = 0.75  # of the hole's box that is looked at around it, on each side
PATCH = 3  # half a patch's side at the tiny size
TINY_ROUNDS = 5
TRUST = (0.1, 0.3, 1.0)  # in what the hole holds so far, by round at the small size
CANDIDATES, REPEATS, COVERS = 40, 24, 12
AGREEMENT = 9  # side of the window over which a shift has to match at the small size
INVALID = np.float32(1e9)


def fill(rgb: Pixels, hole: Pixels, *, seed: int) -> Pixels:
    """A copy of a photo (H, W, 3) in which the hole is completed and nothing else is changed.

    Args:
        hole: (H, W), 255 where to fill, else 0.
        seed: of the choice among equally good patches.

    Raises:
        ValueError: the hole is the whole photo.
    """
    inside = hole > 0
    if inside.all():
        raise ValueError("the hole is the whole picture: there is nothing to complete it from")
    if not inside.any():
        return rgb.copy()
    box = _context(hole)
    filled = rgb.copy()
    filled[box] = _fill_box(np.ascontiguousarray(rgb[box]), inside[box], seed)
    return filled


def contrast_ratio(rgb: Pixels, hole: Pixels) -> float:
    """Local contrast in the hole over that in a ring around it.

    Local contrast is the standard deviation of luminance (Rec. 601) in 7x7 windows, its median; the ring is as wide as a
    quarter of the hole's shorter side. A smear has a ratio near 0.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.blur(grey, (7, 7))
    deviation = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0))
    width = max(5, min(cv2.boundingRect(hole)[2:]) // 4)
    kernel = np.ones((2 * width + 1,) * 2, np.uint8)
    near = cv2.dilate(hole, np.ones((9, 9), np.uint8)) > 0
    ring = (cv2.dilate(hole, kernel) > 0) & ~near
    core = cv2.erode(hole, np.ones((9, 9), np.uint8)) > 0
    inner = core if core.any() else hole > 0
    outer = ring if ring.any() else hole == 0
    return float(np.median(deviation[inner]) / max(float(np.median(deviation[outer])), 1e-6))


@dataclass(frozen=True)
class _Pieces:
    """Which shift each pixel of the hole takes, at the small size.

    Attributes:
        offsets: (K, 2) rows and columns to the place copied from, small pixels.
        labels: (h, w), the number of the shift; -1 outside the hole and a pixel around it.
    """

    offsets: Offsets
    labels: Labels


def _context(hole: Pixels) -> tuple[slice, slice]:
    x, y, w, h = cv2.boundingRect(hole)
    reach = max(24, round(CONTEXT * max(w, h)))
    return np.s_[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach]


def _fill_box(rgb: Pixels, inside: NDArray[np.bool_], seed: int) -> Pixels:
    small, small_inside = _shrunk(rgb, inside, SMALL_SIDE)
    tiny, tiny_inside = _shrunk(rgb, inside, TINY_SIDE)
    if small_inside.all() or tiny_inside.all():
        return _smooth_fill(rgb, inside)
    nearest = _complete_tiny(tiny, tiny_inside, seed)
    if nearest is None:
        return _smooth_fill(rgb, inside)
    tiny, shifts = nearest
    pieces, small = _choose_shifts(small, small_inside, tiny, shifts)
    correction = _correction(small, small_inside, pieces)
    return _copied(rgb, inside, small, pieces, correction)


def _shrunk(rgb: Pixels, inside: NDArray[np.bool_], side: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Picture and hole at a smaller size; a pixel that the hole touches belongs to it."""
    height, width = inside.shape
    factor = min(1.0, side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    # Shrunk with the hole left out, so that no colour of the removed object bleeds into its surroundings.
    known = cv2.resize((~inside).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    colours = np.where(inside[..., None], 0, rgb).astype(np.uint8)
    sums = cv2.resize(colours.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return sums / np.maximum(known, 1e-3)[..., None], known < 0.999


def _smooth_fill(rgb: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """What is left where there is too little to copy from: a smooth continuation of the rim."""
    return cv2.inpaint(rgb, inside.astype(np.uint8), 3, cv2.INPAINT_TELEA)


def _complete_tiny(picture: Floats, inside: NDArray[np.bool_], seed: int) -> tuple[Floats, Offsets] | None:
    """Fill by exhaustive patch search; None when no whole patch lies outside the hole.

    Returns:
        The picture, and for each pixel of the hole (in raster order) the shift to its best match, (N, 2).
    """
    padded_hole = np.pad(inside, PATCH, constant_values=True)
    whole = cv2.dilate(padded_hole.astype(np.uint8), np.ones((2 * PATCH + 1,) * 2)) == 0
    sources = np.argwhere(whole[PATCH:-PATCH, PATCH:-PATCH])
    targets = np.argwhere(inside)
    if not len(sources):
        return None
    rounded = np.clip(picture, 0, 255).astype(np.uint8)
    picture = picture.copy()
    picture[inside] = _smooth_fill(rounded, inside)[inside]
    # A trace of noise decides between equal matches, so that even ground does not all come from one corner.
    tie = np.random.default_rng(seed).random(len(sources), dtype=np.float32)
    matches = sources[:1]
    for _ in range(TINY_ROUNDS):
        patches = _patches(picture)
        wanted, offered = patches[inside], patches[tuple(sources.T)]
        distances = (offered**2).sum(axis=1)[None] - 2 * wanted @ offered.T + tie[None]
        matches = sources[distances.argmin(axis=1)]
        picture = _voted(picture, inside, targets, matches)
    return picture, (matches - targets).astype(np.int32)


def _patches(picture: Floats) -> Floats:
    """The patch around each pixel, (h, w, patch pixels x 3); beyond the border the picture is mirrored."""
    padded = cv2.copyMakeBorder(picture, PATCH, PATCH, PATCH, PATCH, cv2.BORDER_REFLECT_101)
    views = np.lib.stride_tricks.sliding_window_view(padded, (2 * PATCH + 1,) * 2, axis=(0, 1))
    return np.ascontiguousarray(views).reshape(*picture.shape[:2], -1)


def _voted(picture: Floats, inside: NDArray[np.bool_], targets: Offsets, matches: Offsets) -> Floats:
    """Each pixel of the hole as the mean of what the matches of all patches over it say."""
    sums, votes = np.zeros_like(picture), np.zeros(inside.shape, np.float32)
    height, width = inside.shape
    for row in range(-PATCH, PATCH + 1):
        for column in range(-PATCH, PATCH + 1):
            y, x = (targets + (row, column)).T
            valid = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            weight = np.float32(1.0 / (1 + row * row + column * column))
            source = (matches[valid] + (row, column)).T
            # Targets are distinct, so plain indexing adds each vote once.
            sums[y[valid], x[valid]] += weight * picture[source[0], source[1]]
            votes[y[valid], x[valid]] += weight
    voted = picture.copy()
    voted[inside] = sums[inside] / votes[inside][:, None]
    return voted


def _choose_shifts(
    picture: Floats, inside: NDArray[np.bool_], tiny: Floats, shifts: Offsets
) -> tuple[_Pieces, Floats]:
    """The best shift of each pixel at the small size, and the picture that it makes."""
    height, width = inside.shape
    factor = np.array([height / tiny.shape[0], width / tiny.shape[1]])
    spacing = max(1, round(float(factor.max())))
    agreed = _dominant(np.round(shifts * factor).astype(np.int32), spacing)
    offsets = np.concatenate([agreed, _repeats(picture, inside)])
    picture = picture.copy()
    picture[inside] = cv2.resize(tiny, (width, height), interpolation=cv2.INTER_LINEAR)[inside]
    # Shifts are rounded again at full size, so a source keeps a pixel's distance from the hole and the border.
    unusable = cv2.dilate(np.pad(inside, 1, constant_values=True).astype(np.uint8), np.ones((3, 3)))[1:-1, 1:-1]
    around = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5))) > 0
    offsets = np.concatenate([offsets, _covering(offsets, inside, unusable)])
    labels = np.full(inside.shape, -1, np.int16)
    for trust in TRUST:
        trusted = np.where(inside, np.float32(trust), np.float32(1))
        costs = np.stack([_cost(picture, trusted, unusable, offset) for offset in offsets])
        best = costs.argmin(axis=0).astype(np.int16)
        usable = costs.min(axis=0) < INVALID
        labels = np.where(around & usable, best, -1).astype(np.int16)
        taken = inside & (labels >= 0)
        y, x = np.nonzero(taken)
        shift = offsets[labels[taken]]
        picture[taken] = picture[y + shift[:, 0], x + shift[:, 1]]
    return _Pieces(offsets, labels), picture


def _dominant(shifts: Offsets, spacing: int) -> Offsets:
    """The shifts that most patches agree on, none nearer to another than `spacing`."""
    distinct, counts = np.unique(shifts, axis=0, return_counts=True)
    kept: list[NDArray[np.int32]] = []
    for shift in distinct[np.argsort(-counts, kind="stable")]:
        if all(np.abs(shift - other).max() >= spacing for other in kept):
            kept.append(shift)
        if len(kept) == CANDIDATES:
            break
    return np.array(kept, np.int32)


def _repeats(picture: Floats, inside: NDArray[np.bool_]) -> Offsets:
    """Shifts by which the known part of the picture resembles itself most, such as the period of bricks."""
    height, width = inside.shape
    known = (~inside).astype(np.float32)
    grey = (picture.mean(axis=2) - picture[~inside].mean()) * known
    shape = 2 * height, 2 * width
    spectrum, energy, count = (np.fft.rfft2(plane, shape) for plane in (grey, grey * grey, known))
    pairs = np.fft.irfft2(count.conj() * count, shape)
    squares = np.fft.irfft2(energy.conj() * count + count.conj() * energy, shape)
    products = np.fft.irfft2(spectrum.conj() * spectrum, shape)
    mismatch = (squares - 2 * products) / np.maximum(pairs, 1)
    box = cv2.boundingRect(inside.astype(np.uint8))[2:]
    rows = np.fft.fftfreq(shape[0], 1 / shape[0])[:, None]
    columns = np.fft.fftfreq(shape[1], 1 / shape[1])[None]
    # A useful shift leads out of the hole somewhere, and rests on a fair part of the known pixels.
    near = np.maximum(np.abs(rows), np.abs(columns)) < min(8, min(box))
    mismatch[near | (pairs < 0.1 * known.sum())] = np.inf
    lowest = -cv2.dilate(-np.where(np.isfinite(mismatch), mismatch, 1e12).astype(np.float32), np.ones((5, 5)))
    peaks = np.argwhere(np.isfinite(mismatch) & (mismatch <= lowest + 1e-3))
    order = np.argsort(mismatch[tuple(peaks.T)], kind="stable")[:REPEATS]
    found = peaks[order]
    return np.stack([rows[found[:, 0], 0], columns[0, found[:, 1]]], axis=1).astype(np.int32)


def _covering(offsets: Offsets, inside: NDArray[np.bool_], unusable: Pixels) -> Offsets:
    """Further shifts, so that every pixel of the hole has one that leads to a usable place, if there is any."""
    height, width = inside.shape
    bare = inside & ~np.logical_or.reduce([_leads_out(unusable, offset) for offset in offsets])
    steps = [(round(r * height / 8), round(c * width / 8)) for r in range(-7, 8) for c in range(-7, 8) if r or c]
    lattice = np.array(steps, np.int32)
    chosen: list[NDArray[np.int32]] = []
    while bare.any() and len(chosen) < COVERS:
        reached = [bare & _leads_out(unusable, offset) for offset in lattice]
        best = int(np.argmax([where.sum() for where in reached]))
        if not reached[best].any():
            break
        chosen.append(lattice[best])
        bare &= ~reached[best]
    return np.array(chosen, np.int32).reshape(-1, 2)


def _leads_out(unusable: Pixels, offset: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where a shift leads to a usable place."""
    here, there = _windows(unusable.shape, offset)
    usable = np.zeros(unusable.shape, bool)
    usable[here] = unusable[there] == 0
    return usable


def _windows(shape: tuple[int, ...], offset: NDArray[np.int32]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the picture whose shifted place is in the picture too, and that place."""
    (height, width), rows, columns = shape, int(offset[0]), int(offset[1])
    here = np.s_[max(0, -rows) : min(height, height - rows), max(0, -columns) : min(width, width - columns)]
    there = np.s_[max(0, rows) : min(height, height + rows), max(0, columns) : min(width, width + columns)]
    return here, there


def _cost(picture: Floats, trusted: Floats, unusable: Pixels, offset: NDArray[np.int32]) -> Floats:
    """How badly the surroundings of each pixel match those of the place it would be copied from.

    Args:
        trusted: weight of each pixel of the surroundings; what was guessed counts less than what is known.
    """
    here, there = _windows(unusable.shape, offset)
    cost = np.full(unusable.shape, INVALID, np.float32)
    difference = picture[here] - picture[there]
    if difference.size:
        weight = np.ascontiguousarray(trusted[here])
        squared = np.einsum("hwc,hwc->hw", difference, difference) * weight
        window = (AGREEMENT, AGREEMENT)
        mean = cv2.blur(squared, window) / cv2.blur(weight, window)
        cost[here] = np.where(unusable[there] > 0, INVALID, mean)
    return cost


def _correction(picture: Floats, inside: NDArray[np.bool_], pieces: _Pieces) -> Floats:
    """What to add to the copied pixels so that they meet at the rim and at seams: (h, w, 3), smooth.

    The membrane c with c = known - copied on the rim, no change within a piece, and a jump that cancels the step
    between two pieces; found by conjugate gradients.
    """
    labels = pieces.labels
    y, x = np.nonzero(labels >= 0)
    shift = pieces.offsets[labels[y, x]]
    copied = picture.copy()
    copied[y, x] = picture[y + shift[:, 0], x + shift[:, 1]]
    rim = ~inside
    fixed = np.where((rim & (labels >= 0))[..., None], picture - copied, 0).astype(np.float32)
    free = inside & (labels >= 0)
    push = np.zeros_like(picture)
    degree = np.zeros(inside.shape, np.float32)
    linked = []
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        near = np.roll(labels, -step, axis)
        valid = free & (near >= 0) & _not_wrapped(inside.shape, axis, step)
        seam = valid & (near != labels)
        push += np.where(seam[..., None], np.roll(copied, -step, axis) - copied, 0)
        neighbour_free = np.roll(free, -step, axis)
        push += np.where((valid & ~neighbour_free)[..., None], np.roll(fixed, -step, axis), 0)
        degree += valid
        linked.append((axis, step, (valid & neighbour_free)[..., None]))

    def laplacian(field: Floats) -> Floats:
        total = degree[..., None] * field
        for axis, step, link in linked:
            total -= np.where(link, np.roll(field, -step, axis), 0)
        return total

    solution = _conjugate_gradients(laplacian, push * free[..., None], rounds=160)
    return cv2.GaussianBlur(solution + fixed, (0, 0), 1.5)


def _not_wrapped(shape: tuple[int, ...], axis: int, step: int) -> NDArray[np.bool_]:
    valid = np.ones(shape, bool)
    edge = -1 if step > 0 else 0
    valid[(edge, slice(None)) if axis == 0 else (slice(None), edge)] = False
    return valid


def _conjugate_gradients(operator, target: Floats, rounds: int) -> Floats:
    solution = np.zeros_like(target)
    residual = target.copy()
    direction = residual.copy()
    energy = float((residual**2).sum())
    goal = 1e-5 * energy
    for _ in range(rounds):
        if energy <= goal or energy == 0:
            break
        pushed = operator(direction)
        length = energy / max(float((direction * pushed).sum()), 1e-12)
        solution += length * direction
        residual -= length * pushed
        renewed = float((residual**2).sum())
        direction = residual + (renewed / energy) * direction
        energy = renewed
    return solution


def _copied(
    rgb: Pixels, inside: NDArray[np.bool_], small: Floats, pieces: _Pieces, correction: Floats
) -> Pixels:
    """The hole at full size: each piece copied by its shift, feathered, corrected."""
    height, width = inside.shape
    factor = np.array([height / small.shape[0], width / small.shape[1]])
    sums = np.zeros((height, width, 3), np.float32)
    weights = np.zeros((height, width), np.float32)
    for number in np.unique(pieces.labels[pieces.labels >= 0]):
        indicator = (pieces.labels == number).astype(np.float32)
        _add_piece(rgb, inside, indicator, np.round(pieces.offsets[number] * factor).astype(int), sums, weights)
    target = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    smooth = cv2.resize(correction, (width, height), interpolation=cv2.INTER_LINEAR)
    copied = np.where((weights > 0.05)[..., None], sums / np.maximum(weights, 1e-6)[..., None] + smooth, target)
    result = rgb.copy()
    result[inside] = np.clip(copied[inside] + 0.5, 0, 255).astype(np.uint8)
    return result


def _add_piece(
    rgb: Pixels,
    inside: NDArray[np.bool_],
    indicator: Floats,
    offset: NDArray[np.int_],
    sums: Floats,
    weights: Floats,
) -> None:
    height, width = inside.shape
    x, y, w, h = cv2.boundingRect(cv2.dilate((indicator > 0).astype(np.uint8), np.ones((3, 3))))
    fy, fx = height / indicator.shape[0], width / indicator.shape[1]
    top, bottom = int(y * fy), min(height, int(np.ceil((y + h) * fy)))
    left, right = int(x * fx), min(width, int(np.ceil((x + w) * fx)))
    rows, columns = int(offset[0]), int(offset[1])
    top, bottom = max(top, -rows), min(bottom, height - rows)
    left, right = max(left, -columns), min(right, width - columns)
    if top >= bottom or left >= right:
        return
    here = np.s_[top:bottom, left:right]
    there = np.s_[top + rows : bottom + rows, left + columns : right + columns]
    # The part of the indicator under this window, by the same map that cv2.resize uses.
    map_x = ((np.arange(left, right) + 0.5) / fx - 0.5).astype(np.float32)
    map_y = ((np.arange(top, bottom) + 0.5) / fy - 0.5).astype(np.float32)
    weight = cv2.remap(indicator, *np.meshgrid(map_x, map_y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight *= ~inside[there] & inside[here]
    sums[here] += weight[..., None] * rgb[there]
    weights[here] += weight
