"""Copies the pieces of a completion at full size, with evened shades and soft seams."""

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Doubles, Floats, Labels, Pixels
from iedf_assets.core.filling.completion import spread
from iedf_assets.core.filling.membrane import Links, even_out
from iedf_assets.core.filling.shifts import Pieces
from iedf_assets.core.pictures.masks import Box, grown_box

# Jumps of this many levels are edges rather than shades; they count half, greater ones less.
EDGE = 16.0
# The window whose median is a place's shade, pixels of the middle size.
SHADE_WINDOW = 5
# How far shades go on beyond their piece, pixels of the middle size.
SPREAD = 4
# A piece's weight at a pixel is its share of the blurred map to this power: a high one makes narrow seams.
SEAM_POWER, SEAM_BLUR = 8, (5, 5)
SOLID, FAINT, NOTHING, LAST_RESORT = 0.85, 1e-5, 0.01, 1e-6

Shifts = Doubles


def paste(
    filled: Pixels, picture: Pixels, hole: Bools, pieces: Pieces, middle: Pixels, unknown: Bools
) -> None:
    """Write the pieces into `filled`, uint8 (H, W, 3), where `hole`, bool (H, W).

    Args:
        picture: what is copied from, uint8 (H, W, 3).
        middle: the picture at a size at which shades are evened out, uint8 (h, w, 3).
        unknown: where that one is not to be used, bool (h, w).
    """
    size = np.array(hole.shape)
    scale = size / pieces.index.shape
    painted = np.zeros(hole.shape, np.float32)
    shares = _shares(pieces)
    greatest = np.maximum(shares.max(0), 1e-6)
    shades, owners = _shades(pieces, middle, unknown)
    for piece, shift in enumerate(np.rint(pieces.shifts * scale).astype(int)):
        box = _extent(shares[piece] > NOTHING, scale, size)
        # Relative to the greatest, so that each pixel is painted by one piece at least.
        weight = _enlarged(shares[piece] / greatest, box, scale) ** SEAM_POWER
        weight[(weight < FAINT) | ~hole[box]] = 0
        # Where a piece's source ends, others go before it.
        weight[_is_beyond(box, shift, hole.shape)] *= LAST_RESORT
        solid = (_enlarged(shares[piece], box, scale) > SOLID) & hole[box]
        shade = _enlarged(_spread_over(shades, owners == piece), box, size / owners.shape)
        colours = np.asarray(cv2.add(_moved(picture, box, shift), shade, dtype=cv2.CV_8U), np.uint8)
        _blend(filled[box], painted[box], colours, weight, solid)


def _shares(pieces: Pieces) -> Floats:
    """How much of each pixel's surroundings each piece has, float32 (n, h, w), 0 to 1; also near the hole."""
    near = cv2.GaussianBlur((pieces.index >= 0).astype(np.float32), SEAM_BLUR, 0)
    shares = np.empty((len(pieces.shifts), *near.shape), np.float32)
    for piece, share in enumerate(shares):
        share[:] = cv2.GaussianBlur((pieces.index == piece).astype(np.float32), SEAM_BLUR, 0)
    return np.asarray(shares / np.maximum(near, 1e-6), np.float32)


