"""The classical backend of image_layers: salient object and shadow, guided-filter alpha, fill."""

from pathlib import Path

import numpy as np

from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.layers import mean_absolute_error, recompose
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.storage.journal import Row
from model_envs.background.filling import fill
from model_envs.layered.assembling import assembled, far_from
from model_envs.layered.matting import full_alpha
from model_envs.layered.saliency import Subject, cleaned, find_subject, reduced, refined
from model_envs.layered.shadows import with_shadow

NO_SUBJECT = "no_salient_object"


class Backend:
    """Splits a photo into one object and its background. Stateless, so several threads may use it."""

    revision: str | None = None
    loaded: str | None = None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """There is no model to load."""

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`; a photo in which nothing stands out is filtered."""
        photo = read_photo(
            Path(request.path),
            max_pixels=request.max_pixels,
            max_megapixels=request.max_megapixels,
            expected_id=request.source_id,
        )
        rgb = photo.rgb
        height, width = rgb.shape[:2]
        size: Row = {"width": width, "height": height}
        small = reduced(rgb)
        subject = find_subject(small, request.seed)
        if not subject.stands_out:
            return {**size, "status": "filtered", "reason": NO_SUBJECT, "detail": _why(subject)}
        # What is moved or removed takes its shadow along.
        whole = with_shadow(small, subject.mask) if request.level == "layers" else subject.mask
        alpha = full_alpha(rgb, refined(rgb, whole, request.seed))
        mask = cleaned(np.where(alpha >= 128, 255, 0).astype(np.uint8), opening=0.0)
        alpha[far_from(mask)] = 0
        row = assembled(rgb, alpha, mask, lambda hole: fill(rgb, hole, seed=request.seed), request, folder)
        if row["layers"]:
            row["recomposition_error"] = round(mean_absolute_error(rgb, recompose(rgb, folder, row)), 4)
        return row


def _why(subject: Subject) -> str:
    return (
        f"the best candidate covers {subject.area:.1%} of the picture, "
        f"separation {subject.separation:.2f}, score {subject.score:.2f}"
    )
