"""The section `derive`: more pairs from the published ones of each photo."""

from collections.abc import Iterable

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


class Derive(Strict):
    """What is made of published pairs; see `core.planning.deriving`.

    Attributes:
        inverse: the way back from a move, a scaling, a recolouring, an edit of the whole picture by a stated
            function; of a removal, where a name for the object is known, the adding of it.
    """

    inverse: bool = False

    def subtypes_beside(self, planned: Iterable[str]) -> set[str]:
        """Planned subtypes and those of what is derived of them."""
        names = set(planned)
        return names | {INVERSES[name] for name in names & INVERSES.keys() if self.inverse}

    @property
    def any(self) -> bool:
        """Whether anything is derived."""
        return self.inverse
