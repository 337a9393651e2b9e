"""What a model did to a picture before anything was mended: how far it lies off, and what it changed."""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.registration import find_motion, undone

# A shift in pixels, a zoom, a cast in ΔE, and shares of the outside and the inside that are worth a word.
SHIFT_PX, ZOOM, CAST, TOUCHED, CHANGED = 0.5, 0.002, 2.0, 0.10, 0.05
# A pixel has changed when a channel differs by more than so many levels, grain apart.
LEVELS_OUTSIDE, LEVELS_INSIDE, GRAIN = 24, 8, 5


@dataclass(frozen=True)
class RawPicture:
    """Measures of a model's own picture; those of the outside are None where there is none.

    Attributes:
        aligned: whether it could be aligned with its source.
        shift_px, zoom: how far it lies off, pixels and a relative change of size.
        cast: distance of the outside's mean colours, ΔE.
        touched: share of the outside that changed beyond its drift and cast.
        changed: share of the inside that changed.
    """

    aligned: bool
    shift_px: float | None
    zoom: float | None
    cast: float | None
    touched: float | None
    changed: float

    def words(self) -> list[str]:
        """What it is, in words: `good`, or what is wrong with it."""
        found = {
            "unaligned": not self.aligned,
            "lazy": self.changed < CHANGED,
            "shifted": (self.shift_px or 0.0) > SHIFT_PX,
            "zoomed": (self.zoom or 0.0) > ZOOM,
            "recoloured": (self.cast or 0.0) > CAST,
            "over-eager": (self.touched or 0.0) > TOUCHED,
        }
        return [word for word, holds in found.items() if holds] or ["good"]

    def as_row(self) -> dict[str, float | bool | None]:
        """The measures by name."""
        return asdict(self)


def look_at(source: Pixels, picture: Pixels, allowed: Pixels) -> RawPicture:
    """Measure a model's picture against its source.

    Args:
        source, picture: uint8 (H, W, 3).
        allowed: uint8 (H, W), nonzero where the edit may show.
    """
    outside = allowed == 0
    if not outside.any():
        return RawPicture(
            aligned=True, shift_px=None, zoom=None, cast=None, touched=None,
            changed=_share(source, picture, np.ones_like(outside), LEVELS_INSIDE),
        )  # fmt: skip
    motion = find_motion(source, picture, outside.astype(np.uint8) * 255)
    mended = picture if motion is None else undone(picture, motion)
    offset = mended[outside].astype(np.float32).mean(0) - source[outside].astype(np.float32).mean(0)
    levelled = np.clip(mended - offset, 0, 255).astype(np.uint8)
    return RawPicture(
        aligned=motion is not None,
        shift_px=None if motion is None else round(motion.pixels, 3),
        zoom=None if motion is None else round(motion.zoom, 5),
        cast=round(_cast(source, mended, outside), 2),
        touched=_share(source, levelled, outside, LEVELS_OUTSIDE),
        changed=_share(source, levelled, ~outside, LEVELS_INSIDE),
    )


def _cast(source: Pixels, picture: Pixels, where: np.ndarray) -> float:
    means = [
        cv2.cvtColor(one.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[where].mean(0)
        for one in (source, picture)
    ]
    return float(np.linalg.norm(means[0] - means[1]))


def _share(source: Pixels, picture: Pixels, where: np.ndarray, levels: int) -> float:
    smooth = [cv2.GaussianBlur(one, (GRAIN, GRAIN), 0).astype(np.int16) for one in (source, picture)]
    changed = np.abs(smooth[0] - smooth[1]).max(-1) > levels
    return round(float(changed[where].mean()), 4) if where.any() else 0.0
