"""musubi-tuner: `dataset.jsonl` with absolute paths and unique names, and `dataset.toml` to go with it."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.loose import by_path, found_in, json_line, read_lines, sample_units
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Plan, Unit, lines_unit, text_unit
from iedf_assets.core.profile.exports import Export, Language

_CONFIG = """\
# The target is image_path, the picture before the edit control_path.
[general]
resolution = [1024, 1024]
batch_size = 1
enable_bucket = true
bucket_no_upscale = true

[[datasets]]
image_jsonl_file = {table}
cache_directory = {cache}
control_resolution = [1024, 1024]
"""


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each sample, a table and a configuration for each language."""
    look = Look.of(plan)

    def places(example: Example) -> Mapping[str, str]:
        return {role: f"{role}/{example.stem}{look.ending(role)}" for role in ("source", "target")}

    def rows(language: Language) -> Callable[[], Iterator[str]]:
        def lines() -> Iterator[str]:
            for example in plan.examples:
                within = places(example)
                paths = {role: str(plan.folder / path) for role, path in within.items()}
                made_from = plan.told(within["source"]).get("made_from", "published")
                row = {
                    "image_path": paths["target"],
                    "control_path": paths["source"],
                    "caption": example.caption(language),
                }
                known = {"sample_key": example.key, "split": example.split, "made_from": made_from}
                yield json_line({**row, **known, **example.rights})

        return lines

    yield from sample_units(plan, look, lambda example: by_path(places(example)))
    for language in plan.asked.languages:
        suffix = plan.asked.suffix(language)
        table, cache = plan.folder / f"dataset{suffix}.jsonl", plan.folder / f"cache{suffix}"
        yield lines_unit(table.name, rows(language))
        quoted = {"table": str(table), "cache": str(cache)}
        text = _CONFIG.format(**{name: json.dumps(path, ensure_ascii=False) for name, path in quoted.items()})
        yield text_unit(f"dataset{suffix}.toml", text)


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """Read the tables of all languages, which have the same rows, by `ImageJsonlDatasource`'s rules.

    Raises:
        StorageError: two pictures have the same name, under which their caches would be kept.
    """
    names = [f"dataset{asked.suffix(language)}.jsonl" for language in asked.languages]
    tables = [read_lines(folder / name, ("image_path", "control_path", "caption")) for name in names]
    known: set[str] = set()
    for rows in zip(*tables, strict=True):
        path = Path(rows[0]["image_path"])
        if path.stem in known:
            raise StorageError(f"{folder} has two pictures called {path.stem}", "export it anew")
        known.add(path.stem)
        load = found_in(folder, {"source": rows[0]["control_path"], "target": rows[0]["image_path"]})
        texts = {language: row["caption"] for language, row in zip(asked.languages, rows, strict=True)}
        yield Seen(path.stem, texts, load)
