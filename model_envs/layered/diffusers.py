"""The backend `diffusers` of image_layers: Qwen-Image-Layered splits a photo into RGBA layers."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import LayerRequest, ModelSettings
from iedf_assets.core.edits.names import believed
from iedf_assets.core.pictures.canvas import Canvas, fit_canvas
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.layers import mean_absolute_error
from iedf_assets.core.storage.journal import Row
from model_envs.backends import photo_of
from model_envs.layered.assembling import assembled_from, without_subject
from model_envs.layered.choosing import Candidate, candidates, distinct_objects, flattened, largest_piece
from model_envs.naming import cutout_of
from model_envs.qwen.backend import PipelineBackend
from model_envs.qwen.denoising import Turnstile, generators
from model_envs.qwen.vision import caption_of, name_of

# What the vision model is shown of a photo, pixels.
CAPTION_AREA = 640 * 640


class Backend(PipelineBackend):
    """Splits photos into layers."""

    def __init__(self, settings: ModelSettings) -> None:
        """Load the model.

        Raises:
            WorkerError: it cannot be loaded.
        """
        super().__init__("image_layers", settings, settings.resolution**2)
        # More than one photo at once comes back with its layers in the wrong groups.
        self._turnstile = Turnstile(lambda works: [work() for work in works], 1)

    def run(self, request: LayerRequest, folder: Path) -> Row:
        """Decompose one photo into `folder`, the model's own layers kept as `layer_0.png` and so on.

        A photo of which no layer is an object is filtered.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            torch.OutOfMemoryError: not even the smallest way of working fits.
        """
        rgb = photo_of(request)
        caption, canvas, made = self._turnstile("layers", lambda: self._decompose(rgb, request.seed))
        layers = [canvas.take(layer) for layer in made]
        height, width = rgb.shape[:2]
        error = round(mean_absolute_error(rgb, flattened(layers)), 4)
        ranked = candidates(layers)
        row: Row = {
            "width": width,
            "height": height,
            "recomposition_error": error,
            "made_with": self._told(request.seed, canvas)
            | {"caption": caption, "candidates": _as_told(ranked)},
        }
        # Of a photo that is filtered too: somebody may want to see why.
        for number, layer in enumerate(layers):
            (folder / f"layer_{number}.png").write_bytes(encode_png(layer))
        if not ranked[0].is_object:
            return row | without_subject(_why(ranked))
        chosen = distinct_objects(layers, ranked)
        return row | self._assembled(rgb, layers, chosen, request, folder)

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
            "layers": settings.layer_count,
            "resolution": settings.resolution,
            "cfg_normalize": True,
            "use_en_prompt": True,
            "generator": generators([seed])[0],
        }

        def attempt() -> tuple[Canvas, Any]:
            area = self._area
            canvas = fit_canvas(width, height, area)
            picture = Image.fromarray(canvas.put(rgb)).convert("RGBA")
            return canvas, self._images(area, image=picture, **arguments)[0]

        canvas, made = self._memory.within(1, attempt)
        return caption, canvas, [np.asarray(layer.convert("RGBA"), np.uint8) for layer in made]

    def _assembled(
        self, rgb: Pixels, layers: list[Pixels], chosen: list[Candidate], request: LayerRequest, folder: Path
    ) -> Row:
        """The objects and what lies behind each, in the form that all backends share."""
        row = assembled_from(rgb, layers, chosen, request, folder)
        for candidate, one in zip(chosen, row["objects"], strict=True):
            if self._settings.captions:
                box = one["x"], one["y"], one["width"], one["height"]
                cutout = cutout_of(rgb, largest_piece(layers[candidate.number][..., 3]), box)
                name = self._named(Image.fromarray(cutout))
                one["caption"] = name if name and believed(name, one["colour"]) else None
        return row

    def _named(self, cutout: Image.Image) -> Any:
        name, _ = self._turnstile("name", lambda: name_of(self._pipe, cutout))
        return name


def _as_told(ranked: list[Candidate]) -> list[dict[str, Any]]:
    return [
        {"layer": one.number, "share": round(one.share, 4), "score": round(one.score, 4)} for one in ranked
    ]


def _why(ranked: list[Candidate]) -> str:
    parts = [f"layer {one.number} covers {one.share:.1%}, {one.piece:.0%} in one piece" for one in ranked]
    return f"no layer is an object: {'; '.join(parts)}"
