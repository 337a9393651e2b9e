"""The limits from which recipes are drawn, by subtype."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.fields import Positive, Share, Strict


class Move(Strict):
    """Limits of a move.

    Attributes:
        min_shift, max_shift: the way, as a share of the picture's width or height.
        max_area: the object's share of the picture.
    """

    min_shift: Share = 0.12
    max_shift: Share = 0.40
    max_area: Share = 0.6


class Scale(Strict):
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
    portrait: Kinds = Kinds()
    new_scene: Kinds = Kinds()
    pose: Kinds = Kinds()
    viewpoint: Kinds = Kinds()
    restyle: Kinds = Kinds()

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        for name, entry in bank().items():
            unknown = sorted(set(getattr(self, name).kinds) - set(entry.kinds))
            if unknown:
                known = ", ".join(entry.kinds)
                raise ValueError(f"{name} has no kind {', '.join(unknown)}; configs/edits.yaml has {known}")
        return self
