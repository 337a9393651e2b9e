"""The tree and the index of the system that this one stands in for: absolute paths, ids that run through."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import CAPTIONS, Example, stem_of
from iedf_assets.core.exporting.formats.loose import VERSION, by_path, found_in
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit, lines_unit
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.publishing.index_rows import write_csv
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.naming import SUFFIXES, SampleKey

COLUMNS = (
    "sample_id", "dataset_category", "edit_task", "subtype", "scene", "source_id", "src_image_path",
    "result_image_path", "mask_paths", "instruction_ch", "instruction_en", "metadata",
)  # fmt: skip
HIGHEST = 99_999
_ROLES = {"source": "source", "target": "result", "mask": "mask"}


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each sample, and the index in both its forms."""
    look = Look.of(plan)
    for example in plan.examples:
        number = _number(plan, example)
        pictures, texts = _pictures(example, number), _texts(example, number)
        inverse = _inverse(example, number)
        paths = (*pictures.values(), *texts, *([inverse] if inverse else []))
        key = digest(VERSION, str(look), paths, example.stamp)
        yield Unit(paths, key, example.bytes, _writer(example, look, pictures, texts, inverse))

    def rows() -> Iterator[Row]:
        for example in plan.examples:
            yield _entry(plan, example)

    def lines() -> Iterator[str]:
        for row in rows():
            yield json.dumps(
                {**row, "mask_paths": list(filter(None, row["mask_paths"].split("|")))}, ensure_ascii=False
            )

    def table(files: Mapping[str, Path]) -> None:
        with files["reports/index.csv"].open("w", encoding="utf-8", newline="") as file:
            write_csv(file, COLUMNS, rows())

    yield lines_unit("reports/index.jsonl", lines)
    yield Unit(("reports/index.csv",), None, 0, table)


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """Read the index and the files that it names.

    Raises:
        StorageError: it has other columns than the twelve, or a number twice.
    """
    known: set[str] = set()
    with (folder / "reports" / "index.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if tuple(row) != COLUMNS or row["sample_id"] in known:
                raise StorageError(
                    f"a row of {file.name} is not the original's: {row['sample_id']}", "export it anew"
                )
            known.add(row["sample_id"])
            paths = {
                "source": row["src_image_path"],
                "target": row["result_image_path"],
                **({"mask": row["mask_paths"].split("|")[0]} if row["mask_paths"] else {}),
            }
            texts = {language: row[CAPTIONS[language]] for language in asked.languages}
            stem = json.loads(row["metadata"])["sample_key"]
            yield Seen(stem_of(SampleKey.parse(stem)), texts, found_in(folder, paths))


def _number(plan: Plan, example: Example) -> int:
    number = plan.number(example.entry["sample_key"])
    if number > HIGHEST:
        raise StorageError(
            f"the original counts to {HIGHEST}, and {example.entry['sample_key']} would be number {number}",
            "export a part of the dataset with --split or --where",
        )
    return number


def _stem(example: Example, number: int) -> str:
    sample = example.sample
    return f"{sample.task}/{sample.subtype}/{sample.scene}/{number:05d}"


def _pictures(example: Example, number: int) -> dict[str, str]:
    stem = _stem(example, number)
    found = {
        **{role: f"dataset/{stem}{SUFFIXES[name]}" for role, name in _ROLES.items()},
        "allowed": f"reports/allowed/{stem}_allowed.png",
        "result_mask": f"reports/result_masks/{stem}_result_mask.png",
    }
    return {role: path for role, path in found.items() if role in example.files}


def _inverse(example: Example, number: int) -> str | None:
    """The path of the inverse of its mask, where it has one."""
    return f"dataset/{_stem(example, number)}{SUFFIXES['mask_inverse']}" if "mask" in example.files else None


def _texts(example: Example, number: int) -> dict[str, str]:
    stem = _stem(example, number)
    return {
        f"dataset/{stem}{SUFFIXES[role]}": example.caption(language) for language, role in CAPTIONS.items()
    }


def _entry(plan: Plan, example: Example) -> Row:
    number = _number(plan, example)
    paths = {role: str(plan.folder / path) for role, path in _pictures(example, number).items()}
    inverse = _inverse(example, number)
    told = {
        **example.entry["metadata"],
        "allowed_region_mask_path": paths.get("allowed"),
        "result_mask_path": paths.get("result_mask"),
        "sample_key": example.entry["sample_key"],
        "split": example.split,
    }
    return {
        **{column: example.entry[column] for column in COLUMNS if column in example.entry},
        "sample_id": f"{number:05d}",
        "src_image_path": paths["source"],
        "result_image_path": paths["target"],
        "mask_paths": f"{paths['mask']}|{plan.folder / inverse}" if inverse else "",
        "metadata": json.dumps(told, ensure_ascii=False, sort_keys=True),
    }


def _writer(
    example: Example, look: Look, pictures: Mapping[str, str], texts: Mapping[str, str], inverse: str | None
) -> Make:
    placing = look.placing(example, by_path(pictures))

    def make(files: Mapping[str, Path]) -> Facts:
        facts = placing({path: files[path] for path in pictures.values()})
        for path, text in texts.items():
            files[path].write_text(text, "utf-8")
        if inverse:
            files[inverse].write_bytes(encode_png(255 - decode(files[pictures["mask"]])))
        return facts

    return make
