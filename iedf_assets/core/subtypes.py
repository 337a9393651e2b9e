"""The table of edit subtypes: which task each belongs to, what it needs, and which mask means what.

| subtype | task | needs | mask (white) | allowed region | result mask | tier |
|---|---|---|---|---|---|---|
| move | structural_edit | layers | the object as it was | both places + margin | as it ends up | composited |
| scale | structural_edit | layers | the object as it was | both + margin | as it ends up | composited |
| delete | semantic_edit | layers | the object | the object + margin | none | composited |
| recolor | semantic_edit | mask | the object | the object + margin | none | composited |
| identity | consistency_edit | mask | the subject | the subject + margin | none | composited |
| background | consistency_edit | mask | the background | all but the subject | none | composited |

The mask is always of the source: white is the source region whose content changes. The allowed region is
widened to whole JPEG blocks when a pair is finished.
"""

from dataclasses import dataclass
from typing import Literal

Needs = Literal["layers", "mask", "none"]
Task = Literal["consistency_edit", "semantic_edit", "structural_edit"]
Tier = Literal["composited", "raw", "global"]


@dataclass(frozen=True)
class Subtype:
    """One kind of edit.

    Attributes:
        needs: what it takes of a decomposition: layers and a completed background, a mask, or nothing.
        mask_of: whose silhouette the mask is.
        tier: how its pairs are judged.
        relocates: whether the object ends up elsewhere or in another shape, so that there is a result mask.
        keeps_structure: whether what the mask shows stays the same thing in other light or colour.
    """

    name: str
    task: Task
    needs: Needs
    mask_of: Literal["object", "background"]
    tier: Tier
    relocates: bool
    keeps_structure: bool


SUBTYPES = {
    subtype.name: subtype
    for subtype in (
        Subtype(
            "move", "structural_edit", "layers", "object", "composited", relocates=True, keeps_structure=False
        ),
        Subtype(
            "scale",
            "structural_edit",
            "layers",
            "object",
            "composited",
            relocates=True,
            keeps_structure=False,
        ),
        Subtype(
            "delete",
            "semantic_edit",
            "layers",
            "object",
            "composited",
            relocates=False,
            keeps_structure=False,
        ),
        Subtype(
            "recolor", "semantic_edit", "mask", "object", "composited", relocates=False, keeps_structure=True
        ),
        Subtype(
            "identity",
            "consistency_edit",
            "mask",
            "object",
            "composited",
            relocates=False,
            keeps_structure=True,
        ),
        Subtype(
            "background",
            "consistency_edit",
            "mask",
            "background",
            "composited",
            relocates=False,
            keeps_structure=True,
        ),
    )
}

DEFAULT_SUBTYPE: dict[Task, str] = {
    "consistency_edit": "identity",
    "semantic_edit": "delete",
    "structural_edit": "move",
}
