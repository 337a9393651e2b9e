"""The classical backend of edited_images: every edit by plain image processing, on the CPU.

An edit is rendered as a patch: the part of the picture that the edit may show in, complete with what
surrounds it. How much of the patch shows where is decided when the pair is finished.
"""

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import PROMPTED, EditRequest
from iedf_assets.core.edits.recipes import BACKGROUND_KINDS, IDENTITY_KINDS
from iedf_assets.core.edits.stated import KINDS
from iedf_assets.core.errors import SourceError, UnknownEditError
from iedf_assets.core.filling.behind import CLEAR_GROWTH, Part, fill_behind, hole_of, staying_ground
from iedf_assets.core.filling.filling import fill
from iedf_assets.core.parallel import Latest
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.layers import (
    is_found,
    load_alpha,
    load_background,
    load_object,
    mean_absolute_error,
    over,
    paste,
)
from iedf_assets.core.pictures.masks import Box, grown_box
from iedf_assets.core.pictures.rims import fitted_rim, without_haze
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.journal import Row
from model_envs.backends import WithoutModel, photo_of, silhouette_of
from model_envs.edit.toning import around, contrasted, defocused, graded, recoloured, relit, toned

# What every backend does so: no model moves a thing by so many pixels as a layer is moved, which keeps its
# own; and what a function of the published source makes when the pair is finished.
WITHOUT_MODEL = frozenset(name for name, subtype in SUBTYPES.items() if subtype.is_computed)
# What shows what lies behind the object.
TAKING_AWAY = frozenset({"move", "scale", "delete"})
# Pixels by which a patch is wider than the edit's reach: the soft rim of an alpha lies beyond its mask.
SPARE = 6
# Tones may change slowly where an object ends in hair or blur: the rim, a share of the short side, and the
# least contrast of an edge there.
RIM, RIM_EDGE = 0.01, 0.02
# What of that alpha would glow around the object, and what is the object's own.
HAZE, CORE = 0.15, 0.9
# Light on what may have any colour and any shape has to be so much stronger to be seen by everybody.
CLEARLY = 1.4
# Edits of one photo follow each other, so few fillings are wanted again.
_FILLS: Latest[Part] = Latest(4)


