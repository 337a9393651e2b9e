"""The backend `diffusers` of edited_images: whichever pipeline a checkpoint's own index names.

What a class is known to want is in `core.profile.editors`; the rest its signature tells.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.canvas import Canvas, fit_canvas
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.profile.subtypes import is_by_model
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of, silhouette_of
from model_envs.edit import classical
from model_envs.edit.drafts import Draft, draft_of
from model_envs.naming import cutout_of
from model_envs.qwen.backend import READERS, PipelineBackend
from model_envs.qwen.denoising import BatchTooLargeError, Turnstile, generators
from model_envs.qwen.vision import rating_of

# The pipelines' own working area, pixels.
AREA = 1024 * 1024
# Repainting reaches so far beyond the mask, as a share of the short side: what is cut off at the mask's edge
# looks cut off.
INPAINT_GROWTH = 0.03
# The names that pipelines have for the picture, and for where to paint in it.
PICTURES, MASKS = ("image", "images", "input_images"), ("mask_image", "mask")


@dataclass(frozen=True)
class _Work:
    """One edit at the model.

    Attributes:
        rgb: the photo, uint8 (H, W, 3).
        mask: uint8 (H, W), white where it may be repainted; None for everywhere.
        shown: an object to be shown beside it, uint8 (h, w, 3); None for none.
        draft: of the result, to be shown beside it, uint8 (H, W, 3); None for none.
    """

    rgb: Pixels
    mask: Pixels | None
    prompt: str
    seed: int
    shown: Pixels | None = None
    draft: Pixels | None = None

    def beside(self, canvas: Canvas) -> Pixels | None:
        """The second picture; a draft lies on its canvas as the photo does."""
        return self.shown if self.draft is None else canvas.put(self.draft)


class Backend(PipelineBackend):
    """Edits photos by their instructions."""

    def __init__(self, settings: ModelSettings) -> None:
        """Load the model.

        Raises:
            WorkerError: it cannot be loaded, takes no picture, or cannot be asked for the ratings wished for.
        """
        super().__init__("edited_images", settings, AREA)
        self._layered = classical.Backend(settings)
        name = self._kind.class_name
        self._picture = next((one for one in PICTURES if one in self._takes), None)
        paints = self._kind.mask or not self._kind.known
        self._mask = next((one for one in MASKS if one in self._takes), None) if paints else None
        if self._picture is None:
            raise WorkerError(
                f"{settings.model_dir} holds a {name}, which takes no picture to edit",
                "point model_dir to a model that edits pictures; docs/models.md lists those that are known",
            )
        if settings.judge and not self._kind.sees:
            raise WorkerError(
                f"a {name} cannot be asked how good an edit is",
                "switch the judge off, or have one behind an endpoint (docs/models.md)",
            )
        size = settings.batch_size if self._kind.batches or self._kind.repeats else 1
        self._turnstile = Turnstile(self._render, size)
        # The next batch waits while one is at the model.
        self.readers = READERS + 2 * (size - 1)

    def run(self, request: EditRequest, folder: Path) -> Row:
        """Write `picture.png`, the model's picture at the photo's size, raw, and say how it was made.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            StorageError: the mask or a layer is absent or damaged.
            torch.OutOfMemoryError: not even the smallest way of working fits.
        """
        by_model = is_by_model(request.recipe)
        if request.recipe["subtype"] in classical.WITHOUT_MODEL and not by_model:
            return {**self._layered.run(request, folder), "backend": "classical", "model_revision": None}
        rgb = photo_of(request)
        draft = draft_of(request, rgb) if by_model else None
        work = self._work(request, rgb, draft)
        alike = rgb.shape if self._kind.batches else _told(request)
        canvas, made, batch = self._turnstile(alike, work)
        picture = canvas.take(made)
        (folder / "picture.png").write_bytes(encode_png(picture))
        row: Row = {
            "status": "done",
            "x": 0,
            "y": 0,
            "made_with": self._told(request.seed, canvas, batch=batch),
        }
        if draft:
            row["recomposition_error"] = draft.recomposition_error
        if self._settings.judge:
            row["judged"] = self._turnstile(
                ("judge", request.key), _Judged(rgb, picture, request.instruction)
            )
        return row

    def _work(self, request: EditRequest, rgb: Pixels, draft: Draft | None) -> _Work:
        mask = None
        if self._mask and request.local:
            mask = _repainted(draft.places if draft else silhouette_of(request))
        return _Work(
            rgb,
            mask,
            prompt=request.instruction + request.shown,
            seed=request.seed,
            shown=_shown(request) if request.reference else None,
            draft=draft.picture if draft else None,
        )

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
        area = self._area
        height, width = works[0].rgb.shape[:2]
        canvas = fit_canvas(width, height, area, self._kind.rule)
        made = self._images(area, **self._arguments(works, canvas))
        return canvas, [_on(canvas, np.asarray(image.convert("RGB"), np.uint8)) for image in made]

    def _arguments(self, works: list[_Work], canvas: Canvas) -> dict[str, Any]:
        """All that a pipeline may want to be told; what its signature has not is left out of the call."""
        # Several seeds of one edit are asked for once.
        asked = works if self._kind.batches else works[:1]

        def listed(made: list[Any]) -> Any:
            return made if len(asked) > 1 else made[0]

        pictures = listed([Image.fromarray(canvas.put(work.rgb)) for work in asked])
        second = [work.beside(canvas) for work in asked]
        shown = [Image.fromarray(picture) for picture in second if picture is not None]
        beside = shown if "image_reference" not in self._takes else []
        if beside:
            pictures = [pictures, *beside]
        arguments: dict[str, Any] = {
            # In the plural, pictures of one edit are a list of their own.
            str(self._picture): pictures if self._picture == "image" or beside else [pictures],
            "prompt": listed([work.prompt for work in asked]),
            "negative_prompt": listed([self._settings.negative_prompt] * len(asked)),
            "generator": generators([work.seed for work in works]),
            "num_images_per_prompt": len(works) // len(asked),
            # Sizes that would be worked out anew from what the class thinks best.
            "image_reference": shown[0] if shown else None,
            "max_area": canvas.width * canvas.height,
            "_auto_resize": False,
        }
        if self._mask:
            white = np.full(works[0].rgb.shape[:2], 255, np.uint8)
            masks = [white if work.mask is None else work.mask for work in asked]
            arguments[self._mask] = listed([Image.fromarray(canvas.put(mask)) for mask in masks])
            arguments["strength"] = 1.0
        # The Qwen class that repaints goes by its picture.
        if not (self._mask and self._guided_by == "true_cfg_scale"):
            arguments |= {"width": canvas.width, "height": canvas.height}
        return arguments

    def _rate(self, work: "_Judged") -> dict[str, int] | None:
        source, result = (Image.fromarray(picture) for picture in (work.source, work.result))
        return rating_of(self._pipe, source, result, work.instruction)


def _on(canvas: Canvas, picture: Pixels) -> Pixels:
    """A model's picture at its canvas's size; that a class made it in another one, its drift will tell."""
    size = canvas.width, canvas.height
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


@dataclass(frozen=True)
class _Judged:
    """An edit to be rated."""

    source: Pixels
    result: Pixels
    instruction: str


def _told(request: EditRequest) -> Hashable:
    """All that an edit's model is told but its seed."""
    told = request.source_id, request.layers_folder, request.object.get("mask"), request.instruction
    return (*told, str(sorted((name, value) for name, value in request.recipe.items() if name != "try")))


def _shown(request: EditRequest) -> Pixels:
    """The object that a model is shown, alone on a grey square, uint8 (S, S, 3).

    Raises:
        SourceError: its photo cannot be read, or is not the one that was scanned.
        StorageError: its mask is absent or damaged.
    """
    told = request.reference or {}
    rgb = photo_of(replace(request, path=told["path"], source_id=told["source_id"]))
    one = told["object"]
    mask = decode(Path(told["layers_folder"]) / one["mask"])
    return cutout_of(rgb, mask, (one["x"], one["y"], one["width"], one["height"]))


def _repainted(mask: Pixels) -> Pixels:
    """Where an inpainting model may paint: a mask, grown."""
    reach = max(2, round(INPAINT_GROWTH * min(mask.shape)))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    return np.asarray(cv2.dilate(mask, ellipse), np.uint8)
