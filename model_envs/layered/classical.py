"""The classical backend of image_layers: salient object and shadow, guided-filter alpha, fill."""

from pathlib import Path

import numpy as np

from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.filling.filling import fill
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.storage.journal import Row
from model_envs.backends import WithoutModel, photo_of
from model_envs.layered.assembling import SEEN, Cutout, assembled, far_from, measured, without_subject
from model_envs.layered.matting import full_alpha
from model_envs.layered.saliency import Subject, cleaned, find_subject, reduced, refined
from model_envs.layered.shadows import with_shadow


class Backend(WithoutModel):
    """Splits a photo into one object and its background."""

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`; a photo in which nothing stands out is filtered."""
        rgb = photo_of(request)
        height, width = rgb.shape[:2]
        size: Row = {"width": width, "height": height}
        small = reduced(rgb)
        subject = find_subject(small, request.seed)
        if not subject.stands_out:
            seen = np.where(subject.mask, 255, 0).astype(np.uint8)
            (folder / SEEN).write_bytes(encode_png(seen))
            return size | without_subject(_why(subject))
        # What is moved or removed takes its shadow along.
        whole = with_shadow(small, subject.mask) if request.level == "layers" else subject.mask
        alpha = full_alpha(rgb, refined(rgb, whole, request.seed))
        mask = cleaned(np.where(alpha >= 128, 255, 0).astype(np.uint8), opening=0.0)
        alpha[far_from(mask)] = 0
        cutout = Cutout(alpha, mask, completed=lambda hole: fill(rgb, hole, seed=request.seed))
        return measured(rgb, assembled(rgb, [cutout], request, folder), folder)


def _why(subject: Subject) -> str:
    return (
        f"the best candidate covers {subject.area:.1%} of the picture, "
        f"separation {subject.separation:.2f}, score {subject.score:.2f}"
    )
