"""`datasets`' imagefolder, for small sets: `SPLIT/metadata.jsonl` beside folders of pictures."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from iedf_assets.core.exporting.examples import PAIR, Example
from iedf_assets.core.exporting.formats.loose import by_path, found_in, json_line, read_lines, sample_units
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.units import Plan, Unit, lines_unit
from iedf_assets.core.profile.exports import Export

_FILES = {role: f"{role}_file_name" for role in PAIR}


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each sample, and a table for each split."""
    look = Look.of(plan)

    def within(example: Example) -> Mapping[str, str]:
        return {role: f"{role}/{example.stem}{look.ending(role)}" for role in PAIR}

    def places(example: Example) -> Mapping[str, str]:
        return {role: f"{example.split}/{path}" for role, path in within(example).items()}

    def lines(split: str) -> Iterator[str]:
        for example in plan.examples:
            if example.split == split:
                named = {_FILES[role]: path for role, path in within(example).items()}
                facts = plan.told(places(example)["source"])
                sizes = {name: facts.get(name) for name in ("width", "height", "made_from")}
                # `datasets` guesses another type of a column that is null all through a split.
                told = {key: value or "" for key, value in example.facts(plan.asked.languages).items()}
                told["turn"] = told["turn"] or 0
                yield json_line({**named, **told, **sizes})

    yield from sample_units(plan, look, lambda example: by_path(places(example)))
    for split in sorted({example.split for example in plan.examples}):
        yield lines_unit(f"{split}/metadata.jsonl", partial(lines, split))


def read(folder: Path, _asked: Export) -> Iterator[Seen]:
    """Read each split's table and the files that it names."""
    for table in sorted(folder.glob("*/metadata.jsonl")):
        for row in read_lines(table, tuple(_FILES.values())):
            texts = {
                key.removeprefix("instruction_"): text
                for key, text in row.items()
                if key.startswith("instruction_")
            }
            load = found_in(table.parent, {role: row[_FILES[role]] for role in PAIR})
            yield Seen(Path(row["source_file_name"]).stem, texts, load)
