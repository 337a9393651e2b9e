"""Where the subject of a photo is: background-weighted contrast of superpixels, and GrabCut from there.

The contrast is that of W. Zhu, S. Liang, Y. Wei, J. Sun, "Saliency Optimization from Robust Background
Detection" (CVPR 2014), equations 1-9, on SLIC superpixels, without the final optimisation.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Floats, Labels, Pixels
from iedf_assets.core.pictures.colour_difference import quick_lab
from iedf_assets.core.pictures.masks import grown
from iedf_assets.core.pictures.thumbnails import shrunk

Value = TypeVar("Value", bound=np.generic)

WORKING_SIDE = 288
SUPERPIXELS_PER_SIDE = 16
GEODESIC_SIGMA = 10.0  # sigma_clr, in Lab units
SPATIAL_SIGMA = 0.25  # sigma_spa, as a share of the long side
CONNECTIVITY_SIGMA = 1.0  # sigma_BndCon
CENTRE_SIGMA = 0.45  # of the mild prior that subjects stand near the middle, as a share of each side
GRABCUT_ROUNDS = 3
CONVINCING = 0.42
CLEARLY_FOCUSED = 0.5
MIN_AREA, MAX_AREA = 0.008, 0.75
MIN_SEPARATION = 0.3
MIN_SCORE = 0.3
MIN_COMPONENT = 0.15
WORTH_A_ZOOM = 1.3
GROWTH = 0.4
COMPLETIONS = 3
JUST_VISIBLE = 4.0  # in Lab units


@dataclass(frozen=True)
class Subject:
    """A subject found at the working size.

    Attributes:
        mask: uint8 (h, w), 0 or 255.
        area: the mask's share of the picture.
        separation: how far its colours are from those around it, 0 to 1; see `separation`.
        score: how good a subject it makes, 0 to 1; see `_judged`.
    """

    mask: Pixels
    area: float
    separation: float
    score: float

    @property
    def stands_out(self) -> bool:
        """Whether it is a subject at all, rather than a piece of texture or most of the picture."""
        fits = MIN_AREA <= self.area <= MAX_AREA
        return fits and self.separation >= MIN_SEPARATION and self.score >= MIN_SCORE


def reduced(rgb: Pixels) -> Pixels:
    """The photo with its long side at most `WORKING_SIDE` pixels."""
    return shrunk(rgb, WORKING_SIDE)


def saliency(rgb: Pixels) -> Floats:
    """How much each pixel of a small photo stands out from its background, 0 to 1, float32 (h, w)."""
    lab = quick_lab(rgb)
    labels, count = _superpixels(lab)
    sizes = np.bincount(labels.ravel(), minlength=count).astype(np.float32)
    colours = _means(lab, labels, sizes)
    positions = _means(_grid(rgb.shape[0], rgb.shape[1]), labels, sizes)
    appearance = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    geodesic = _geodesic(appearance, labels, count)
    background = _background_probability(geodesic, labels, count)
    spatial = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    weights = np.exp(-(spatial**2) / (2 * SPATIAL_SIGMA**2)) * background[None] * sizes[None]
    contrast = (appearance * weights).sum(axis=1) * (1 - background)
    contrast *= _centre_prior(positions, rgb.shape[0], rgb.shape[1])
    smooth = cv2.GaussianBlur(contrast[labels].astype(np.float32), (0, 0), 2.0)
    return _stretched(smooth)


def sharpness(rgb: Pixels) -> Floats:
    """Energy of the finest detail around each pixel, on a logarithmic scale, 0 to 1, float32 (h, w).

    Tells a subject in focus from a background out of focus.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    return _stretched(np.log1p(cv2.GaussianBlur(fine * fine, (0, 0), 6.0)))


