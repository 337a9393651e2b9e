"""Finishing a pair: an edit composited into its source, both written once and alike, and measured.

Source and result are encoded from the same decoded pixels with the same settings, so that they decode to the
same pixels wherever no block of the edit lies, whatever the photo's own format was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import LANGUAGES, instruction_faults
from iedf_assets.core.edits.registration import find_motion, undone
from iedf_assets.core.edits.stated import applied
from iedf_assets.core.errors import SourceError, StorageError, WorkerError
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pairs.source_type import packet
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.layers import moved_by
from iedf_assets.core.pictures.masks import (
    allowed_region,
    drawn_in,
    edit_masks,
    margin_px,
    moved,
    region_alpha,
)
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.subtypes import SUBTYPES, as_made
from iedf_assets.core.reasons import STAGED_FILES_DAMAGED
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.masks.second_opinion import second_opinion
from iedf_assets.core.scoring.scores import Scores, measure
from iedf_assets.core.scoring.stated import measure_stated
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row

# Layers differ from their source along the outline, which takes about this share of a picture with a thing
# that is not thin; its width, as a share of the short side.
OUTLINE, OUTLINE_WIDTH = 0.04, 0.006


# The scores of how an edit was made, where nothing is known of that.
UNKNOWN_MAKING: Scores = dict.fromkeys(
    ("recomposition_error", "upscaling", "raw_shift", "raw_zoom", "judge_instruction", "judge_preservation")
)
# Of a background around an object with an alpha of its own: the soft rim, and how far the edit may reach into
# the silhouette, where the alpha says so; pixels.
TIGHT_RIM_PX, INWARDS_PX = 2.0, 6


@dataclass(frozen=True)
class PairRequest:
    """Finish one edit.

    Attributes:
        key: of the row.
        path: the photo, absolute.
        source_id: hash of its bytes, checked where they are decoded.
        max_pixels: the decoder's bound.
        max_megapixels: the working size's bound.
        recipe: see `iedf_assets.core.edits.recipes`.
        edit_folder: holds `picture.png`, the edited pixels.
        x, y: where the upper left corner of that picture lies in the source, pixels.
        silhouette: file of the object's silhouette in the source; None for an edit of all.
        object: the object, see `core.pictures.layers`; empty for an edit of all.
        others: files of the other objects' silhouettes; None where they are not known.
        asks: whether a second opinion is asked of the object.
        made_with: what a model made the picture with; None for a picture that lies where it belongs already.
        judged: the judge's ratings, if it was asked.
        quality: JPEG quality of both files.
        margin: how far the edit may reach beyond its mask, as a share of the short side.
        feather: the margin's soft rim, as a share of it.
        recomposition_error: of the layers, a score of the pair; None when the edit needed no layers.
        instruction_ch, instruction_en: what the edit is told by.
        output: folder of the staged item.
        row: columns of its row that are known before.
        inputs: the two folders → name → checksum of their files.
        source_type: what the result says of how it came about, see `pairs.source_type`; None for nothing.
        below: the fields of the requests of edits that are in its source already, in their order: those of
            the turns before.
        source_checksum: of the published file that is its source then.
    """

    key: str
    edit_id: str
    source_id: str
    path: str
    max_pixels: int
    max_megapixels: float
    subtype: str
    recipe: dict[str, Any]
    edit_folder: str
    x: int
    y: int
    silhouette: str | None
    object: dict[str, Any]
    others: list[str] | None
    asks: bool
    made_with: dict[str, Any] | None
    judged: dict[str, int] | None
    quality: int
    margin: float
    feather: float
    recomposition_error: float | None
    instruction_ch: str
    instruction_en: str
    output: str
    row: dict[str, Any]
    inputs: dict[str, dict[str, str]]
    source_type: str | None = None
    below: list[dict[str, Any]] = field(default_factory=list)
    source_checksum: str | None = None


@dataclass(frozen=True)
class Edit:
    """An edit as it is laid over a picture.

    Attributes:
        mask, result_mask, alpha, allowed: see `core.pictures.masks`.
        patch: the edited pixels.
        motion: how far a model's picture lay from its source.
    """

    mask: Pixels
    result_mask: Pixels | None
    alpha: Pixels
    allowed: Pixels
    patch: Pixels
    motion: Scores


def finish(request: PairRequest, folder: Path) -> Row:
    """Write a pair's files into an existing folder and measure them.

    The files: `source.jpg`, `result.jpg`, `mask.png`, `mask-1.png`, `allowed.png` and, of a moved or scaled
    object, `result_mask.png`; of a stated edit the first two alone.

    Returns:
        `status`, `tier`, `width`, `height` and `scores`, of the pixels that the written files decode to.

    Raises:
        SourceError: the photo cannot be read, or is not the one that was scanned.
        StorageError: a staged file is absent, damaged or of another photo.
        WorkerError: the edited pixels do not cover the region that the edit shows in.
    """
    subtype = SUBTYPES[request.subtype]
    photo = read_source(request)
    source = edited_so_far(photo, [PairRequest(**step) for step in request.below])
    # What was published of the turn before says how it came about.
    before = request.below[-1]["source_type"] if request.below else None
    source_file = encode_jpeg(source, request.quality, packet(before))
    require_same(request.source_checksum, source_file)
    if subtype.tier == "stated":
        return _finish_stated(request, source_file, folder)
    edit = edit_of(request, source)
    pixels = laid_over(source, request, edit)
    result_file = encode_jpeg(pixels, request.quality, packet(request.source_type))
    mask, allowed, result_mask = edit.mask, edit.allowed, edit.result_mask
    masks = {"mask.png": mask, "mask-1.png": ~mask, "allowed.png": allowed, "result_mask.png": result_mask}
    write_pair(folder, source_file, result_file, masks)
    written = decode_jpeg(source_file), decode_jpeg(result_file)
    recipe = {**request.recipe, "subtype": request.subtype}
    texts = {role: getattr(request, role) for role in LANGUAGES}
    scores = measure(*written, mask, allowed, result_mask, recipe, company_of(request, written[0]))
    scores |= _of_the_making(request) | edit.motion
    if request.recomposition_error is not None and mask.any():
        scores["recomposition_thin"] = request.recomposition_error * min(
            1.0, OUTLINE / max(outline_share(mask), 1e-6)
        )
    scores["instruction_faults"] = instruction_faults(texts, recipe, mask)
    height, width = source.shape[:2]
    return {"status": "done", "tier": subtype.tier, "width": width, "height": height, "scores": scores}


def read_source(request: PairRequest) -> Pixels:
    """The photo of a pair at its working size, uint8 (H, W, 3).

    Raises:
        SourceError: it cannot be read, or is not the one that was scanned.
    """
    return read_photo(
        Path(request.path),
        max_pixels=request.max_pixels,
        max_megapixels=request.max_megapixels,
        expected_id=request.source_id,
    ).rgb


def write_pair(
    folder: Path, source_file: bytes, result_file: bytes, masks: Mapping[str, Pixels | None]
) -> None:
    """Write a pair's pictures, and its masks by their names."""
    (folder / "source.jpg").write_bytes(source_file)
    (folder / "result.jpg").write_bytes(result_file)
    for name, region in masks.items():
        if region is not None:
            (folder / name).write_bytes(encode_png(region))


