"""The classical backend of image_layers: salient object and shadow, guided-filter alpha, fill."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.codecs import Pixels, encode_png
from iedf_assets.core.journal import Row
from iedf_assets.core.layers import BACKGROUND, mean_absolute_error, recompose
from iedf_assets.core.photos import read_photo
from model_envs.contract import LayerRequest
from model_envs.layered.filling import fill
from model_envs.layered.matting import full_alpha, own_colours
from model_envs.layered.saliency import Subject, cleaned, find_subject, reduced, refined
from model_envs.layered.shadows import with_shadow

NO_SUBJECT = "no_salient_object"
HOLE_GROWTH = 0.008  # how far the hole reaches beyond the object, as a share of the short side
COLOUR_CLUSTERS = 4
COLOUR_SAMPLES = 2500


class Backend:
    """Splits a photo into one object and its background. Stateless, so several threads may use it."""

    revision: str | None = None

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
        alpha[_far_from(mask)] = 0
        x, y, w, h = cv2.boundingRect(alpha)
        (folder / "mask.png").write_bytes(encode_png(mask))
        row: Row = {
            **size,
            "status": "done",
            "subject": _facts(rgb, mask, (x, y, w, h), request.seed),
            "layers": [],
        }
        if request.level == "mask" or row["subject"]["area_share"] > request.max_area:
            (folder / "alpha.png").write_bytes(encode_png(np.ascontiguousarray(alpha[y : y + h, x : x + w])))
            return row
        row["layers"] = [
            _background(rgb, alpha, folder, request.seed),
            _object(rgb, alpha, (x, y, w, h), folder),
        ]
        row["recomposition_error"] = round(mean_absolute_error(rgb, recompose(rgb, folder, row)), 4)
        return row


def _why(subject: Subject) -> str:
    return (
        f"the best candidate covers {subject.area:.1%} of the picture, "
        f"separation {subject.separation:.2f}, score {subject.score:.2f}"
    )


def _far_from(mask: Pixels) -> NDArray[np.bool_]:
    """Where alpha has nothing to say: further from the mask than its soft rim reaches."""
    reach = max(3, round(min(mask.shape) * 0.02)) * 2 + 1
    far: NDArray[np.bool_] = cv2.dilate(mask, np.ones((reach, reach), np.uint8)) == 0
    return far


def _background(rgb: Pixels, alpha: Pixels, folder: Path, seed: int) -> Row:
    growth = max(2, round(min(alpha.shape) * HOLE_GROWTH))
    visible = np.where(alpha > 0, 255, 0).astype(np.uint8)
    hole = cv2.dilate(visible, np.ones((2 * growth + 1,) * 2, np.uint8)).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(hole)
    completed = fill(rgb, hole, seed=seed)[y : y + h, x : x + w]
    return _written(folder, BACKGROUND, np.ascontiguousarray(completed), x, y)


def _object(rgb: Pixels, alpha: Pixels, box: tuple[int, int, int, int], folder: Path) -> Row:
    x, y, w, h = box
    crop = np.s_[y : y + h, x : x + w]
    rgba = np.dstack([own_colours(rgb[crop], alpha[crop]), alpha[crop]])
    # Nothing is seen of these; one colour keeps the file small.
    rgba[rgba[..., 3] == 0] = 0
    return _written(folder, "object_1", rgba, x, y)


def _written(folder: Path, name: str, pixels: Pixels, x: int, y: int) -> Row:
    file = f"{name}.png"
    (folder / file).write_bytes(encode_png(pixels))
    return {"name": name, "file": file, "x": x, "y": y, "width": pixels.shape[1], "height": pixels.shape[0]}


def _facts(rgb: Pixels, mask: Pixels, box: tuple[int, int, int, int], seed: int) -> Row:
    """What is known of the subject, for recipes and instructions."""
    height, width = mask.shape
    x, y, w, h = box
    moments = cv2.moments(mask, binaryImage=True)
    return {
        "x": x, "y": y, "width": w, "height": h,
        "area_share": round(moments["m00"] / (height * width), 5),
        "center_x": round(moments["m10"] / moments["m00"] / width, 4),
        "center_y": round(moments["m01"] / moments["m00"] / height, 4),
        "colour": _dominant_colour(rgb, mask, seed),
        "touches_border": x == 0 or y == 0 or x + w == width or y + h == height,
        "caption": None,
    }  # fmt: skip


def _dominant_colour(rgb: Pixels, mask: Pixels, seed: int) -> list[int]:
    """The middle of the largest cluster of the subject's colours in Lab, as RGB."""
    pixels = rgb[mask > 0]
    pixels = pixels[:: max(1, len(pixels) // COLOUR_SAMPLES)]
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    # Lightness counts less: a shaded side is the same colour.
    lab[:, 0] *= 0.5
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0)
    count = min(COLOUR_CLUSTERS, len(lab))
    unlabelled = np.zeros((len(lab), 1), np.int32)
    _, labels, _ = cv2.kmeans(lab, count, unlabelled, criteria, 1, cv2.KMEANS_PP_CENTERS)
    largest = np.bincount(labels.ravel()).argmax()
    return [int(value) for value in np.median(pixels[labels.ravel() == largest], axis=0)]
