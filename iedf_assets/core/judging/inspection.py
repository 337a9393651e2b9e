"""Reading the files of one sample as they lie on disk: what is wrong with them, and their scores."""

import io
import os
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.agreement import composed_readings, faults, readings, stated_recipe, text_faults
from iedf_assets.core.edits.recipes import Recipe
from iedf_assets.core.edits.stated import KINDS
from iedf_assets.core.errors import SourceError
from iedf_assets.core.judging.bare import measured_by_the_mask
from iedf_assets.core.judging.lint import Code, Issue
from iedf_assets.core.judging.mask_forms import odd_form, seen
from iedf_assets.core.pictures.codecs import quality_of
from iedf_assets.core.pictures.containers import take_apart
from iedf_assets.core.profile.subtypes import COMPOSED, KNOWN, relocates
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.masks.second_opinion import SecondOpinion
from iedf_assets.core.scoring.pair_views import PairView
from iedf_assets.core.scoring.scores import Scores, measure
from iedf_assets.core.scoring.stated import measure_stated
from iedf_assets.core.scoring.whereabouts import located
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.naming import REQUIRED, SampleKey

INSTRUCTIONS: tuple[str, ...] = ("instruction_ch", "instruction_en")
_MAX_PIXELS = 1 << 28
_DECODERS = {"JPEG": JpegImageFile, "PNG": PngImageFile}
_PICTURES = {"source": "JPEG", "result": "JPEG", "mask": "PNG", "mask_inverse": "PNG"}
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True)
class Measured:
    """What was measured of a sample's mask when its pair was finished.

    Attributes:
        of: `state_of` the files that it was measured of.
        scores: those of `iedf_assets.core.scoring.masks.mask_scores.MASK_SCORES` that could be told.
    """

    of: str
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Known:
    """What is known of a sample besides its files; None where nothing is.

    Attributes:
        allowed: the mask of where the result may differ, an absolute path.
        result_mask: that of where a moved or scaled object ends up.
        recipe: see `iedf_assets.core.edits.recipes`.
        measured: of its mask; None when its pair is from before that was done.
    """

    allowed: Path | None = None
    result_mask: Path | None = None
    recipe: dict[str, Any] | None = None
    measured: Measured | None = None


@dataclass(frozen=True)
class Inspection:
    """What was found in the files of one sample.

    Attributes:
        scores: of `iedf_assets.core.scoring.scores.measure`, and `instruction_faults`, how much the texts say
        wrongly; None when the files do not allow measuring.
        wrong_texts: what the texts say wrongly.
        region_known: whether the scores are of a named allowed region.
        instructions: role → text, of those that could be read.
    """

    sample: SampleKey
    issues: tuple[Issue, ...]
    scores: Scores | None
    region_known: bool
    instructions: dict[str, str]
    wrong_texts: tuple[str, ...] = ()


def state_of(checksums: Mapping[str, str | None]) -> str:
    """What a mask's measures depend on, from the hashes of `source`, `mask` and `result_mask`."""
    return digest([checksums.get(role) for role in ("source", "mask", "result_mask")])


def inspect_sample(
    dataset: Path,
    sample: SampleKey,
    known: Known,
    opinion: SecondOpinion | None = None,
    *,
    afresh: bool = False,
) -> Inspection:
    """Look at all files of a sample. Whatever is wrong with them is a finding, never an exception.

    What was measured of its mask is taken over where the files are still those; of other files it is measured
    anew.

    Args:
        opinion: who is asked about the mask where it is measured; None for nobody.
        afresh: measure the mask whatever is known of it.
    """
    reading = _Reading(dataset, sample)
    paths = {role: dataset / sample.file(role) for role in (*REQUIRED, "mask", "mask_inverse")}
    there = {role for role, path in paths.items() if path.is_file()}
    for role in sorted(_needed(sample, there) - there):
        code: Code = "missing_mask1" if role == "mask_inverse" else "missing_required"
        reading.found(paths[role], code, f"the sample has no {role.replace('_', ' ')}")
    instructions: dict[str, str] = {
        role: text
        for role in INSTRUCTIONS
        if role in there and (text := reading.instruction(paths[role], role)) is not None
    }
    pictures = {role: reading.picture(paths[role], kind) for role, kind in _PICTURES.items() if role in there}
    for role, path in (("allowed", known.allowed), ("result_mask", known.result_mask)):
        if path is not None:
            pictures[role] = reading.region(path)
            paths[role] = path
    reading.compare(pictures, paths)
    scores: Scores | None = None
    wrong: tuple[str, ...] = ()
    if sample.subtype in KINDS and not reading.unmeasurable:
        scores, wrong = _stated_scores(sample, pictures, known.recipe, instructions, paths["result"])
    elif not reading.unmeasurable:
        company = _company(paths, known, afresh=afresh)
        source = pictures.get("source")
        if opinion and company and company.measured is None and source is not None and _asks(sample):
            company = replace(company, opinions=opinion.of(source))
        scores, wrong = _scores(sample, pictures, known.recipe, instructions, company)
    issues, region_known = tuple(sorted(reading.issues)), known.allowed is not None
    return Inspection(sample, issues, scores, region_known, instructions, wrong)


