"""Objects named by a model behind an endpoint, whichever backend found them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.asking.asker import asker_of
from iedf_assets.core.asking.endpoint import UNREADABLE, Answer
from iedf_assets.core.asking.questions import NAME, READ, Lettering, Naming
from iedf_assets.core.contract import LayerRequest
from iedf_assets.core.edits.lettering import quotable
from iedf_assets.core.edits.names import believed, read_name
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.codecs import decode, encode_jpeg
from iedf_assets.core.profile.asked import Namer
from iedf_assets.core.storage.journal import Row
from model_envs.backends import Backend, photo_of

# The object's cut-out that a model is asked to name: no larger, and on this grey.
CUTOUT_SIDE, CUTOUT_GREY = 448, 200
QUALITY = 92


class Named:
    """A backend of image_layers whose objects an endpoint names.

    Args:
        namer: the profile's `workers.layered.namer`.

    Raises:
        SystematicError: nobody answers there, or the model is not there.
    """

    def __init__(self, backend: Backend, namer: dict[str, Any]) -> None:
        self._backend = backend
        self._asker = asker_of(Namer.model_validate(namer), "workers.layered.namer")
        self.revision, self.loaded, self.readers = backend.revision, backend.loaded, backend.readers

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Split a photo, and name what was found; a name that is none, or that the pixels belie, is not used.

        Raises:
            SourceError: the photo cannot be used, or the endpoint gave no answer.
        """
        row = self._backend.run(request, folder)
        objects = [one for one in row.get("objects") or [] if not one.get("parts")]
        rgb = photo_of(request) if objects else None
        for one in objects:
            cutout = cutout_of(
                rgb, decode(folder / one["mask"]), (one["x"], one["y"], one["width"], one["height"])
            )
            one["caption"] = self._name(cutout, one["colour"])
            if request.reads:
                one["text"] = self._text(cutout)
        return row

    def _name(self, cutout: Pixels, colour: Sequence[float]) -> dict[str, str] | None:
        told = self._asked(NAME, cutout, Naming)
        name = read_name(told.en, told.ch) if told else None
        return name if name and believed(name, colour) else None

    def _text(self, cutout: Pixels) -> str | None:
        told = self._asked(READ, cutout, Lettering)
        return quotable(told.text) if told else None

    def _asked(self, question: str, cutout: Pixels, form: type[Answer]) -> Answer | None:
        try:
            return self._asker.ask(question, [encode_jpeg(cutout, QUALITY)], form)
        except SourceError as error:
            # It was asked often enough: an object may go without a name, and is called by size and colour.
            if error.reason == UNREADABLE:
                return None
            raise


def cutout_of(rgb: Any, mask: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """An object alone on a grey square, uint8 (S, S, 3): vision models refuse very long pictures.

    Args:
        rgb: the photo, uint8 (H, W, 3).
        mask: uint8 (H, W), nonzero on the object.
        box: of the object: x, y, width, height.
    """
    x, y, w, h = box
    crop = np.s_[y : y + h, x : x + w]
    side = max(w, h)
    square = np.full((side, side, 3), CUTOUT_GREY, np.uint8)
    top, left = (side - h) // 2, (side - w) // 2
    square[top : top + h, left : left + w] = np.where(mask[crop][..., None] > 0, rgb[crop], square[0, 0])
    if side <= CUTOUT_SIDE:
        return square
    return np.asarray(cv2.resize(square, (CUTOUT_SIDE,) * 2, interpolation=cv2.INTER_AREA), np.uint8)
