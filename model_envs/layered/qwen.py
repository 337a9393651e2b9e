"""The Qwen backend of image_layers: Qwen-Image-Layered splits a photo into RGBA layers."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.pictures.canvas import Canvas, fit_canvas
from iedf_assets.core.pictures.codecs import Pixels, encode_png
from iedf_assets.core.pictures.layers import mean_absolute_error
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.storage.journal import Row
from model_envs.layered.assembling import assembled_from
from model_envs.layered.choosing import Candidate, candidates, flattened, largest_piece
from model_envs.qwen.denoising import Memory, Turnstile, WorkingArea, generators, stop_between_steps
from model_envs.qwen.loading import device_of, load_pipeline, loaded_in, made_with
from model_envs.qwen.prompts import Reused
from model_envs.qwen.vision import caption_of, name_of

NO_SUBJECT = "no_salient_object"
READERS = 3
# What the vision model is shown of a photo, pixels.
CAPTION_AREA = 640 * 640
# The object's cut-out that the model is asked to name: no larger, and on this grey.
CUTOUT_SIDE, CUTOUT_GREY = 448, 200


class Backend:
    """Splits photos into layers; holds one model, at which one photo is at a time."""

    def __init__(self, settings: ModelSettings) -> None:
        """Load the model.

        Raises:
            WorkerError: it cannot be loaded.
        """
        begun = time.perf_counter()
        self._settings = settings
        self._pipe = load_pipeline("image_layers", settings)
        reused = Reused(self._pipe)
        self._memory = Memory(self._pipe, device_of(settings), settings.offload, reused.forget)
        # More than one photo at once comes back with its layers in the wrong groups.
        self._turnstile = Turnstile(lambda works: [work() for work in works], 1)
        self._own_area = settings.resolution**2
        self._whole_area = settings.canvas_megapixels * 1e6 if settings.canvas_megapixels else self._own_area
        self._made_with = made_with(self._pipe, settings)
        self.revision: str | None = settings.revision
        self.loaded: str | None = loaded_in(self._pipe, settings, begun)
        self.readers: int | None = READERS

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`, the model's own layers kept as `layer_0.png` and so on.

        A photo of which no layer is an object is filtered.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            torch.OutOfMemoryError: not even the smallest way of working fits.
        """
        rgb = read_photo(
            Path(request.path),
            max_pixels=request.max_pixels,
            max_megapixels=request.max_megapixels,
            expected_id=request.source_id,
        ).rgb
        caption, canvas, made = self._turnstile("layers", lambda: self._decompose(rgb, request.seed))
        layers = [canvas.take(layer) for layer in made]
        height, width = rgb.shape[:2]
        error = round(mean_absolute_error(rgb, flattened(layers)), 4)
        ranked = candidates(layers)
        row: Row = {
            "width": width,
            "height": height,
            "recomposition_error": error,
            "made_with": self._told(request, canvas, caption, ranked),
        }
        if not ranked[0].is_object:
            return {**row, "status": "filtered", "reason": NO_SUBJECT, "detail": _why(ranked)}
        for number, layer in enumerate(layers):
            (folder / f"layer_{number}.png").write_bytes(encode_png(layer))
        return row | self._assembled(rgb, layers, ranked[0], request, folder)

    @property
    def _area(self) -> int:
        """Pixels of a canvas."""
        return round(self._whole_area * self._memory.canvas_share)

    def _decompose(self, rgb: Pixels, seed: int) -> tuple[str, Canvas, list[Pixels]]:
        """The photo's caption, and its layers on a canvas: uint8 (height, width, 4) each."""
        settings = self._settings
        height, width = rgb.shape[:2]
        smaller = fit_canvas(width, height, CAPTION_AREA)
        caption = caption_of(self._pipe, Image.fromarray(smaller.put(rgb))) if settings.captions else ""
        arguments: dict[str, Any] = {
            # An empty prompt has the pipeline write a caption by itself.
            "prompt": caption or "an image",
            "negative_prompt": settings.negative_prompt,
            "true_cfg_scale": settings.cfg,
            "num_inference_steps": settings.steps,
            "layers": settings.layer_count,
            "resolution": settings.resolution,
            "cfg_normalize": True,
            "use_en_prompt": True,
            "generator": generators([seed])[0],
            "callback_on_step_end": stop_between_steps,
        }

        def attempt() -> tuple[Canvas, Any]:
            area = self._area
            canvas = fit_canvas(width, height, area)
            picture = Image.fromarray(canvas.put(rgb)).convert("RGBA")
            with torch.inference_mode(), WorkingArea(self._pipe, area / self._own_area):
                return canvas, self._pipe(image=picture, **arguments).images[0]

        canvas, made = self._memory.within(1, attempt)
        return caption, canvas, [np.asarray(layer.convert("RGBA"), np.uint8) for layer in made]

    def _assembled(
        self, rgb: Pixels, layers: list[Pixels], chosen: Candidate, request: LayerRequest, folder: Path
    ) -> Row:
        """The main object and what lies behind it, in the form that all backends share."""
        row = assembled_from(rgb, layers, chosen, request, folder)
        if self._settings.captions:
            subject = row["subject"]
            box = subject["x"], subject["y"], subject["width"], subject["height"]
            cutout = _cutout(rgb, largest_piece(layers[chosen.number][..., 3]), box)
            subject["caption"], _ = self._turnstile("name", lambda: name_of(self._pipe, cutout))
        return row

    def _told(
        self, request: LayerRequest, canvas: Canvas, caption: str, ranked: list[Candidate]
    ) -> dict[str, Any]:
        return {
            **self._made_with,
            "seed": request.seed,
            "canvas": [canvas.width, canvas.height],
            "upscaling": round(canvas.upscaling, 4),
            "fallbacks": list(self._memory.fallbacks),
            "caption": caption,
            "candidates": [
                {"layer": one.number, "share": round(one.share, 4), "score": round(one.score, 4)}
                for one in ranked
            ],
        }


def _why(ranked: list[Candidate]) -> str:
    parts = [f"layer {one.number} covers {one.share:.1%}, {one.piece:.0%} in one piece" for one in ranked]
    return f"no layer is an object: {'; '.join(parts)}"


def _cutout(rgb: Pixels, mask: Pixels, box: tuple[int, int, int, int]) -> Image.Image:
    """The object alone on grey, to be named."""
    x, y, w, h = box
    crop = np.s_[y : y + h, x : x + w]
    alone = np.where(mask[crop][..., None] > 0, rgb[crop], np.uint8(CUTOUT_GREY))
    # A square, since the vision model refuses very long pictures.
    side = max(w, h)
    square = Image.new("RGB", (side, side), (CUTOUT_GREY,) * 3)
    square.paste(Image.fromarray(alone), ((side - w) // 2, (side - h) // 2))
    square.thumbnail((CUTOUT_SIDE, CUTOUT_SIDE))
    return square