def edited_so_far(photo: Pixels, turns: Iterable[PairRequest]) -> Pixels:
    """A photo after some turns, as the last result was before it was encoded, uint8 (H, W, 3)."""
    pixels = photo
    for turn in turns:
        if SUBTYPES[turn.subtype].tier == "stated":
            stored = decode_jpeg(encode_jpeg(pixels, turn.quality))
            pixels = applied({**turn.recipe, "subtype": turn.subtype}, stored)
        else:
            pixels = laid_over(pixels, turn, edit_of(turn, pixels))
    return pixels


def laid_over(pixels: Pixels, request: PairRequest, edit: Edit) -> Pixels:
    """A picture with an edit, uint8 (H, W, 3)."""
    return composite(pixels, edit.patch, edit.alpha, request.x, request.y)


def edit_of(request: PairRequest, source: Pixels) -> Edit:
    """An edit and the region that it shows in.

    Args:
        source: that it was made of, uint8 (H, W, 3).
    """
    subtype = as_made(SUBTYPES[request.subtype], request.recipe)
    height, width = source.shape[:2]
    silhouette = moved(_silhouette(request.silhouette, width, height), *moved_by(request.object))
    mask, result_mask = edit_masks(subtype, silhouette, request.recipe)
    reach = margin_px(request, width, height, subtype)
    shape, feather = silhouette, request.feather
    if subtype.mask_of == "background" and _is_mixed(request):
        shape, feather = drawn_in(silhouette, min(reach, INWARDS_PX)), min(feather, TIGHT_RIM_PX / reach)
    alpha = region_alpha(subtype, shape, result_mask, reach, feather)
    allowed = allowed_region(alpha)
    patch = decode(Path(request.edit_folder) / "picture.png")
    motion: Scores = {}
    if request.made_with is not None and subtype.tier != "global":
        patch, motion = registered(source, patch, ~allowed)
    return Edit(mask, result_mask, alpha, allowed, patch, motion)


