"""DiffSynth-Studio: `metadata.json`, a list of rows with paths relative to `--dataset_base_path`.

`edit_image` is a list, even of one, as Edit-2509 and 2511 have to have it; in `metadata_single.json` it is a
string, as Qwen-Image-Edit has it. Other columns are ignored there, so the same row serves Kontext and, with
masks, inpainting.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.loose import by_path, found_in, json_line, read_list, sample_units
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Plan, Unit, lines_unit
from iedf_assets.core.profile.exports import Export, Language

# What is white is blanked, and made anew.
_MASKED = {
    "flux_fill_image": "flux_fill_mask",
    "controlnet_image": "controlnet_inpaint_mask",
    "blockwise_controlnet_image": "blockwise_controlnet_inpaint_mask",
}


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each sample, and two tables for each language."""
    look = Look.of(plan)
    roles = ("source", "target", "mask") if plan.asked.masks else ("source", "target")

    def places(example: Example) -> Mapping[str, str]:
        return {role: f"{role}/{example.stem}{look.ending(role)}" for role in roles}

    yield from sample_units(plan, look, lambda example: by_path(places(example)))
    for language in plan.asked.languages:
        for kind, single in (("", False), ("_single", True)):
            rows = _rows(plan, places, language, single=single)
            yield lines_unit(f"metadata{kind}{plan.asked.suffix(language)}.json", rows)


def _rows(
    plan: Plan, places: Callable[[Example], Mapping[str, str]], language: Language, *, single: bool
) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        before = "["
        for example in plan.examples:
            paths = places(example)
            made_from = {"made_from": plan.told(paths["source"]).get("made_from", "published")}
            yield f"{before}{json_line(_row(example, paths, language, single=single) | made_from)}"
            before = ","
        yield "]" if before == "," else "[]"

    return lines


def _row(example: Example, paths: Mapping[str, str], language: Language, *, single: bool) -> dict[str, Any]:
    masked: dict[str, str] = {}
    if "mask" in paths:
        for picture, mask in _MASKED.items():
            masked |= {picture: paths["source"], mask: paths["mask"]}
    return {
        "image": paths["target"],
        "edit_image": paths["source"] if single else [paths["source"]],
        "kontext_images": paths["source"],
        "prompt": example.caption(language),
        **masked,
        "sample_key": example.entry["sample_key"],
        "split": example.split,
        **example.rights,
    }


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """Read the tables of all languages, which have the same rows, by `UnifiedDataset`'s rules."""
    names = [f"metadata{asked.suffix(language)}.json" for language in asked.languages]
    tables = [read_list(folder / name, ("image", "edit_image", "prompt")) for name in names]
    for rows in zip(*tables, strict=True):
        paths = {"source": rows[0]["edit_image"][0], "target": rows[0]["image"]}
        if "flux_fill_mask" in rows[0]:
            paths["mask"] = rows[0]["flux_fill_mask"]
        texts = {language: row["prompt"] for language, row in zip(asked.languages, rows, strict=True)}
        yield Seen(Path(rows[0]["image"]).stem, texts, found_in(folder, paths))
