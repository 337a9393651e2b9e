"""The section `derive`: more pairs from the published ones of each photo."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from iedf_assets.core.profile.fields import Strict

# The subtype of the way back from each that has one.
INVERSES = {
    "move": "move",
    "scale": "scale",
    "recolor": "recolor",
    "contrast": "contrast",
    "brightness": "brightness",
    "color_tone": "color_tone",
    "delete": "add",
}


def _more_than_one(turns: int) -> int:
    if turns == 1:
        raise ValueError("a chain has two turns or more; 0 makes none")
    return turns


Turns = Annotated[int, Field(ge=0, le=5), AfterValidator(_more_than_one)]


class Derive(Strict):
    """What is made of published pairs; see `core.planning.derived.plans`.

    Attributes:
        inverse: the way back from a move, a scaling, a recolouring, an edit of the whole picture by a stated
            function; of a removal, where a name for the object is known, the adding of it.
        turns: of the one chain that is made of a photo's edits, each turn beginning with the result of the
            one before; 0 for none.
        compose: at most so many edits of different objects, or of objects and background, in one instruction;
            0 for none.
    """

    inverse: bool = False
    turns: Turns = 0
    compose: Literal[0, 2, 3] = 0

    def subtypes_beside(self, planned: Iterable[str]) -> set[str]:
        """Planned subtypes and those of what is derived of them."""
        names = set(planned)
        tones = {"contrast", "brightness", "color_tone"} if self.turns else set()
        tones |= {"composed"} if self.compose else set()
        return names | tones | {INVERSES[name] for name in names & INVERSES.keys() if self.inverse}

    @property
    def any(self) -> bool:
        """Whether anything is derived."""
        return self.inverse or self.turns > 0 or self.compose > 0