@dataclass(frozen=True)
class Scene:
    """What an edit is made of.

    Attributes:
        rgb: the photo, (H, W, 3).
    """

    request: EditRequest
    rgb: Pixels

    @property
    def reach(self) -> int:
        """How many pixels beyond the object a patch extends."""
        return self.request.margin_px + SPARE

    @property
    def is_found(self) -> bool:
        """See `is_found`."""
        return is_found(self.request.object)

    def toned(self, rgb: Pixels, kind: str, strength: float) -> Pixels:
        """Pixels in other tones."""
        return (graded if self.is_found else toned)(rgb, kind, strength)

    def toned_alpha(self, rgb: Pixels, alpha: Pixels) -> Pixels:
        """The alpha by which other tones show on a network's object: as soft as it ends in hair or blur.

        Args:
            rgb, alpha: of a part of the photo.
        """
        height, width = self.rgb.shape[:2]
        reach = max(2, int(RIM * min(height, width)))
        # What is as light as the background within the object is the object's all the same.
        return without_haze(fitted_rim(rgb, alpha, reach, RIM_EDGE, inwards=reach // 2), HAZE, CORE)

    @property
    def folder(self) -> Path:
        """Where the object's files are."""
        return Path(self.request.layers_folder)

    def alpha(self) -> tuple[Pixels, Box]:
        """The object's own soft alpha and the place it covers."""
        pixels, x, y = load_alpha(self.folder, self.request.object)
        return pixels, _box(x, y, pixels)

    def object(self) -> tuple[Pixels, int, int]:
        """The object's RGBA layer and its place."""
        return load_object(self.folder, self.request.object)

    def background(self, box: Box) -> Pixels:
        """A copy of the picture without the object, in a box."""
        result = self.rgb[box].copy()
        completed, x, y = self._behind()
        paste(result, completed, x - box[1].start, y - box[0].start)
        return result

    def recomposition_error(self) -> float | None:
        """How far object and background together are from the photo, mean of 255 levels.

        None where the background came with the object: it was measured then.
        """
        if self.request.object["background"]:
            return None
        completed, x, y = self._behind()
        box = _box(x, y, completed)
        rgba, left, top = self.object()
        whole = completed.copy()
        paste(whole, rgba, left - x, top - y)
        error = mean_absolute_error(self.rgb[box], whole) * whole.size / self.rgb.size
        return round(error, 4)

    def _behind(self) -> Part:
        """What lies behind the object, as it was made with it, or filled here."""
        one = self.request.object
        if one["background"]:
            return load_background(self.folder, one)
        rgba, x, y = self.object()
        alpha = np.zeros(self.rgb.shape[:2], np.uint8)
        alpha[_box(x, y, rgba)] = rgba[..., 3]
        name = f"{self.request.source_id}/{one['number']}"

        def filled() -> Part:
            hole = hole_of(alpha, CLEAR_GROWTH)
            rows, columns = box = grown_box(hole, 0)
            # Of the object, not of the edit: all edits of it show the same behind it.
            whole = fill_behind(self.rgb, hole, seed=zlib.crc32(name.encode()) & 0x7FFFFFFF)
            return whole[box].copy(), columns.start, rows.start

        return _FILLS.of(f"{name}/{self.rgb.shape}/{zlib.crc32(rgba.tobytes())}", filled)

    def widened(self, *boxes: Box) -> Box:
        """The box around some boxes and the reach around them, inside the picture."""
        height, width = self.rgb.shape[:2]
        top, bottom = min(box[0].start for box in boxes), max(box[0].stop for box in boxes)
        left, right = min(box[1].start for box in boxes), max(box[1].stop for box in boxes)
        return (
            slice(min(max(top - self.reach, 0), height), max(min(bottom + self.reach, height), 0)),
            slice(min(max(left - self.reach, 0), width), max(min(right + self.reach, width), 0)),
        )


class Backend(WithoutModel):
    """Renders edits."""

    def run(self, request: EditRequest, folder: Path) -> Row:
        """Write `picture.png`, the edited pixels, and say where in the photo their upper left corner lies.

        Of a stated edit there is `stated.json` alone, its recipe.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            StorageError: a layer is absent or damaged.
            UnknownEditError: the recipe's subtype is unknown here.
        """
        if request.recipe["subtype"] in KINDS:
            (folder / "stated.json").write_text(json.dumps(request.recipe, sort_keys=True), "utf-8")
            return {"status": "done", "x": 0, "y": 0}
        scene = Scene(request, photo_of(request))
        patch, box = rendered(scene)
        (folder / "picture.png").write_bytes(encode_png(patch))
        row: Row = {"status": "done", "x": box[1].start, "y": box[0].start}
        if request.recipe["subtype"] in TAKING_AWAY:
            row["recomposition_error"] = scene.recomposition_error()
        return row


def rendered(scene: Scene) -> tuple[Pixels, Box]:
    """The edited part of a photo, uint8 (h, w, 3), and where it lies.

    Raises:
        StorageError: a layer is absent or damaged.
        UnknownEditError: the recipe's subtype is unknown here.
    """
    render = _RENDERERS.get(scene.request.recipe["subtype"])
    if render is None:
        raise UnknownEditError(f"the classical backend has no edit {scene.request.recipe['subtype']!r}")
    return render(scene)


def _move(scene: Scene) -> tuple[Pixels, Box]:
    rgba, x, y = scene.object()
    recipe = scene.request.recipe
    return _placed(scene, (rgba, x, y), (rgba, x + recipe["dx"], y + recipe["dy"]))


def _scale(scene: Scene) -> tuple[Pixels, Box]:
    rgba, x, y = scene.object()
    recipe = scene.request.recipe
    resized = _resized(rgba, x, y, recipe["factor"], (recipe["anchor_x"], recipe["anchor_y"]))
    return _placed(scene, (rgba, x, y), resized)


def _placed(scene: Scene, old: Part, new: Part) -> tuple[Pixels, Box]:
    """The object taken from its old place and put to a new one: its layer and where it lies, each."""
    box = scene.widened(*(_box(x, y, rgba) for rgba, x, y in (old, new)))
    patch = scene.background(box)
    top, left = (side.start for side in box)
    if scene.is_found:
        alphas = np.zeros((2, *patch.shape[:2], 1), np.uint8)
        for alpha, (rgba, x, y) in zip(alphas, (old, new), strict=True):
            paste(alpha, rgba[..., 3:], x - left, y - top)
        reach = round(CLEAR_GROWTH * min(scene.rgb.shape[:2]))
        before, after = alphas[..., 0]
        stays = staying_ground(before, after, reach)[..., None]
        patch = np.rint(stays * scene.rgb[box] + (1 - stays) * patch).astype(np.uint8)
    rgba, x, y = new
    paste(patch, rgba, x - left, y - top)
    return patch, box


def _delete(scene: Scene) -> tuple[Pixels, Box]:
    rgba, x, y = scene.object()
    box = scene.widened(_box(x, y, rgba))
    return scene.background(box), box


def _prompted(scene: Scene) -> tuple[Pixels, Box]:
    """What the mask shows removed: this backend does not follow words."""
    mask = silhouette_of(scene.request)
    if mask.all():
        raise SourceError(
            "nothing_left", "the mask covers the whole picture: nothing is left to fill it from"
        )
    height, width = mask.shape
    return fill(scene.rgb, mask, seed=scene.request.seed), (slice(0, height), slice(0, width))


def _recolor(scene: Scene) -> tuple[Pixels, Box]:
    recipe, old = scene.request.recipe, scene.request.object["colour"]

    def edit(rgb: Pixels, alpha: Pixels, _subject: tuple[int, int, int, int]) -> Pixels:
        whole = alpha if scene.is_found else None
        return recoloured(rgb, old, recipe["hue"], recipe["chroma"], recipe["gamma"], whole)

    return _on_subject(scene, edit)


def _identity(scene: Scene) -> tuple[Pixels, Box]:
    kind, strength = scene.request.recipe["kind"], scene.request.recipe["strength"]
    if kind not in IDENTITY_KINDS:
        raise UnknownEditError(f"the classical backend has no identity edit {kind!r}")

    def edit(rgb: Pixels, alpha: Pixels, subject: tuple[int, int, int, int]) -> Pixels:
        if kind.startswith("relight_"):
            return relit(rgb, kind, strength * (CLEARLY if scene.is_found else 1.0), subject)
        if kind == "contrast":
            return contrasted(rgb, alpha, strength)
        return scene.toned(rgb, kind, strength)

    return _on_subject(scene, edit)


def _on_subject(
    scene: Scene, edit: Callable[[Pixels, Pixels, tuple[int, int, int, int]], Pixels]
) -> tuple[Pixels, Box]:
    """An edit of the object's pixels, mixed in by its soft alpha.

    Args:
        edit: from pixels, the alpha and the object's box (x, y, width, height) in them to new pixels.
    """
    alpha, place = scene.alpha()
    box = scene.widened(place)
    rgb = scene.rgb[box]
    whole = np.zeros(rgb.shape[:2], np.uint8)
    left, top = place[1].start - box[1].start, place[0].start - box[0].start
    whole[top : top + alpha.shape[0], left : left + alpha.shape[1]] = alpha
    if scene.is_found:
        whole = scene.toned_alpha(rgb, whole)
    edited = edit(rgb, whole, (left, top, alpha.shape[1], alpha.shape[0]))
    return over(rgb, np.dstack([edited, whole])), box


def _background(scene: Scene) -> tuple[Pixels, Box]:
    kind, strength = scene.request.recipe["kind"], scene.request.recipe["strength"]
    if kind not in BACKGROUND_KINDS:
        raise UnknownEditError(f"the classical backend has no background edit {kind!r}")
    alpha, place = scene.alpha()
    height, width = scene.rgb.shape[:2]
    whole = np.zeros((height, width), np.uint8)
    whole[place] = alpha
    blurs = kind == "defocus"
    edited = defocused(scene.rgb, whole, strength) if blurs else scene.toned(scene.rgb, kind, strength)
    # Only the object's box holds anything but the edit itself.
    if scene.is_found and not blurs:
        place = scene.widened(place)
        alpha = scene.toned_alpha(scene.rgb[place], whole[place])
        edited[place] = around(scene.rgb[place], edited[place], alpha)
    else:
        edited[place] = over(edited[place], np.dstack([scene.rgb[place], alpha]))
    return edited, (slice(0, height), slice(0, width))


def _resized(
    rgba: Pixels, x: int, y: int, factor: float, anchor: tuple[float, float]
) -> tuple[Pixels, int, int]:
    """A layer under new = anchor + factor * (old - anchor), and its new place.

    Resampled with premultiplied colour, so that what lies below alpha 0 does not shine through at the rim.
    """
    height, width = rgba.shape[:2]
    first = [a + factor * (start - 1 - a) for a, start in zip(anchor, (x, y), strict=True)]
    last = [a + factor * (end - a) for a, end in zip(anchor, (x + width, y + height), strict=True)]
    new_x, new_y = math.floor(first[0]), math.floor(first[1])
    size = (math.ceil(last[0]) + 1 - new_x, math.ceil(last[1]) + 1 - new_y)
    layer = rgba.astype(np.float32)
    layer[..., :3] *= layer[..., 3:] / 255
    if factor < 1:
        # Smoothed to what the smaller grid can hold.
        sigma = 0.5 * math.sqrt(1 / factor**2 - 1)
        layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)
    shift_x = anchor[0] + factor * (x - anchor[0]) - new_x
    shift_y = anchor[1] + factor * (y - anchor[1]) - new_y
    matrix = np.array([[factor, 0, shift_x], [0, factor, shift_y]])
    warped = np.asarray(cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_CUBIC), np.float32)
    # A cubic overshoots beside edges.
    alpha = np.clip(warped[..., 3:], 0, 255)
    warped[..., :3] *= 255 / np.maximum(warped[..., 3:], 0.5)
    warped[..., 3:] = alpha
    return np.rint(np.clip(warped, 0, 255)).astype(np.uint8), new_x, new_y


def _box(x: int, y: int, pixels: Pixels) -> Box:
    return slice(y, y + pixels.shape[0]), slice(x, x + pixels.shape[1])


_RENDERERS: dict[str, Callable[[Scene], tuple[Pixels, Box]]] = {
    "move": _move,
    "scale": _scale,
    "delete": _delete,
    "recolor": _recolor,
    "identity": _identity,
    "background": _background,
    PROMPTED: _prompted,
}
