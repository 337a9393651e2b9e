"""Things with known masks before real backgrounds: pieces of one photo pasted onto another."""

import cv2
import numpy as np
from skimage import data

from iedf_assets.core.arrays import Pixels

HEIGHT, WIDTH = 360, 480


def ground(name: str = "grass") -> Pixels:
    """A real texture or photo as a background, uint8 (360, 480, 3)."""
    picture = getattr(data, name)()
    rgb = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    return np.asarray(cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def ellipse(x: int, y: int, across: int, down: int) -> Pixels:
    """A mask of an ellipse with these half axes, uint8 (360, 480), 0 or 255."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (x, y), (across, down), 0, 0, 360, 255, -1)
    return mask


def before(background: Pixels, mask: Pixels, photo: str = "chelsea") -> Pixels:
    """What a mask shows of a photo, before a background."""
    rgb = getattr(data, photo)()
    there = cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.where(mask[..., None] > 0, there, background).astype(np.uint8)