def _asks(sample: SampleKey) -> bool:
    """Whether a second opinion says something of such a sample's mask."""
    return sample.subtype in KNOWN and "object" in KNOWN[sample.subtype].mask_checks


def _company(paths: Mapping[str, Path], known: Known, *, afresh: bool) -> Company | None:
    """What is known of a mask, with its measures where they are of these files; None: it is not measured."""
    measured = known.measured
    if afresh or measured is None:
        return Company() if afresh else None
    with suppress(OSError):
        hashes = {
            role: content_hash(paths[role].read_bytes())
            for role in ("source", "mask", "result_mask")
            if role in paths and paths[role].is_file()
        }
        if measured.of == state_of(hashes):
            parts = measured.scores.get("object_parts")
            return Company(parts=int(parts or 1), measured=measured.scores)
    return Company()


def _needed(sample: SampleKey, there: set[str]) -> set[str]:
    """The roles that a sample must have: a mask never comes without its inverse."""
    masked = sample.task == "semantic_edit" or {"mask", "mask_inverse"} & there
    return {*REQUIRED, *(("mask", "mask_inverse") if masked else ())}


def _scores(
    sample: SampleKey,
    pictures: dict[str, Pixels | None],
    recipe: dict[str, Any] | None,
    instructions: dict[str, str],
    company: Company | None,
) -> tuple[Scores | None, tuple[str, ...]]:
    """The scores, and what the texts say wrongly."""
    source, result, mask = (pictures.get(role) for role in ("source", "result", "mask"))
    if source is None or result is None or mask is None:
        return None, ()
    wrong = text_faults(instructions, sample.subtype, recipe, mask)
    stated = recipe or _told(instructions, sample, PairView(source, result, mask))
    allowed, there = pictures.get("allowed"), pictures.get("result_mask")
    if allowed is not None:
        scores = measure(source, result, mask, allowed, there, stated, company)
    else:
        scores = measured_by_the_mask(sample, source, result, mask, stated, company)
    scores["instruction_faults"] = None if wrong is None else len(wrong)
    return scores, tuple(wrong or ())


def _told(texts: Mapping[str, str], sample: SampleKey, pair: PairView) -> Recipe:
    """What the texts say of the recipe; what they say in words alone of a move or a scaling, measured."""
    if sample.subtype == COMPOSED.name:
        told = next(iter(composed_readings(texts).values()), [])
        return {"subtype": sample.subtype, "edits": [{"subtype": one.subtype} for one in told]}
    said = readings(texts)
    stated, reading = stated_recipe(said, sample.subtype), next(iter(said.values()), None)
    if reading is None or (reading.subtype, reading.phrasing) != (sample.subtype, "plain"):
        return stated
    relocated = relocates(sample.task, sample.subtype) and pair.mask.any()
    return located(stated, reading.level, pair) if relocated else stated


def _stated_scores(
    sample: SampleKey,
    pictures: dict[str, Pixels | None],
    recipe: dict[str, Any] | None,
    instructions: dict[str, str],
    result_file: Path,
) -> tuple[Scores | None, tuple[str, ...]]:
    """The scores of a stated edit, which needs no mask, and what the texts say wrongly."""
    source, result = (pictures.get(role) for role in ("source", "result"))
    if source is None or result is None:
        return None, ()
    said = readings(instructions)
    wrong = faults(said, sample.subtype, recipe, np.full(source.shape[:2], 255, np.uint8))
    first = next(iter(said.values()), None)
    stated = recipe or {**stated_recipe(said, sample.subtype), "level": first.level if first else None}
    quality = quality_of(result_file)
    scores = measure_stated(source, result, stated, quality, either_way=recipe is None)
    scores["instruction_faults"] = None if wrong is None else len(wrong)
    return scores, tuple(wrong or ())


