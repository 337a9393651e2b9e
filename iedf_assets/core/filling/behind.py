"""What lies behind objects: the hole that they leave, and the photo without them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Floats, Pixels
from iedf_assets.core.filling.filling import fill
from iedf_assets.core.filling.lines import find_lines
from iedf_assets.core.filling.strips import paint_strips
from iedf_assets.core.pictures.layers import Object, load_background, load_object, paste
from iedf_assets.core.pictures.masks import grown, grown_box

# How far the hole reaches beyond the object, as a share of the short side: behind one that comes with its
# background, and behind one that is filled for an edit, whose hair and halo must not be continued.
HOLE_GROWTH, CLEAR_GROWTH = 0.008, 0.012
# Edges are looked for so far around the hole: a share of its longer side, and pixels.
AROUND, LEAST_AROUND = 1.0, 32

# From this alpha on an object hides what is behind it.
SOLID = 128

Part = tuple[Pixels, int, int]
"""Pixels (h, w, 3), and where their upper left corner lies in the photo."""


def hole_of(alpha: Pixels, growth: float = HOLE_GROWTH) -> Pixels:
    """Where the background has to be completed: behind the object and a little around it.

    Args:
        alpha: of the object and its shadow, uint8 (H, W).
        growth: how far around, as a share of the short side.
    """
    reach = max(2, round(min(alpha.shape) * growth))
    visible = np.where(alpha > 0, 255, 0).astype(np.uint8)
    return grown(visible, reach)


def staying_ground(old: Pixels, new: Pixels, reach: int) -> Floats:
    """How far the ground beside an object stays as it is, since the object ends there as it did before.

    A thing that grows about its foot stands on the same ground, in its own shade; what is completed instead
    is a smear around it.

    Args:
        old, new: alpha of the object in its old and in its new place, uint8 (H, W).
        reach: how far from its old place, pixels.

    Returns:
        float32 (H, W), 0 to 1; 0 within the old place.
    """
    solid = np.where(old >= SOLID, np.uint8(0), np.uint8(1))
    distance, nearest = cv2.distanceTransformWithLabels(solid, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    covered = np.zeros(int(nearest.max()) + 1, np.float32)
    covered[nearest[solid == 0]] = new[solid == 0] >= SOLID
    stays = cv2.GaussianBlur(covered[nearest], (0, 0), max(1.0, reach / 3))
    return np.asarray(np.where((old == 0) & (distance <= 2 * reach), stays, 0), np.float32)


def without_objects(rgb: Pixels, folder: Path, objects: Sequence[Object], seed: int) -> Pixels:
    """A photo without its objects: as it was staged with the only one, else filled here.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        folder: where the objects' files are; each has a layer.
        seed: of the filling.
    """
    if not objects:
        return rgb
    if len(objects) == 1 and objects[0]["background"]:
        ground = rgb.copy()
        paste(ground, *load_background(folder, objects[0]))
        return ground
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    for one in objects:
        rgba, x, y = load_object(folder, one)
        place = alpha[y : y + rgba.shape[0], x : x + rgba.shape[1]]
        np.maximum(place, rgba[..., 3], out=place)
    return fill_behind(rgb, hole_of(alpha, CLEAR_GROWTH), seed=seed)


def fill_behind(rgb: Pixels, hole: Pixels, *, seed: int) -> Pixels:
    """`fill`, with the straight edges that run into the hole carried on through it.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        hole: uint8 (H, W), nonzero where the photo is to be completed.
        seed: of the filling.

    Raises:
        ValueError: the hole is the whole picture.
    """
    side = max(cv2.boundingRect(hole)[2:])
    around = grown_box(hole, round(AROUND * side) + LEAST_AROUND)
    unknown = np.asarray(hole[around] > 0)
    painted, left = rgb.copy(), np.zeros_like(hole)
    painted[around], left[around] = paint_strips(rgb[around], unknown, find_lines(rgb[around], unknown))
    return fill(painted, left, seed=seed)
