"""The Qwen backend of edited_images: Qwen-Image-Edit, Edit-Plus (2509, 2511) and inpainting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.pictures.canvas import Canvas, fit_canvas
from iedf_assets.core.pictures.codecs import Pixels, encode_png
from iedf_assets.core.profile.checkpoints import EDIT_INPAINT, EDIT_PLUS
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of, silhouette_of
from model_envs.edit import classical
from model_envs.qwen.backend import READERS, PipelineBackend
from model_envs.qwen.denoising import BatchTooLargeError, Turnstile, generators
from model_envs.qwen.vision import rating_of

# The pipelines' own working area, pixels.
AREA = 1024 * 1024
# Repainting reaches so far beyond the mask, as a share of the short side: what is cut off at the mask's edge
# looks cut off.
INPAINT_GROWTH = 0.03


@dataclass(frozen=True)
class _Work:
    """One edit at the model.

    Attributes:
        rgb: the photo, uint8 (H, W, 3).
        mask: uint8 (H, W), white where it may be repainted; None for everywhere.
    """

    rgb: Pixels
    mask: Pixels | None
    prompt: str
    seed: int


class Backend(PipelineBackend):
    """Edits photos by their instructions."""

    def __init__(self, settings: ModelSettings) -> None:
        """Load the model.

        Raises:
            WorkerError: it cannot be loaded.
        """
        super().__init__("edited_images", settings, AREA)
        self._layered = classical.Backend(settings)
        kind = type(self._pipe).__name__
        # Edit-Plus takes one prompt at a time.
        size = 1 if kind == EDIT_PLUS else settings.batch_size
        self._turnstile = Turnstile(self._render, size)
        self._inpaints = kind == EDIT_INPAINT
        self.readers = READERS + size - 1

    def run(self, request: EditRequest, folder: Path) -> Row:
        """Write `picture.png`, the model's picture at the photo's size, raw, and say how it was made.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            StorageError: the mask is absent or damaged.
            torch.OutOfMemoryError: not even the smallest way of working fits.
        """
        if request.recipe["subtype"] in classical.WITHOUT_MODEL:
            return {**self._layered.run(request, folder), "backend": "classical", "model_revision": None}
        rgb = photo_of(request)
        mask = _repainted(request, rgb) if self._inpaints and request.local else None
        work = _Work(rgb, mask, request.instruction, request.seed)
        canvas, made, batch = self._turnstile(rgb.shape, work)
        picture = canvas.take(made)
        (folder / "picture.png").write_bytes(encode_png(picture))
        row: Row = {
            "status": "done",
            "x": 0,
            "y": 0,
            "made_with": self._told(request.seed, canvas, batch=batch),
        }
        if self._settings.judge:
            row["judged"] = self._turnstile(
                ("judge", request.key), _Judged(rgb, picture, request.instruction)
            )
        return row

    def _render(self, works: list[Any]) -> list[Any]:
        """Results of a batch: (canvas, pixels on it, how many were made together), or ratings."""
        if isinstance(works[0], _Judged):
            return [self._rate(work) for work in works]
        try:
            canvas, pictures = self._memory.within(len(works), lambda: self._denoise(works))
        except BatchTooLargeError:
            self._turnstile.size = 1
            return [part for work in works for part in self._render([work])]
        return [(canvas, picture, len(works)) for picture in pictures]

    def _denoise(self, works: list[_Work]) -> tuple[Canvas, list[Pixels]]:
        """Pictures of photos of one size, on a canvas as large as memory still allows."""
        settings, area = self._settings, self._area
        height, width = works[0].rgb.shape[:2]
        canvas = fit_canvas(width, height, area)
        several = len(works) > 1
        images = [Image.fromarray(canvas.put(work.rgb)) for work in works]
        arguments: dict[str, Any] = {
            "image": images if several else images[0],
            "prompt": [work.prompt for work in works] if several else works[0].prompt,
            "negative_prompt": [settings.negative_prompt] * len(works)
            if several
            else settings.negative_prompt,
            "generator": generators([work.seed for work in works]),
        }
        if self._inpaints:
            white = np.full((height, width), 255, np.uint8)
            masks = [Image.fromarray(canvas.put(white if work.mask is None else work.mask)) for work in works]
            arguments |= {"mask_image": masks if several else masks[0], "strength": 1.0}
        else:
            arguments |= {"width": canvas.width, "height": canvas.height}
        made = self._images(area, **arguments)
        return canvas, [np.asarray(image.convert("RGB"), np.uint8) for image in made]

    def _rate(self, work: "_Judged") -> dict[str, int] | None:
        source, result = (Image.fromarray(picture) for picture in (work.source, work.result))
        return rating_of(self._pipe, source, result, work.instruction)


@dataclass(frozen=True)
class _Judged:
    """An edit to be rated."""

    source: Pixels
    result: Pixels
    instruction: str


def _repainted(request: EditRequest, rgb: Pixels) -> Pixels:
    """Where an inpainting model may paint: the mask, grown."""
    mask = silhouette_of(request)
    reach = max(2, round(INPAINT_GROWTH * min(rgb.shape[:2])))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    return np.asarray(cv2.dilate(mask, ellipse), np.uint8)
