"""The draft of a move or a scaling: what a model that is to draw it is shown beside the photo."""

from dataclasses import dataclass

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pictures.masks import edit_masks, region_alpha
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import SUBTYPES
from model_envs.backends import silhouette_of
from model_envs.edit.classical import Scene, rendered


@dataclass(frozen=True)
class Draft:
    """What the layers make of a photo.

    Attributes:
        picture: uint8 (H, W, 3), the object at its new place, its old place filled.
        places: uint8 (H, W), 255 on both places of the object, else 0.
        recomposition_error: how far the layers together are from the photo, mean of 255 levels; None where
            that was measured when they were made.
    """

    picture: Pixels
    places: Pixels
    recomposition_error: float | None


def draft_of(request: EditRequest, rgb: Pixels) -> Draft:
    """The draft of an edit that puts an object elsewhere or makes it another size.

    Args:
        rgb: the photo, uint8 (H, W, 3).

    Raises:
        StorageError: a layer or the mask is absent or damaged.
    """
    scene = Scene(request, rgb)
    patch, (rows, columns) = rendered(scene)
    subtype, silhouette = SUBTYPES[request.recipe["subtype"]], silhouette_of(request)
    there = edit_masks(subtype, silhouette, request.recipe)[1]
    alpha = region_alpha(subtype, silhouette, there, request.margin_px, Encoding().feather)
    picture = composite(rgb, patch, alpha, columns.start, rows.start)
    places = silhouette if there is None else np.asarray(silhouette | there, np.uint8)
    return Draft(picture, places, scene.recomposition_error())
