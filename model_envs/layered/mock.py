"""The mock backend of image_layers: an ellipse in the middle of any photo, for trying the wiring."""

from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.storage.journal import Row
from model_envs.backends import WithoutModel, photo_of
from model_envs.layered.assembling import Cutout, assembled, measured

# Its axes, as a share of the picture's sides.
SHARE = 0.2


class Backend(WithoutModel):
    """Takes the middle of a photo for its object."""

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
        """
        rgb = photo_of(request)
        height, width = rgb.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        axes = max(1, round(width * SHARE)), max(1, round(height * SHARE))
        cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)

        def completed(hole: Pixels) -> Pixels:
            plain = np.rint(rgb.mean(axis=(0, 1))).astype(np.uint8)
            return np.where(hole[..., None] > 0, plain, rgb)

        cutout = Cutout(mask, mask, completed=completed)
        return measured(rgb, assembled(rgb, [cutout], request, folder), folder)
