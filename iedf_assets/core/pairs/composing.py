"""Finishing several edits of one photo in one: the pairs of each laid over each other, and measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import LANGUAGES, instruction_faults
from iedf_assets.core.pairs.finishing import (
    UNKNOWN_MAKING,
    Edit,
    PairRequest,
    edit_of,
    laid_over,
    read_source,
    require_same,
    write_pair,
)
from iedf_assets.core.pairs.source_type import packet
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import moved
from iedf_assets.core.profile.subtypes import COMPOSED, COMPOSED_AROUND, SUBTYPES, Subtype, kind_of
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.scores import measure
from iedf_assets.core.storage.journal import Row


@dataclass(frozen=True)
class ComposedRequest:
    """Lay published edits of one photo over each other.

    Attributes:
        key: of the row.
        steps: the fields of their own requests, see `PairRequest`; they show in different parts, and one of
            the background is the last. Of an object that one moves another may change the colours or the
            light: that goes along.
        recipe: `edits` has the recipe of each.
        instruction_ch, instruction_en: what they are told by together.
        source_checksum: of the published file that is the source of each.
        output: folder of the staged item.
        row: columns of its row that are known before.
        inputs: folders of staged items that it is made from → name → checksum of their files.
    """

    key: str
    steps: list[dict[str, Any]]
    recipe: dict[str, Any]
    instruction_ch: str
    instruction_en: str
    source_checksum: str
    output: str
    row: dict[str, Any]
    inputs: dict[str, dict[str, str]]


def compose(request: ComposedRequest, folder: Path) -> Row:
    """Write the files of a composed pair into an existing folder and measure them.

    Masks and regions are those of its edits together; where an object ends up is the mask of one that stays.
    An edit of the background comes last, and lies around the objects.

    Returns:
        `status`, `tier`, `width`, `height` and `scores`.

    Raises:
        SourceError: the photo cannot be read, or makes another source than was published.
    """
    steps = steps_of(request)
    photo = read_source(steps[0])
    source_file = encode_jpeg(photo, steps[0].quality)
    require_same(request.source_checksum, source_file)
    result, edits = composed(photo, steps)
    result_file = encode_jpeg(result, steps[0].quality, packet(steps[0].source_type))
    mask, allowed = (_together([getattr(edit, name) for edit in edits]) for name in ("mask", "allowed"))
    ways = _ways(steps)
    ends = [np.zeros_like(mask)]
    for step, edit in zip(steps, edits, strict=True):
        if not _leaves_nothing(step) and not _goes_along(step, ways):
            ends.append(edit.mask if edit.result_mask is None else edit.result_mask)
    masks = {
        "mask.png": mask,
        "mask-1.png": ~mask,
        "allowed.png": allowed,
        "result_mask.png": _together(ends),
    }
    write_pair(folder, source_file, result_file, masks)
    written = decode_jpeg(source_file), decode_jpeg(result_file)
    recipe = {**request.recipe, "subtype": COMPOSED.name}
    apart = [step for step in steps if not _goes_along(step, ways)]
    company = Company(parts=_things(apart, kind_of(recipe)))
    scores = measure(*written, mask, allowed, masks["result_mask.png"], recipe, company) | UNKNOWN_MAKING
    texts = {role: getattr(request, role) for role in LANGUAGES}
    scores["instruction_faults"] = instruction_faults(texts, recipe, mask)
    height, width = photo.shape[:2]
    return {"status": "done", "tier": COMPOSED.tier, "width": width, "height": height, "scores": scores}


def steps_of(request: ComposedRequest) -> list[PairRequest]:
    """The requests of its edits."""
    return [PairRequest(**step) for step in request.steps]


def composed(photo: Pixels, steps: Sequence[PairRequest]) -> tuple[Pixels, list[Edit]]:
    """A photo with several edits, uint8 (H, W, 3), and these edits, each made of the photo."""
    edits, ways = [edit_of(step, photo) for step in steps], _ways(steps)
    result, along = photo, []
    for step, edit in zip(steps, edits, strict=True):
        if _goes_along(step, ways):
            along.append((laid_over(photo, step, edit).astype(np.int16) - photo, ways[_number(step)]))
        else:
            result = laid_over(result, step, edit)
    for change, way in along:
        result = np.clip(result + moved(change, *way), 0, 255).astype(np.uint8)
    return result, edits


def _ways(steps: Sequence[PairRequest]) -> dict[int, tuple[int, int]]:
    """How far each object is moved, pixels to the right and down."""
    return {_number(step): (step.recipe["dx"], step.recipe["dy"]) for step in steps if step.subtype == "move"}


def _goes_along(step: PairRequest, ways: Mapping[int, tuple[int, int]]) -> bool:
    """Whether what an edit changes in its place is moved by another one."""
    in_place = SUBTYPES[step.subtype].mask_of == "object" and step.subtype != "move"
    return in_place and _number(step) in ways


def _number(step: PairRequest) -> int:
    return int(step.recipe.get("object", 1))


def _leaves_nothing(step: PairRequest) -> bool:
    """Whether no object ends up where an edit's mask is."""
    return step.subtype == "delete" or SUBTYPES[step.subtype].mask_of == "background"


def _things(steps: list[PairRequest], kind: Subtype | None) -> int:
    """How many things the mask shows, or leaves alone where the background is edited too."""
    *_, last = own = [step.object.get("parts") or [step.object.get("number")] for step in steps]
    if kind is not COMPOSED_AROUND:
        return sum(map(len, own))
    return max(1, len(set(last).difference(*own[:-1])))


def _together(regions: list[Pixels]) -> Pixels:
    return np.asarray(np.bitwise_or.reduce(regions), np.uint8)