def find_subject(rgb: Pixels, seed: int) -> Subject:
    """The subject of a small photo, RGB (h, w, 3). The same seed gives the same mask.

    What stands out by contrast is tried first; unless that is convincing, what stands out most of all, and
    what is in focus, are tried too, and the best of them is taken.
    """
    if min(rgb.shape[:2]) < 2:  # a line has no superpixels
        return Subject(np.zeros(rgb.shape[:2], np.uint8), 0.0, 0.0, 0.0)
    salient = saliency(rgb)
    lab = quick_lab(rgb)
    threshold = _otsu(salient)
    focus = sharpness(rgb)
    best = _judged(lab, salient, focus, _cut(rgb, salient, threshold, seed))
    if best.score >= CONVINCING:
        return best
    others = (
        _cut(rgb, salient, _otsu(salient[salient >= threshold]), seed),
        _cut(rgb, focus, _otsu(focus), seed),
    )
    return max(
        [best, *(_judged(lab, salient, focus, mask) for mask in others)], key=lambda subject: subject.score
    )


def _judged(lab: Floats, salient: Floats, focus: Floats, mask: Pixels) -> Subject:
    """A mask as a subject. Its score is its separation, less for what speaks against it.

    That is: missing much of what is salient, being in pieces, a contour on even ground (unless it is in focus
    and its surroundings are not), hugging the picture's border.
    """
    inside = mask > 0
    area = float(inside.mean())
    if not MIN_AREA <= area <= MAX_AREA:
        return Subject(mask, area, 0.0, 0.0)
    apart = separation(lab, mask)
    caught = float(salient[inside].sum() / max(float(salient.sum()), 1e-6))
    pieces = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
    focused = float(focus[inside].mean() - focus[~inside].mean()) / CLEARLY_FOCUSED
    supported = min(1.0, max(_edged(lab, mask), focused))
    hugging = float(_border(inside).mean())
    score = apart * caught**0.25 * (pieces.max() / pieces.sum()) * supported * (1 - 0.4 * hugging)
    return Subject(mask, area, apart, float(score))


def _edged(lab: Floats, mask: Pixels) -> float:
    """Share of the mask's contour on edges, where lightness or colour change twice as much as usual."""
    soft = cv2.split(cv2.GaussianBlur(lab, (0, 0), 1.0))
    steps = [cv2.magnitude(cv2.Sobel(c, -1, 1, 0), cv2.Sobel(c, -1, 0, 1)) for c in soft]
    strength = cv2.dilate(np.max(steps, axis=0), np.ones((3, 3)))
    contour = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    contour[[0, -1]] = contour[:, [0, -1]] = False
    return float((strength[contour] > 2 * np.median(strength)).mean()) if contour.any() else 0.0


def _cut(rgb: Pixels, likely: Floats, threshold: float, seed: int) -> Pixels:
    """GrabCut from a map of what is likely the subject, 0 to 1."""
    trimap: Pixels = np.full(likely.shape, cv2.GC_PR_BGD, np.uint8)
    trimap[likely >= threshold] = cv2.GC_PR_FGD
    trimap[likely >= (1 + threshold) / 2] = cv2.GC_FGD
    trimap[likely <= threshold / 6] = cv2.GC_BGD
    if not (trimap & 1).any() or (trimap & 1).all():
        return np.zeros_like(trimap)
    models = np.zeros((2, 65))
    # GrabCut draws from OpenCV's generator of this thread.
    cv2.setRNGSeed(seed)
    cv2.grabCut(rgb, trimap, (0, 0, 0, 0), models[:1], models[1:], GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    return cleaned(np.where(trimap & 1, 255, 0).astype(np.uint8))


def refined(rgb: Pixels, mask: Pixels, seed: int) -> Pixels:
    """The mask of a subject that is small in its photo, cut again at a larger size around it.

    Args:
        rgb: the photo at full size.
        mask: of the subject, at the working size.

    Returns:
        A mask of the whole photo, at a size between the working size and the full one.
    """
    height, width = mask.shape
    x, y, w, h = cv2.boundingRect(mask)
    around = round(0.3 * max(w, h)) + 4
    left, top = max(0, x - around), max(0, y - around)
    right, bottom = min(width, x + w + around), min(height, y + h + around)
    zoom = min(rgb.shape[0] / height, WORKING_SIDE / max(right - left, bottom - top))
    if zoom < WORTH_A_ZOOM:
        return mask
    size = round(width * zoom), round(height * zoom)
    larger = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    box = np.s_[round(top * zoom) : round(bottom * zoom), round(left * zoom) : round(right * zoom)]
    photo = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)[box].astype(np.uint8, copy=False)
    reach = max(2, round(0.08 * zoom * min(w, h))) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    likely = np.where(larger[box] >= 128, np.float32(0.9), np.float32(0.3))
    likely[cv2.erode(larger[box], kernel) >= 128] = 1.0
    refined_box = _cut(np.ascontiguousarray(photo), likely, 0.5, seed)
    result = np.zeros_like(larger)
    reach = max(2, round(GROWTH * zoom * float(np.sqrt(w * h)) / COMPLETIONS))
    for _ in range(COMPLETIONS):
        refined_box = _completed(quick_lab(photo), refined_box, reach)
    result[box] = refined_box
    return result if refined_box.any() else mask


