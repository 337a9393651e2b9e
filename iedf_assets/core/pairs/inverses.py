"""Finishing the way back: a published pair with source and result in each other's place, measured as such."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import LANGUAGES, instruction_faults
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pairs.finishing import UNKNOWN_MAKING, company_of
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_png
from iedf_assets.core.pictures.masks import edit_masks
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.reasons import STAGED_FILES_DAMAGED
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.scores import Scores, measure
from iedf_assets.core.scoring.stated import measure_stated
from iedf_assets.core.storage.files import content_hash, place_file
from iedf_assets.core.storage.journal import Row


@dataclass(frozen=True)
class InverseRequest:
    """Turn one published pair round.

    Attributes:
        key: of the row.
        subtype, recipe: of the inverse, see `core.edits.inverses`.
        parent: the recipe of the pair that is turned round.
        files: the names of its finished files → where they lie, published.
        checksums: of them, by the same names.
        silhouette: file of the object's silhouette in the photo; None for an edit of all.
        object: the object as it is in the photo; empty for an edit of all.
        others: files of the other objects' silhouettes; None where they are not known.
        asks: whether a second opinion is asked of the object.
        quality: JPEG quality that both were written with.
        instruction_ch, instruction_en: what the inverse is told by.
        output: folder of the staged item.
        row: columns of its row that are known before.
        inputs: folders of staged items that it is measured by → name → checksum of their files.
    """

    key: str
    subtype: str
    recipe: dict[str, Any]
    parent: dict[str, Any]
    files: dict[str, str]
    checksums: dict[str, str]
    silhouette: str | None
    object: dict[str, Any]
    others: list[str] | None
    asks: bool
    quality: int
    instruction_ch: str
    instruction_en: str
    output: str
    row: dict[str, Any]
    inputs: dict[str, dict[str, str]]


def turn_round(request: InverseRequest, folder: Path) -> Row:
    """Put an inverse's files into an existing folder and measure them.

    Source and result are the pair's own files, and the region that may differ is the same. The mask is where
    the content of the new source changes: of what was moved or scaled, where that had ended up.

    Returns:
        `status`, `tier`, `width`, `height` and `scores`.

    Raises:
        SourceError: a published file is not there, or not what was written.
    """
    _require_published(request)
    subtype = SUBTYPES[request.subtype]
    for name, other in (("source.jpg", "result.jpg"), ("result.jpg", "source.jpg")):
        place_file(Path(request.files[other]), folder / name)
    source, result = (decode_jpeg((folder / name).read_bytes()) for name in ("source.jpg", "result.jpg"))
    recipe = {**request.recipe, "subtype": request.subtype}
    mask: Pixels
    scores: Scores
    if subtype.tier == "stated":
        mask = np.full(source.shape[:2], 255, np.uint8)
        scores = measure_stated(source, result, recipe, request.quality)
    else:
        names = {"mask.png": "mask.png", "mask-1.png": "mask-1.png", "allowed.png": "allowed.png"}
        if subtype.relocates:
            names |= {"mask.png": "result_mask.png", "result_mask.png": "mask.png"}
            del names["mask-1.png"]
        for name, other in names.items():
            place_file(Path(request.files[other]), folder / name)
        mask, allowed = (decode(folder / name) for name in ("mask.png", "allowed.png"))
        result_mask = decode(folder / "result_mask.png") if subtype.relocates else None
        if subtype.relocates:
            (folder / "mask-1.png").write_bytes(encode_png(~mask))
        company = _company(request, source)
        scores = measure(source, result, mask, allowed, result_mask, recipe, company)
    texts = {role: getattr(request, role) for role in LANGUAGES}
    scores |= UNKNOWN_MAKING | {"instruction_faults": instruction_faults(texts, recipe, mask)}
    height, width = source.shape[:2]
    return {"status": "done", "tier": subtype.tier, "width": width, "height": height, "scores": scores}


def _company(request: InverseRequest, source: Pixels) -> Company:
    """What is known of the object where the inverse finds it, and of those beside it, which stayed."""
    company = company_of(request, source)
    if company.own is None:
        return company
    there = edit_masks(SUBTYPES[request.parent["subtype"]], company.own, request.parent)[1]
    return replace(company, own=there)


def _require_published(request: InverseRequest) -> None:
    """See that the files of the published pair are what was written.

    Raises:
        SourceError: one of them is not.
    """
    for name, file in request.files.items():
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise SourceError(STAGED_FILES_DAMAGED, f"{file} cannot be read: {error.strerror}") from error
        if content_hash(content) != request.checksums[name]:
            raise SourceError(STAGED_FILES_DAMAGED, f"{file} is not what was published")
