"""Every file name and path of the factory is built and parsed here, and nowhere else."""

import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from iedf_assets.core.profile.fields import CONTINUED
from iedf_assets.core.profile.nesting import SERVICES
from iedf_assets.core.profile.schema import Profile

FULL_FOLDER = 99_999
STAGED = ("image_layers", "edited_images", "edit_pairs")
# What the factory keeps in its staging folder; whatever else lies there is not ours.
STAGING_ROOMS = (*STAGED, "jobs", SERVICES)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# role of a file → what follows the five-digit number
SUFFIXES = {
    "source": ".jpg",
    "result": "_result.jpg",
    "instruction_ch": "_CH.txt",
    "instruction_en": "_EN.txt",
    "mask": "_mask.png",
    "mask_inverse": "_mask-1.png",
}
REQUIRED = ("source", "result", "instruction_ch", "instruction_en")
_FILE = re.compile(r"^(\d{5})(" + "|".join(re.escape(suffix) for suffix in SUFFIXES.values()) + r")$")
_ROLES = {suffix: role for role, suffix in SUFFIXES.items()}
_KEY = re.compile(r"^[a-z0-9_-]+/[a-z0-9_-]+/[a-z0-9_-]+/\d{5}$")


def nfc(text: str) -> str:
    """The composed Unicode form, in which names are compared and stored."""
    return unicodedata.normalize("NFC", text)


def printable(text: str, kept: str = "") -> str:
    r"""A name, or a text with names in it, that can be written anywhere and does nothing to a terminal.

    Bytes that are no UTF-8 and control characters are spelt out, as `\xff`.

    Args:
        kept: control characters that stay.
    """
    if text.isprintable():
        return text
    try:
        spelt = os.fsencode(text)
    except UnicodeEncodeError:  # half a character, as JSON and YAML can have it
        spelt = text.encode("utf-8", "backslashreplace")
    return _CONTROL.sub(
        lambda found: found[0] if found[0] in kept else f"\\x{ord(found[0]):02x}",
        spelt.decode("utf-8", "backslashreplace"),
    )


def from_here(path: Path) -> str:
    """A path as one would type it here: without the working directory, where it lies below that."""
    with suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def base_scene(scene: str) -> str:
    """The scene that a folder continues: `mixed` for `mixed-2`."""
    return CONTINUED.sub("", scene)


@dataclass(frozen=True, order=True, slots=True)
class SampleKey:
    """Where a sample lies in the dataset: `<task>/<subtype>/<scene>/00001`."""

    task: str
    subtype: str
    scene: str
    number: int

    def __str__(self) -> str:
        return f"{self.task}/{self.subtype}/{self.scene}/{self.number:05d}"

    @staticmethod
    def is_key(text: str) -> bool:
        """Whether `parse` takes a text."""
        return _KEY.match(text) is not None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str()`.

        Raises:
            ValueError: not of that form.
        """
        if not cls.is_key(text):
            raise ValueError(f"{text!r} is not a sample key like semantic_edit/delete/mixed/00001")
        task, subtype, scene, number = text.split("/")
        return cls(task, subtype, scene, int(number))

    def file(self, role: str) -> str:
        """The path of one of its files (a key of `SUFFIXES`), relative to the dataset."""
        return f"{self}{SUFFIXES[role]}"


def parse_sample_file(name: str) -> tuple[int, str] | None:
    """Number and role of a file in a scene folder; None when the name is not in the naming spec."""
    match = _FILE.match(name)
    return (int(match[1]), _ROLES[match[2]]) if match else None


@dataclass(frozen=True)
class Layout:
    """The folders of one factory. `staging` may lie elsewhere than `outputs`."""

    data: Path
    outputs: Path
    staging: Path
    logs: Path

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The layout that a profile asks for, absolute."""
        return cls(*profile.folders.values())

    # Asked for once per file of the dataset.
    @cached_property
    def dataset(self) -> Path:
        return self.outputs / "dataset"

    @cached_property
    def reports(self) -> Path:
        return self.outputs / "reports"

    @property
    def index(self) -> Path:
        return self.reports / "index.jsonl"

    @property
    def indexed(self) -> Path:
        """What the index was last made of."""
        return self.manifests / "dataset_index.json"

    @property
    def qa(self) -> Path:
        return self.reports / "qa"

    @property
    def coverage(self) -> Path:
        """How many samples each cell of the table of coverage has."""
        return self.qa / "coverage.csv"

    @property
    def canaries(self) -> Path:
        """How the canaries fared when the judge was proved last."""
        return self.qa / "canaries.json"

    @property
    def reviews(self) -> Path:
        """What people say of pairs."""
        return self.reports / "reviews.jsonl"

    @property
    def dagster_home(self) -> Path:
        return self.outputs / "dagster"

    @property
    def manifests(self) -> Path:
        return self.outputs / "manifests"

    @property
    def locks(self) -> Path:
        return self.manifests / "locks"

    @property
    def ledger(self) -> Path:
        return self.manifests / "ledger.jsonl"

    def category_folder(self, category: str) -> Path | None:
        """The folder of a category as it is spelt on disk (NFC or NFD); None when there is none."""
        exact = self.data / category
        if exact.is_dir():
            return exact
        if not self.data.is_dir():
            return None
        for folder in sorted(self.data.iterdir()):
            if nfc(folder.name) == nfc(category) and folder.is_dir():
                return folder
        return None

    def manifest(self, stage: str, category: str) -> Path:
        return self.manifests / stage / f"{category}.parquet"

    def journal(self, stage: str, category: str) -> Path:
        return self.manifests / stage / f"{category}.journal.jsonl"

    def wave(self, category: str) -> Path:
        return self.manifests / "waves" / f"{category}.json"

    @property
    def jobs(self) -> Path:
        """The folder of what workers are told and what they say, while they work."""
        return self.staging / "jobs"

    def checked(self, check: str, category: str) -> Path:
        """What an asset check found of a category when it looked last."""
        return self.manifests / "checks" / check / f"{category}.json"

    def category_lock(self, category: str) -> Path:
        return self.locks / f"{category}.lock"

    def staged(self, stage: str, key: str) -> Path:
        """The folder of one staged item."""
        return self.staging / stage / key[:2] / key

    def rejected(self, edit_id: str) -> Path:
        """The folder that keeps a rejected pair."""
        return self.reports / "rejects" / edit_id[:2] / edit_id

    def allowed_region(self, sample: SampleKey) -> Path:
        """The mask of the region that a published pair may differ in."""
        return self.reports / f"allowed/{sample}_allowed.png"

    def result_mask(self, sample: SampleKey) -> Path:
        """The mask of where a moved or scaled object ends up."""
        return self.reports / f"result_masks/{sample}_result_mask.png"

    def relative(self, path: Path) -> str:
        """A path below the outputs as the index writes it."""
        return path.relative_to(self.outputs).as_posix()