def _completed(lab: Floats, mask: Pixels, reach: int) -> Pixels:
    """The mask and what hangs together with it, no further than `reach`, that clearly is not background.

    That is, what differs from the background's local mean by more than 2.5 of its local deviations. It brings
    back parts that GrabCut took for background, such as a shaded tip before an even sky.
    """
    near = grown(mask, reach) > 0
    outside = (cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0).astype(np.float32)
    spread = (0, 0), 2.0 * max(4, reach)
    weight = np.maximum(cv2.GaussianBlur(outside, *spread), 1e-3)
    mean = cv2.GaussianBlur(lab * outside[..., None], *spread) / weight[..., None]
    distance = np.linalg.norm(lab - mean, axis=2)
    variance = cv2.GaussianBlur(distance**2 * outside, *spread) / weight
    foreign = near & (distance > 2.5 * np.sqrt(variance) + JUST_VISIBLE)
    joined = np.where(foreign | (mask > 0), 255, 0).astype(np.uint8)
    _, labels = cv2.connectedComponents(joined)
    whole = np.isin(labels, np.unique(labels[mask > 0])) & (joined > 0)
    return cleaned(np.where(whole, 255, 0).astype(np.uint8))


def cleaned(mask: Pixels, opening: float = 0.012) -> Pixels:
    """The mask's main components without holes, smoothed by `opening`, a share of the long side."""
    side = round(max(mask.shape) * opening) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), np.uint8)
    # Pieces that nearly touch belong together: a dark stripe often cuts an object in two.
    joined = grown(opened, side)
    count, labels = cv2.connectedComponents(joined)
    areas = np.bincount(labels[opened > 0], minlength=count)
    if count < 2 or not areas.any():
        return np.zeros_like(mask)
    kept = areas >= MIN_COMPONENT * areas.max()
    solid = np.where(kept[labels], opened, 0)
    return _without_holes(cv2.morphologyEx(solid, cv2.MORPH_CLOSE, kernel).astype(np.uint8, copy=False))