def _extent(mask: Bools, scale: Shifts, size: NDArray[np.intp]) -> Box:
    """The rows and columns of the full picture that a mask of the small one reaches."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    first = np.maximum(0, np.floor((np.array([y, x]) - 0.5) * scale)).astype(int)
    last = np.minimum(size, np.ceil((np.array([y + h, x + w]) + 0.5) * scale)).astype(int)
    return slice(first[0], last[0]), slice(first[1], last[1])


def _enlarged(values: Floats, box: Box, scale: Shifts) -> Floats:
    """Small `values`, float32 (h, w) or (h, w, 3), at full size within `box`, linear between centres."""
    rows, columns = box
    step = 1 / scale
    start = (np.array([rows.start, columns.start]) + 0.5) * step - 0.5
    affine = np.array([[step[1], 0, start[1]], [0, step[0], start[0]]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(values, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _moved(picture: Pixels, box: Box, shift: NDArray[np.int_]) -> Pixels:
    """What `shift` brings into `box`; beyond the picture its border goes on."""
    wanted = [np.arange(part.start, part.stop) + step for part, step in zip(box, shift, strict=True)]
    rows, columns = (np.clip(part, 0, size - 1) for part, size in zip(wanted, picture.shape, strict=False))
    moved = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    lost = [
        (int((part < 0).sum()), int((part >= size).sum()))
        for part, size in zip(wanted, picture.shape, strict=False)
    ]
    return np.pad(moved, (*lost, (0, 0)), mode="edge")


def _is_beyond(box: Box, shift: NDArray[np.int_], shape: tuple[int, ...]) -> Bools:
    """Where in `box` the `shift` comes from beyond a picture of that shape."""
    rows, columns = (np.arange(part.start, part.stop) + step for part, step in zip(box, shift, strict=True))
    beyond = [(part < 0) | (part >= size) for part, size in zip((rows, columns), shape, strict=False)]
    return np.asarray(beyond[0][:, None] | beyond[1])


def _blend(filled: Pixels, painted: Floats, colours: Pixels, weight: Floats, solid: Bools) -> None:
    """Copy `colours` where `solid`; elsewhere mix them in by their share of all weights (`painted`)."""
    cv2.copyTo(colours, solid.astype(np.uint8), filled)
    painted[solid] = 1
    rows, columns = np.nonzero((weight > 0) & ~solid)
    new = weight[rows, columns]
    painted[rows, columns] += new
    part = (new / painted[rows, columns])[:, None]
    before = filled[rows, columns].astype(np.float32)
    filled[rows, columns] = np.rint(before + (colours[rows, columns] - before) * part)


def _shades(pieces: Pieces, middle: Pixels, unknown: Bools) -> tuple[Floats, Labels]:
    """How much lighter each pixel of the middle size must become, float32 (h, w, 3), and its piece."""
    size = unknown.shape[::-1]
    owners = np.asarray(cv2.resize(pieces.index, size, interpolation=cv2.INTER_NEAREST), np.int32)
    moves = np.rint(pieces.shifts * (np.array(unknown.shape) / pieces.index.shape)).astype(np.intp)
    # One more for what is known: it stays where it is.
    moves = np.vstack([moves, np.zeros((1, 2), np.intp)])
    # A median, so that a star or a leaf on one side of a seam does not shade the piece.
    smooth = np.rint(spread(middle.astype(np.float32), unknown)).astype(np.uint8)
    colours = cv2.medianBlur(smooth, SHADE_WINDOW).astype(np.float32)
    down, right = (_links(owners, moves, colours, unknown, axis) for axis in (0, 1))
    box = grown_box((owners >= 0).astype(np.uint8), 1)
    shades = np.zeros_like(colours)
    links = tuple(Links(link.steps[box], link.weights[box]) for link in (down, right))
    shades[box] = even_out(owners[box] >= 0, (links[0], links[1]))
    return shades, owners


def _links(owners: Labels, moves: NDArray[np.intp], colours: Floats, unknown: Bools, axis: int) -> Links:
    """What neighbours along `axis` want: no step within a piece, at a seam the one that both sides show."""
    steps = np.zeros_like(colours)
    weights = np.ones((*owners.shape, 1), np.float32)
    seam = np.zeros(owners.shape, bool)
    first = np.s_[:-1] if axis == 0 else np.s_[:, :-1]
    second = np.s_[1:] if axis == 0 else np.s_[:, 1:]
    seam[first] = owners[first] != owners[second]
    here = np.argwhere(seam)
    there = here + np.eye(2, dtype=np.intp)[axis]
    one, other = moves[owners[tuple(here.T)]], moves[owners[tuple(there.T)]]
    total, count = np.zeros((len(here), 3), np.float32), np.zeros((len(here), 1), np.float32)
    for place in (here, there):
        (mine, is_mine), (theirs, is_theirs) = (
            _look(place + move, colours, unknown) for move in (one, other)
        )
        both = (is_mine & is_theirs)[:, None]
        total += (mine - theirs) * both
        count += both
    step = total / np.maximum(count, 1)
    steps[seam] = step
    size = np.abs(step).mean(-1, keepdims=True)
    weights[seam] = (count > 0) / (1 + (size / EDGE) ** 4)
    return Links(steps, weights)


def _look(places: NDArray[np.intp], colours: Floats, unknown: Bools) -> tuple[Floats, Bools]:
    rows, columns = np.clip(places, 0, np.array(unknown.shape) - 1).T
    inside = (places == np.stack([rows, columns], -1)).all(-1)
    return colours[rows, columns], np.asarray(inside & ~unknown[rows, columns])


def _spread_over(shades: Floats, own: Bools) -> Floats:
    """A piece's shades, carried on a little beyond it so as to be enlarged without its neighbours'."""
    box = grown_box(own.astype(np.uint8), SPREAD)
    inside = own[box][..., None]
    size = (2 * SPREAD + 1,) * 2
    weight = cv2.blur(inside.astype(np.float32), size)[..., None]
    around = cv2.blur(shades[box] * inside, size) / np.maximum(weight, 1e-3)
    spread_out = np.zeros_like(shades)
    spread_out[box] = np.where(inside, shades[box], around)
    return spread_out
