"""What is exported: in which form, where to, and which part of the dataset."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from iedf_assets.core.profile.fields import Strict

Format = Literal[
    "parquet",
    "imagefolder",
    "webdataset",
    "diffsynth",
    "musubi",
    "folders",
    "layers",
    "preference",
    "original",
]
Language = Literal["en", "zh"]
BOTH: tuple[Language, ...] = ("en", "zh")
# A row of these holds both languages; the others have one caption.
BILINGUAL: frozenset[Format] = frozenset({"parquet", "imagefolder", "webdataset", "original"})


class Export(Strict):
    """An export of the dataset, as `iedf export` makes it.

    Attributes:
        format: see docs/training.md.
        target: a folder of its own; a relative path starts at the project's folder.
        language: `en`, `zh` or `both`; null is both where a row has room for them, else English.
        size: `native` as published; `grid` cropped and scaled once to sizes that no trainer resamples.
        split: `train` or `validation` alone; null is all.
        where: only samples whose row of the index says so: column or key of its metadata → value.
        masks: with masks, where the form does not always have them.
        link: hard links instead of copies, where files lie as they are; trainers may write into them.
    """

    format: Format
    target: Path
    language: Literal["en", "zh", "both"] | None = None
    size: Literal["native", "grid"] = "native"
    split: Literal["train", "validation"] | None = None
    where: dict[str, str] = Field(default_factory=dict)
    masks: bool = False
    link: bool = False

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages of its texts."""
        if self.language is None:
            return BOTH if self.format in BILINGUAL else ("en",)
        return BOTH if self.language == "both" else (self.language,)

    def suffix(self, language: Language) -> str:
        """What the names of files in one language end with."""
        return f"_{language}" if len(self.languages) > 1 else ""
