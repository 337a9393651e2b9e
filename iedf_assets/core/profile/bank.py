"""The recipe bank in `configs/edits.yaml`: what only a model can do, and how to ask for it."""

from functools import cache
from itertools import product
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

PATH = Path(__file__).resolve().parents[3] / "configs" / "edits.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_Strict):
    """Phrases in both languages."""

    en: tuple[str, ...] = Field(min_length=1)
    ch: tuple[str, ...] = Field(min_length=1)


class Entry(_Strict):
    """One subtype of the bank.

    Attributes:
        frames: around `{core}`, one of a kind's phrases.
        kinds: key → its phrases.
    """

    frames: Texts
    kinds: dict[str, Texts]

    def phrases(self, kind: str) -> Texts:
        """Every phrase of a kind in every frame."""
        core = self.kinds[kind]
        return Texts(en=_combined(self.frames.en, core.en), ch=_combined(self.frames.ch, core.ch))


@cache
def bank() -> dict[str, Entry]:
    """Subtype → its kinds and phrases.

    Raises:
        ValueError: the file is not what it should be; the message says where.
    """
    content = yaml.safe_load(PATH.read_text("utf-8"))
    return {name: Entry.model_validate(entry) for name, entry in content.items()}


def _combined(frames: tuple[str, ...], cores: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(frame.replace("{core}", core) for frame, core in product(frames, cores))
