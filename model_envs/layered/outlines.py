"""From what a network knows of an object to its outline in the photo: thin parts, soft edges, holes."""

import cv2
import numpy as np

from iedf_assets.core.arrays import Bools, Floats, Pixels
from iedf_assets.core.pictures.colour_difference import lengths, quick_lab
from iedf_assets.core.pictures.objects import Found
from iedf_assets.core.pictures.rims import fitted_rim, without_haze
from iedf_assets.core.scoring.pair_views import Around
from model_envs.layered.gaps import gaps
from model_envs.layered.matting import full_alpha
from model_envs.layered.outgrowths import outgrowths

# What the network holds possible, if hardly likely: there its grid is too coarse for a leg or a pole.
POSSIBLE = 0.1
# How far around a pixel its background is looked at, in cells of the network's answer; by how many deviations
# of that background, and at least by how much of Lab, it has to differ from it.
AROUND, DEVIATIONS, VISIBLE = 6.0, 2.5, 6.0
# How steeply what is likely becomes certain: an object is solid, only its edge is soft.
STEEPNESS = 5.0
# The rim as it is decided once more at full size: a share of the short side; its least contrast, of 255; and
# what is haze in it, and what is solid.
RIM, EDGE, HAZE, CORE = 0.012, 0.02, 0.15, 0.85
# What is smaller than this share of the object and lies apart from it is dust.
DUST = 0.002


def alpha_of(rgb: Pixels, small: Pixels, found: Found, others: Bools) -> Pixels:
    """The soft alpha of an object at the photo's own size, uint8 (H, W).

    Args:
        rgb: the photo, uint8 (H, W, 3).
        small: as it was looked at, uint8 (h, w, 3).
        others: where other objects are, bool (h, w); nothing of them is taken.
    """
    lab = quick_lab(small)
    added = thin_parts(lab, found) & ~others
    added |= outgrowths(lab, found.mask | added, found, others)
    solid = np.clip((found.probability - 0.5) * STEEPNESS + 0.5, 0, 1)
    solid[added] = 1
    solid[gaps(lab, found, solid >= 0.5)] = 0
    alpha = full_alpha(rgb, np.rint(solid * 255).astype(np.uint8), rim=found.cell)
    reach = max(2, round(RIM * min(alpha.shape)))
    return _without_dust(without_haze(fitted_rim(rgb, alpha, reach, EDGE), HAZE, CORE))


def thin_parts(lab: Floats, found: Found) -> Bools:
    """What hangs together with the object, is held possible by the network, and is clearly not background.

    Background is what lies around each pixel and is not held likely to be the object: its mean colour in Lab,
    and the deviation from it.

    Args:
        lab: L*a*b* of the photo as it was looked at, float32 (h, w, 3).
        found: the object.
    """
    # Beyond a few cells everything is impossible, whatever its colour.
    outside = np.where(found.probability < 0.3, np.float32(1), np.float32(0))
    outside = np.asarray(cv2.erode(outside, np.ones((3, 3), np.uint8)), np.float32)
    around = Around(outside, AROUND * found.cell)
    distance = lengths(lab - around.mean(lab))
    deviation = np.sqrt(np.maximum(around.mean(distance**2), 0))
    foreign = distance > DEVIATIONS * deviation + VISIBLE
    candidates = (foreign & (found.probability > POSSIBLE)) | found.mask
    _, labels = cv2.connectedComponents(candidates.astype(np.uint8))
    own = np.unique(labels[found.mask])
    return np.asarray(np.isin(labels, own[own > 0]) & ~found.mask)


def _without_dust(alpha: Pixels) -> Pixels:
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8))
    if count < 3:
        return alpha
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    dust = areas < DUST * areas.sum()
    alpha[dust[labels]] = 0
    return alpha