def require_same(checksum: str | None, source_file: bytes) -> None:
    """See that what begins with a published picture does so byte by byte.

    Args:
        checksum: of the published file; None where there is none.

    Raises:
        SourceError: it comes out otherwise now.
    """
    if checksum not in {None, content_hash(source_file)}:
        raise SourceError(STAGED_FILES_DAMAGED, "the picture that was published is not made any more")


def _finish_stated(request: PairRequest, source_file: bytes, folder: Path) -> Row:
    """The result is made here, of what the published source decodes to, so that anybody can make it again."""
    recipe = {**request.recipe, "subtype": request.subtype}
    published = decode_jpeg(source_file)
    result_file = encode_jpeg(applied(recipe, published), request.quality, packet(request.source_type))
    write_pair(folder, source_file, result_file, {})
    height, width = published.shape[:2]
    texts = {role: getattr(request, role) for role in LANGUAGES}
    scores = measure_stated(published, decode_jpeg(result_file), recipe, request.quality)
    scores |= _of_the_making(request)
    scores["instruction_faults"] = instruction_faults(texts, recipe, np.full((height, width), 255, np.uint8))
    return {"status": "done", "tier": "stated", "width": width, "height": height, "scores": scores}


class AboutObject(Protocol):
    """What a request tells of its object and of those beside it; see `PairRequest`."""

    @property
    def silhouette(self) -> str | None:
        """File of the object's silhouette."""

    @property
    def object(self) -> dict[str, Any]:
        """The object."""

    @property
    def others(self) -> list[str] | None:
        """Files of the others' silhouettes."""

    @property
    def asks(self) -> bool:
        """Whether a second opinion is asked."""


def company_of(request: AboutObject, source: Pixels) -> Company:
    """What is known of the object and of those beside it.

    Args:
        source: that a second opinion is asked of, uint8 (H, W, 3).
    """
    height, width = source.shape[:2]
    others = None
    if request.others is not None:
        others = np.zeros((height, width), np.uint8)
        for file in request.others:
            others |= _silhouette(file, width, height)
    own = None
    if request.silhouette and request.object.get("footprint"):
        file = str(Path(request.silhouette).with_name(request.object["mask"]))
        own = moved(_silhouette(file, width, height), *moved_by(request.object))
    opinion = second_opinion() if request.asks else None
    return Company(
        confidence=request.object.get("confidence"),
        parts=len(request.object.get("parts") or [1]) if request.object else None,
        others=others,
        own=own,
        opinions=opinion.of(source) if opinion else None,
    )


def outline_share(mask: Pixels) -> float:
    """The share of a picture that a mask's outline takes, from a little inside to as much outside, 0 to 1."""
    reach = max(1, round(OUTLINE_WIDTH * min(mask.shape) / 2))
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    rim = cv2.dilate(mask, square) - cv2.erode(mask, square, borderValue=255)
    return float(np.count_nonzero(rim)) / mask.size


def _is_mixed(request: PairRequest) -> bool:
    """Whether the edit was mixed in by the soft alpha of an object that a network found.

    Around it a rim of the background as it was would glow.
    """
    return request.made_with is None and request.object.get("confidence") is not None


def registered(source: Pixels, picture: Pixels, outside: Pixels) -> tuple[Pixels, Scores]:
    """A model's picture moved back onto its source, and how far it lay from it: `raw_shift`, `raw_zoom`.

    What cannot be aligned stays as it is and counts as wholly displaced, 1.

    Args:
        source, picture: uint8 (H, W, 3).
        outside: uint8 (H, W), nonzero where the two should show the same.

    Raises:
        WorkerError: the picture has another size than the source.
    """
    if picture.shape != source.shape:
        raise WorkerError(f"the model's picture has shape {picture.shape}, the source {source.shape}")
    motion = find_motion(source, picture, outside)
    if motion is None:
        return picture, {"raw_shift": 1.0, "raw_zoom": 1.0}
    moved = picture if motion.is_still else undone(picture, motion)
    return moved, {"raw_shift": min(motion.shift, 1.0), "raw_zoom": min(motion.zoom, 1.0)}


def _of_the_making(request: PairRequest) -> Scores:
    """What is known of how an edit was made."""
    judged = request.judged or {}
    return UNKNOWN_MAKING | {
        "recomposition_error": request.recomposition_error,
        "upscaling": (request.made_with or {}).get("upscaling"),
        "judge_instruction": judged.get("instruction"),
        "judge_preservation": judged.get("preservation"),
    }


def _silhouette(file: str | None, width: int, height: int) -> Pixels:
    if file is None:
        return np.zeros((height, width), np.uint8)
    mask = decode(Path(file))
    if mask.shape != (height, width):
        raise StorageError(
            f"{file} has shape {mask.shape}, but the photo is {width}x{height}",
            "delete its folder and run again",
        )
    return mask
