"""The shadow that an object casts on the ground around it: it goes where the object goes."""

import cv2
import numpy as np

from iedf_assets.core.pictures.codecs import Pixels

# What lies so near the object is looked at, as a share of the square root of its area.
REACH = 0.6
# Lightness of a shadow's core and of its soft rim, as shares of the lit ground's.
CORE, RIM = 0.45, 0.75
RIM_WIDTH = 0.12
# A shadow's area as a share of the object's. What is larger is another dark thing, what is smaller no matter.
SMALLEST, LARGEST = 0.01, 0.6
# A shadow hugs its object: half of it is no farther than this from it, as a share of the same root.
HUGS = 0.15
# The ground has to be light enough to show a shadow, L* 0 to 100.
LIT = 20.0


def with_shadow(rgb: Pixels, mask: Pixels) -> Pixels:
    """The object's mask together with the dark shadow that touches it, if there is one.

    Args:
        rgb: uint8 (H, W, 3), at a reduced size.
        mask: uint8 (H, W), 255 on the object.
    """
    extent = float(np.sqrt(np.count_nonzero(mask)))
    light = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0]
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    around = (distance > 0) & (distance <= REACH * extent)
    if not around.any():
        return mask
    ground = float(np.median(light[around]))
    if ground < LIT:
        return mask
    dark = (around & (light < CORE * ground)).astype(np.uint8)
    core = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    beside = np.unique(labels[(distance > 0) & (distance < 3)])
    kept = np.zeros(mask.shape, bool)
    for label in beside[beside > 0]:
        area = stats[label, cv2.CC_STAT_AREA]
        own = labels == label
        if SMALLEST <= area / extent**2 <= LARGEST and np.median(distance[own]) <= HUGS * extent:
            kept |= own
    if not kept.any():
        return mask
    width = 2 * max(1, round(RIM_WIDTH * extent)) + 1
    near = cv2.dilate(kept.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))) > 0
    rim = around & near & (light < RIM * ground)
    whole = np.where((mask > 0) | kept | rim, np.uint8(255), np.uint8(0))
    closed = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed, np.uint8)
