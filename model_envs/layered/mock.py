"""The mock backend of image_layers: an ellipse in the middle of any photo, for trying the wiring."""

from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import Pixels
from iedf_assets.core.pictures.layers import mean_absolute_error, recompose
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.storage.journal import Row
from model_envs.layered.assembling import assembled

# Its axes, as a share of the picture's sides.
SHARE = 0.2


class Backend:
    """Takes the middle of a photo for its object."""

    revision: str | None = None
    loaded: str | None = None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """There is no model to load."""

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
        """
        rgb = read_photo(
            Path(request.path),
            max_pixels=request.max_pixels,
            max_megapixels=request.max_megapixels,
            expected_id=request.source_id,
        ).rgb
        height, width = rgb.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        axes = max(1, round(width * SHARE)), max(1, round(height * SHARE))
        cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)

        def completed(hole: Pixels) -> Pixels:
            plain = np.rint(rgb.mean(axis=(0, 1))).astype(np.uint8)
            return np.where(hole[..., None] > 0, plain, rgb)

        row = assembled(rgb, mask, mask, completed, request, folder)
        if row["layers"]:
            row["recomposition_error"] = round(mean_absolute_error(rgb, recompose(rgb, folder, row)), 4)
        return row