class _Reading:
    """Reads the files of one sample and collects what is wrong with them."""

    def __init__(self, dataset: Path, sample: SampleKey) -> None:
        self._dataset = dataset
        self._sample = sample
        self.issues: list[Issue] = []
        self.unmeasurable = False

    def found(self, path: Path, code: Code, message: str) -> None:
        """Note a finding on a file."""
        self.issues.append(Issue(Path(os.path.relpath(path, self._dataset)).as_posix(), code, message))

    def instruction(self, path: Path, role: str) -> str | None:
        """The text of an instruction; None when it cannot be read."""
        try:
            text = path.read_bytes().decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            self.found(path, "corrupted", f"not a text in UTF-8: {error}")
            return None
        if not text.strip():
            self.found(path, "corrupted", "the instruction is empty")
        elif len(text.splitlines()) > 1:
            self.found(path, "corrupted", "the instruction has more than one line")
        elif any(unicodedata.category(character) == "Cc" for character in text):
            self.found(path, "corrupted", "the instruction holds control characters")
        elif not _is_in_language(text, role):
            language = "Chinese" if role == "instruction_ch" else "English"
            self.found(path, "wrong_language", f"the instruction is not in {language}: {text[:60]}")
        return text

    def picture(self, path: Path, kind: str) -> Pixels | None:
        """uint8 (H, W, 3) of a JPEG, (H, W) with 0 or 255 of a PNG; None when it cannot be decoded."""
        try:
            pixels, odd = _decoded(path, kind)
        except SourceError as error:
            self.found(path, "corrupted", f"not a sound {kind} file: {error.problem}")
            self.unmeasurable = True
            return None
        if odd:
            self.found(path, "mask_form", odd)
        return pixels

    def region(self, path: Path) -> Pixels | None:
        """The mask of a region that the index names."""
        if path.is_file():
            return self.picture(path, "PNG")
        self.found(path, "missing_required", "the region that the index names is not there")
        self.unmeasurable = True
        return None

    def compare(self, pictures: dict[str, Pixels | None], paths: dict[str, Path]) -> None:
        """Compare all pictures with the source's size, and the mask with its inverse."""
        source = pictures.get("source")
        if source is None:
            return
        for role, pixels in pictures.items():
            if pixels is not None and pixels.shape[:2] != source.shape[:2]:
                sizes = [f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, source.shape)]
                self.found(paths[role], "shape_mismatch", f"{sizes[0]}, but the source is {sizes[1]}")
                self.unmeasurable = True
        mask, inverse = pictures.get("mask"), pictures.get("mask_inverse")
        if mask is not None and inverse is not None and mask.shape == inverse.shape:
            wrong = int(np.count_nonzero(mask == inverse))
            if wrong:
                message = f"{wrong} of {mask.size} pixels are alike in the mask and in its inverse"
                self.found(paths["mask_inverse"], "mask_not_inverse", message)


def _is_in_language(text: str, role: str) -> bool:
    """A Chinese text holds Chinese; an English one may quote some, but is mostly Latin letters."""
    chinese, latin = len(_CHINESE.findall(text)), len(_LATIN.findall(text))
    return chinese > 0 if role == "instruction_ch" else latin > chinese


def _decoded(path: Path, kind: str) -> tuple[Pixels, str | None]:
    """The pixels, and of a mask what is odd in its form."""
    decoder = _DECODERS[kind]
    # Decoders raise what they please at damaged bytes; here any of it means that the file is no use.
    try:
        container = take_apart(path.read_bytes())
        if container.format != kind:
            raise SourceError("corrupted", f"its content is {container.format}")  # noqa: TRY301  # see above
        picture = decoder(io.BytesIO(container.data))
        if picture.width * picture.height > _MAX_PIXELS:
            raise SourceError("corrupted", f"{picture.width}x{picture.height} pixels are too many")  # noqa: TRY301
        if kind == "PNG":
            return seen(picture), odd_form(picture)
        return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB")), None
    except SourceError:
        raise
    except Exception as error:
        raise SourceError("corrupted", f"{type(error).__name__}: {error}"[:300]) from error
