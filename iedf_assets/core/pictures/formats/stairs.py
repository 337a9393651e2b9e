"""The mark of a turned bit in a JPEG whose code comes into step again: all colours after it are shifted.

The shift begins in the middle of a row of blocks and reaches through the next ones, so its upper edge is a
stair: along the top of one row of blocks from some place to the right, along the top of the next row up to
that place. Edges of things lie otherwise.
"""

import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.reasons import CORRUPTED

_FRAMES = (b"\xff\xc0", b"\xff\xc1", b"\xff\xc2")
# Levels, those of all channels in one, and times what is usual between blocks: sound photos have 11 at most,
# shifted ones 23 and more.
_HIGH = 20
_ABOVE = 2.0
# Both parts of the edge shift the same way, as cosine, and are so many blocks long at least.
_SAME_WAY, _SHORT = 0.8, 4


def require_no_stair(data: bytes, pixels: Pixels) -> None:
    """See that a JPEG's colours are not shifted from the middle of a row of blocks on.

    Args:
        data: the file, which says how large its blocks are.
        pixels: as decoded, perhaps at an eighth to all of the file's size: uint8 (H, W, 3).

    Raises:
        SourceError: `corrupted`.
    """
    block = _block(data)
    if block is None:
        return
    high, wide, height = block
    scale = max(1, round(height / len(pixels)))
    high, wide = high // scale, wide // scale
    if min(high, wide) < 1:
        return
    places = np.arange(high, len(pixels) - high + 1, high)
    blocks = pixels.shape[1] // wide
    if len(places) < 2 or blocks <= 2 * _SHORT:
        return
    row = _highest_stair(_steps(pixels, places, blocks, wide))
    if row is not None:
        raise SourceError(CORRUPTED, f"colours are shifted from the middle of row {places[row]} on")


def _block(data: bytes) -> tuple[int, int, int] | None:
    """Height and width of what the code goes through in one step, and the picture's height, in pixels."""
    start = next((at for at in map(data.find, _FRAMES) if at > 0), -1)
    parts = data[start + 9] if start > 0 else 0
    sampling = data[start + 11 : start + 10 + 3 * parts : 3]
    if parts == 0 or len(sampling) < parts:
        return None
    height = int.from_bytes(data[start + 5 : start + 7], "big")
    if parts == 1:
        return 8, 8, height
    return 8 * max(each & 15 for each in sampling), 8 * max(each >> 4 for each in sampling), height


def _steps(pixels: Pixels, places: NDArray[np.intp], blocks: int, wide: int) -> Floats:
    """How far each block's colours step at its top: float32 (rows, blocks, 3), levels."""
    below = pixels[places, : blocks * wide].astype(np.float32)
    steps = below - pixels[places - 1, : blocks * wide]
    middle: Floats = np.median(steps.reshape(len(places), blocks, wide, 3), axis=2)
    return middle


def _highest_stair(steps: Floats) -> int | None:
    """The row in which a stair begins, where there is one."""
    count = np.arange(1, steps.shape[1])[:, None]
    sums = np.cumsum(steps, axis=1)
    left = sums[:, :-1] / count
    right = (sums[:, -1:] - sums[:, :-1]) / count[::-1]
    inner = slice(_SHORT - 1, steps.shape[1] - _SHORT)
    one, other = right[:-1, inner], left[1:, inner]
    lengths = np.linalg.norm(one, axis=-1), np.linalg.norm(other, axis=-1)
    elsewhere = np.linalg.norm(left[:-1, inner], axis=-1), np.linalg.norm(right[1:, inner], axis=-1)
    heights = np.minimum(*lengths) - 2 * np.maximum(*elsewhere)
    alike = (one * other).sum(axis=-1) > _SAME_WAY * lengths[0] * lengths[1]
    found = np.where(alike, heights, 0)
    # Where compression was so strong that all blocks step, a stair is nothing.
    usual = float(np.linalg.norm(steps, axis=-1).mean())
    row, place = (int(each) for each in np.unravel_index(np.argmax(found), found.shape))
    if found[row, place] <= max(_HIGH, _ABOVE * usual):
        return None
    # Not some blocks a long way, but most of them.
    way, corner = one[row, place] / lengths[0][row, place], place + _SHORT
    most = min(np.median(steps[row, corner:] @ way), np.median(steps[row + 1, :corner] @ way))
    return row if most > _HIGH / 2 else None
