"""The table of edit subtypes: task, needs, which mask means what; and the limits of their recipes.

| subtype | task | needs | mask (white) | allowed region | result mask | mask judged by |
|---|---|---|---|---|---|---|
| move | structural_edit | layers | the object as it was | both places + margin | as it ends up | all three |
| scale | structural_edit | layers | the object as it was | both + margin | as it ends up | all three |
| delete | semantic_edit | layers | the object | the object + margin | none | object, remainder |
| recolor | semantic_edit | mask | the object | the object + margin | none | object |
| identity | consistency_edit | mask | the subject | the subject + margin | none | object |
| background | consistency_edit | mask | the background | all but the subject | none | object |
| physical | structural_edit | mask | the object | the object + 4 margins | none | none |
| replace, add | semantic_edit | mask | the object | the object + 4 margins | none | none |
| write, replace_text, remove_text | text_edit | mask | the object | the object + margin | none | none |
| portrait | portrait_attribute | mask | the subject | the subject + 4 margins | none | none |
| new_scene, pose, viewpoint | consistency_edit | none | everything | everything | none | none |
| restyle | style_edit | none | everything | everything | none | none |
| contrast, brightness, color_tone | style_edit | none | no file | everything | none | none |
| composed | composite_edit | derived | all objects | all of them + margins | as they end up | none |

A composed edit of the background too has a mask of all but the objects that it leaves alone.

From `physical` to `restyle`, only a model can do it. `configs/edits.yaml` has kinds and phrases of all. What
needs no mask is of the tier `global`, all others are `composited`; but the last three are `stated`, a
function of the whole picture, `iedf_assets.core.edits.stated`. A move or a scaling that a model draws has 4
margins, as what a model draws has. The mask is always of the source: white is the
source region whose content changes. The allowed region is widened to whole JPEG blocks when a pair is
finished. Which of the checks `object`, `remainder` and `place` judge a mask is in the last column; a
background's is judged by its complement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.fields import Positive, Share, Strict

Needs = Literal["layers", "mask", "none"]
Percent = Annotated[int, Field(ge=1, le=90)]
Task = Literal[
    "consistency_edit", "semantic_edit", "structural_edit", "style_edit", "text_edit", "portrait_attribute"
]
"""What a profile can ask for; `composite_edit` is derived."""
Tier = Literal["composited", "raw", "stated", "global"]
Maker = Literal["layers", "model"]
MaskCheck = Literal["object", "remainder", "place"]


@dataclass(frozen=True)
class Subtype:
    """One kind of edit.

    Attributes:
        needs: what it takes of a decomposition: layers and a completed background, a mask, or nothing.
        mask_of: whose silhouette the mask is.
        tier: how its pairs are judged.
        relocates: whether the object ends up elsewhere or in another shape, so that there is a result mask.
        keeps_structure: whether what the mask shows stays the same thing in other light or colour.
        needs_model: whether the classical backend cannot do it.
        spread: how many margins the edit may reach beyond its mask: a new thing has another outline.
        mask_checks: which checks tell whether the mask, or its complement, is one whole object.
        writes: whether it puts text into the picture.
        reads: whether it takes a text that the object bears.
    """

    name: str
    task: Task | Literal["composite_edit"]
    needs: Needs
    mask_of: Literal["object", "background", "everything"]
    tier: Tier
    relocates: bool = False
    keeps_structure: bool = False
    needs_model: bool = False
    spread: float = 1.0
    mask_checks: tuple[MaskCheck, ...] = ()
    writes: bool = False
    reads: bool = False

    @property
    def is_computed(self) -> bool:
        """Whether it is worked out from layers or by a function, whatever the backend.

        A model draws it only where a recipe says so, see `is_by_model`.
        """
        return self.relocates or self.tier == "stated"


def _relocating(name: str) -> Subtype:
    """What puts an object elsewhere, or makes it another size."""
    checks: tuple[MaskCheck, ...] = ("object", "remainder", "place")
    return Subtype(
        name, "structural_edit", "layers", "object", "composited", relocates=True, mask_checks=checks
    )


def _toning(name: str, task: Task, mask_of: Literal["object", "background"]) -> Subtype:
    """What gives an object or its background other light or colour."""
    return Subtype(name, task, "mask", mask_of, "composited", keeps_structure=True, mask_checks=("object",))


# What a model draws has an outline, a shadow and light of its own.
_DRAWN_SPREAD = 4.0


def _drawn(name: str, task: Task, spread: float = _DRAWN_SPREAD) -> Subtype:
    """What a model draws in and around an object."""
    return Subtype(name, task, "mask", "object", "composited", needs_model=True, spread=spread)


def _lettered(name: str, *, writes: bool = False, reads: bool = False) -> Subtype:
    """What a model does to the text on an object."""
    return replace(_drawn(name, "text_edit", spread=1.0), writes=writes, reads=reads)


def _whole(name: str, task: Task) -> Subtype:
    """What a model makes of the whole picture."""
    return Subtype(name, task, "none", "everything", "global", needs_model=True)


def _stated(name: str) -> Subtype:
    """What a stated function makes of the whole picture."""
    return Subtype(name, "style_edit", "none", "everything", "stated")


SUBTYPES = {
    subtype.name: subtype
    for subtype in (
        _relocating("move"),
        _relocating("scale"),
        Subtype(
            "delete", "semantic_edit", "layers", "object", "composited", mask_checks=("object", "remainder")
        ),
        _toning("recolor", "semantic_edit", "object"),
        _toning("identity", "consistency_edit", "object"),
        _toning("background", "consistency_edit", "background"),
        _drawn("physical", "structural_edit"),
        _drawn("replace", "semantic_edit"),
        _drawn("add", "semantic_edit"),
        _lettered("write", writes=True),
        _lettered("replace_text", writes=True, reads=True),
        _lettered("remove_text", reads=True),
        _drawn("portrait", "portrait_attribute"),
        _whole("new_scene", "consistency_edit"),
        _whole("pose", "consistency_edit"),
        _whole("viewpoint", "consistency_edit"),
        _whole("restyle", "style_edit"),
        _stated("contrast"),
        _stated("brightness"),
        _stated("color_tone"),
    )
}

# Several edits of different objects in one instruction, made of the pairs of each; no profile plans it.
COMPOSED = Subtype("composed", "composite_edit", "mask", "object", "composited", relocates=True)
# The same where one of the edits is of the background.
COMPOSED_AROUND = replace(COMPOSED, mask_of="background")
# Whatever a sample can be of.
KNOWN = SUBTYPES | {COMPOSED.name: COMPOSED}

DEFAULT_SUBTYPE: dict[Task, str] = {
    "consistency_edit": "identity",
    "semantic_edit": "delete",
    "structural_edit": "move",
    "style_edit": "restyle",
    "text_edit": "write",
    "portrait_attribute": "portrait",
}


def is_by_model(recipe: Mapping[str, Any]) -> bool:
    """Whether a model draws what would else be worked out from the layers."""
    return recipe.get("by") == "model"


def as_made(subtype: Subtype, recipe: Mapping[str, Any]) -> Subtype:
    """A kind of edit with the reach that it has as its recipe has it made."""
    return replace(subtype, spread=_DRAWN_SPREAD) if is_by_model(recipe) else subtype


def kind_of(recipe: Mapping[str, Any]) -> Subtype | None:
    """What kind of edit a recipe is of; None where that is not known."""
    found = KNOWN.get(recipe.get("subtype", ""))
    if found is not COMPOSED:
        return found and as_made(found, recipe)
    edits = (KNOWN.get(edit.get("subtype", "")) for edit in recipe.get("edits", ()))
    return COMPOSED_AROUND if any(edit and edit.mask_of == "background" for edit in edits) else COMPOSED


def relocates(task: str, subtype: str) -> bool:
    """Whether an edit may move its object; of a subtype that nobody knows, by its task."""
    known = KNOWN.get(subtype)
    return known.relocates if known else task == "structural_edit"


class Relocating(Strict):
    """Who puts an object elsewhere, or makes it another size.

    Attributes:
        by: `layers`, to the pixel; `model`: one that takes several pictures draws it, shown beside the photo
            what the layers make of it.
    """

    # Reasons spell limits out, and this is none.
    by: Annotated[Maker, Field(repr=False)] = "layers"

    @property
    def maker(self) -> dict[str, str]:
        """What a recipe says of it; nothing of layers."""
        return {} if self.by == "layers" else {"by": self.by}


def made_by(limits: Any) -> Maker:
    """Who makes the edits of some limits of recipes, if it is up to them."""
    return limits.by if isinstance(limits, Relocating) else "layers"


class Move(Relocating):
    """Limits of a move.

    Attributes:
        min_shift, max_shift: the way, as a share of the picture's width or height.
        max_area: the object's share of the picture.
    """

    min_shift: Share = 0.12
    max_shift: Share = 0.40
    max_area: Share = 0.6


class Scale(Relocating):
    """Limits of a scaling: none from `max_smaller` to `min_larger`.

    Attributes:
        min_smaller, max_smaller: factor of the sides of an object that shrinks.
        min_larger, max_larger: factor of the sides of one that grows.
        max_area: the object's share of the picture.
    """

    min_smaller: Positive = 0.55
    max_smaller: Positive = 0.80
    min_larger: Positive = 1.20
    max_larger: Positive = 1.50
    max_area: Share = 0.6


class Delete(Strict):
    """Limits of a removal.

    Attributes:
        min_area, max_area: the object's share of the picture.
    """

    min_area: Share = 0.005
    max_area: Share = 0.35


class Recolor(Strict):
    """Limits of a recolouring.

    Attributes:
        min_hue_distance: between the new colour and the old, degrees.
    """

    min_hue_distance: Annotated[float, Field(ge=0, le=180)] = 45.0


class Identity(Strict):
    """Limits of relighting or toning the subject.

    Attributes:
        min_strength, max_strength: how strong, 0 to 1.
    """

    min_strength: Share = 0.5
    max_strength: Share = 0.8


class Background(Strict):
    """Limits of toning or defocusing the background.

    Attributes:
        min_strength, max_strength: how strong, 0 to 1.
    """

    min_strength: Share = 0.4
    max_strength: Share = 0.9


class Stated(Strict):
    """Limits of an edit of the whole picture by a stated function.

    Attributes:
        min_percent, max_percent: how much, whole percent.
    """

    min_percent: Percent = 12
    max_percent: Percent = 35


class ColorTone(Stated):
    """Limits of a warmer or cooler picture."""

    max_percent: Percent = 30


class Kinds(Strict):
    """Limits of what only a model can do.

    Attributes:
        kinds: those of the bank that are drawn from; all when none is named.
        max_area: the object's share of the picture.
        instruction: what to ask for in your own words, in whichever language, instead of the bank's.
    """

    kinds: tuple[str, ...] = ()
    max_area: Share = 0.6
    instruction: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class Recipes(Strict):
    """Limits from which recipes are drawn, by subtype."""

    move: Move = Move()
    scale: Scale = Scale()
    delete: Delete = Delete()
    recolor: Recolor = Recolor()
    identity: Identity = Identity()
    background: Background = Background()
    physical: Kinds = Kinds()
    replace: Kinds = Kinds()
    add: Kinds = Kinds()
    write: Kinds = Kinds()
    replace_text: Kinds = Kinds()
    remove_text: Kinds = Kinds()
    portrait: Kinds = Kinds()
    new_scene: Kinds = Kinds()
    pose: Kinds = Kinds()
    viewpoint: Kinds = Kinds()
    restyle: Kinds = Kinds()
    contrast: Stated = Stated()
    brightness: Stated = Stated()
    color_tone: ColorTone = ColorTone()

    def in_keys(self, name: str) -> dict[str, Any]:
        """What the edits of a subtype depend on; what is not asked for is as if it could not be."""
        told: dict[str, Any] = getattr(self, name).model_dump()
        return {key: value for key, value in told.items() if (key, value) != ("by", "layers")}

    def are_drawn(self, subtype: Subtype) -> bool:
        """Whether a model draws the edits of a subtype, where there is one."""
        return not subtype.is_computed or made_by(getattr(self, subtype.name)) == "model"

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        # The file is not read where nothing of it is asked for.
        asked = {name: value.kinds for name, value in self if isinstance(value, Kinds) and value.kinds}
        for name, kinds in asked.items():
            entry = bank().edits[name]
            known_kinds = [name for name, kind in entry.kinds.items() if not kind.derived]
            unknown = sorted(set(kinds) - set(known_kinds))
            if unknown:
                known = ", ".join(known_kinds)
                raise ValueError(f"{name} has no kind {', '.join(unknown)}; configs/edits.yaml has {known}")
        return self