def separation(lab: Floats, mask: Pixels) -> float:
    """How far the colours inside a mask are from those around it, 0 (alike) to 1 (no colour in common).

    One minus the overlap (sum of the minima) of two smoothed Lab histograms: of the mask, and of the ring
    around it that has about the mask's own area.
    """
    inside = mask > 0
    if not inside.any() or inside.all():
        return 0.0
    distance = cv2.distanceTransform(np.where(inside, 0, 255).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(4.0, float(np.sqrt(inside.sum())) * 0.35)
    around = (distance > 0) & (distance <= reach)
    histograms = [_histogram(lab[where]) for where in (inside, around)]
    return float(1 - np.minimum(*histograms).sum())


def _superpixels(lab: Floats) -> tuple[Labels, int]:
    # OpenCV crashes on a picture that is too thin for one superpixel.
    side = min(max(4, round(max(lab.shape[:2]) / SUPERPIXELS_PER_SIDE)), *lab.shape[:2])
    segments = cv2.ximgproc.createSuperpixelSLIC(
        cv2.GaussianBlur(lab, (3, 3), 0), cv2.ximgproc.SLICO, side, 10.0
    )
    segments.iterate(6)
    segments.enforceLabelConnectivity(20)
    return segments.getLabels().astype(np.int32, copy=False), segments.getNumberOfSuperpixels()


def _means(values: Floats, labels: Labels, sizes: Floats) -> Floats:
    flat = labels.ravel()
    sums = [np.bincount(flat, values[..., n].ravel(), len(sizes)) for n in range(values.shape[2])]
    return (np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]).astype(np.float32)


def _grid(height: int, width: int) -> Floats:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    return np.stack([columns, rows], axis=2)


def _geodesic(appearance: Floats, labels: Labels, count: int) -> Floats:
    """Shortest paths over neighbouring superpixels, those on the border being neighbours of one another."""
    steps = np.full((count, count), np.inf, np.float32)
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        steps[one.ravel(), other.ravel()] = appearance[one.ravel(), other.ravel()]
    border = np.unique(_border(labels))
    steps[np.ix_(border, border)] = appearance[np.ix_(border, border)]
    paths = np.minimum(steps, steps.T)
    np.fill_diagonal(paths, 0)
    for middle in range(count):  # Floyd and Warshall
        np.minimum(paths, paths[:, middle, None] + paths[None, middle], out=paths)
    return paths


def _background_probability(geodesic: Floats, labels: Labels, count: int) -> Floats:
    """From boundary connectivity: length on the border over the square root of the spanned area."""
    spanning = np.exp(-(geodesic**2) / (2 * GEODESIC_SIGMA**2))
    on_border = np.zeros(count, bool)
    on_border[np.unique(_border(labels))] = True
    connectivity = spanning[:, on_border].sum(axis=1) / np.sqrt(spanning.sum(axis=1))
    probability: Floats = (1 - np.exp(-(connectivity**2) / (2 * CONNECTIVITY_SIGMA**2))).astype(np.float32)
    return probability


def _border(values: NDArray[Value]) -> NDArray[Value]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _centre_prior(positions: Floats, height: int, width: int) -> Floats:
    centre = np.array([width, height], np.float32) / (2 * max(height, width))
    scale = np.array([width, height], np.float32) / max(height, width) * CENTRE_SIGMA
    prior: Floats = np.exp(-(((positions - centre) / scale) ** 2).sum(axis=1) / 2)
    return prior


def _stretched(values: Floats) -> Floats:
    stretched: Floats = (values - values.min()) / max(float(np.ptp(values)), 1e-6)
    return stretched


def _otsu(values: Floats) -> float:
    level, _ = cv2.threshold((values * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return level / 255


def _histogram(lab: Floats) -> Floats:
    scaled = (lab + np.array([0, 128, 128], np.float32)) / np.array([100, 256, 256], np.float32)
    counts, _ = np.histogramdd(np.clip(scaled, 0, 0.999), bins=(10, 24, 24), range=[(0, 1)] * 3)
    smooth = counts.astype(np.float32)
    for lightness in smooth:
        lightness[:] = cv2.GaussianBlur(lightness, (3, 3), 0.7)
    # The flattened colour planes are columns to a vertical blur over lightness.
    rows = smooth.reshape(len(smooth), -1)
    blurred: Floats = cv2.sepFilter2D(rows, -1, np.ones(1), np.array([0.25, 0.5, 0.25])).astype(np.float32)
    return blurred / np.float32(blurred.sum())


def _without_holes(mask: Pixels) -> Pixels:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros_like(mask)
    cv2.drawContours(solid, contours, -1, 255, cv2.FILLED)
    return solid
