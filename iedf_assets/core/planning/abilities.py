"""What can be asked of a model, by the table of classes: nothing else is."""

from dataclasses import dataclass
from typing import Any, Self

from iedf_assets.core.edits.recipes import Unplannable
from iedf_assets.core.profile.bank import CHINESE, Language, bank
from iedf_assets.core.profile.subtypes import Kinds, Subtype, made_by
from iedf_assets.core.profile.workers import Worker

BEYOND_MODEL = "beyond_model"
# The kind of `replace` that shows the model an object of another photo.
REFERENCE = "reference"


@dataclass(frozen=True)
class Abilities:
    """What whoever makes edits can do.

    Attributes:
        name: of the class, or of what is known instead.
        writes: languages that it writes into pictures; of an unknown class all: what it makes is judged.
        references: whether it can be shown a second picture beside the photo.
        language: that it is told in.
    """

    name: str
    writes: str = "en, zh"
    references: bool = False
    language: Language = "en"

    @classmethod
    def of(cls, worker: Worker) -> Self:
        """Those of a worker.

        Raises:
            WorkerError: its `model_dir` has no index.
        """
        editor = worker.editor
        if editor is None:
            return cls(worker.backend)
        language: Language = "ch" if editor.languages == "zh" else "en"
        return cls(editor.class_name, editor.writes, worker.takes_references, language)

    def within(self, limits: Any, subtype: Subtype) -> Any:
        """The limits of a subtype's recipes without the kinds that are beyond it; or that all of it is.

        Args:
            limits: the profile's `recipes` section of the subtype.

        Returns:
            Limits of the same kind, or an `Unplannable`.
        """
        if made_by(limits) == "model" and not self.references:
            return Unplannable(BEYOND_MODEL, f"{self.name} cannot be shown where the object is to be")
        if not isinstance(limits, Kinds) or limits.instruction:
            return limits
        kinds = limits.kinds or bank().edits[subtype.name].drawn
        can = tuple(kind for kind in kinds if self._can(subtype, kind))
        if not can:
            return Unplannable(BEYOND_MODEL, f"{self.name} can do none of {subtype.name}: {', '.join(kinds)}")
        return limits if can == kinds else limits.model_copy(update={"kinds": can})

    def _can(self, subtype: Subtype, kind: str) -> bool:
        if kind == REFERENCE:
            return self.references
        text = bank().edits[subtype.name].kinds[kind].en[0]
        return not subtype.writes or ("zh" if CHINESE.search(text) else "en") in self.writes
