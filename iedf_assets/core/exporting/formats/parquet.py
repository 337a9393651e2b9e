"""Parquet shards that `datasets` and the Hub show with pictures: `data/SPLIT-00000-of-00012.parquet`.

The file's own metadata says which columns are pictures. Row groups are small, as the Hub's viewer reads whole
ones.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iedf_assets.core.exporting.examples import Example, stem_of
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit
from iedf_assets.core.profile.exports import Export, Language
from iedf_assets.core.publishing.index_rows import PHOTO
from iedf_assets.core.storage.naming import SampleKey

VERSION = 1
SHARD_BYTES = 500 * 10**6
GROUP_ROWS, GROUP_BYTES = 100, 100 * 10**6
ROLES = ("source", "target", "mask", "allowed", "result_mask")
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_NUMBERS = ("width", "height")


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each shard."""
    look, languages = Look.of(plan.asked), plan.asked.languages
    # Gone through twice: the names tell how many there are, and not all are held at once.
    counts = Counter(shard.split for shard in sharded(plan.examples, SHARD_BYTES))
    numbers = Counter[str]()
    for shard in sharded(plan.examples, SHARD_BYTES):
        path = f"data/{shard.split}-{numbers[shard.split]:05d}-of-{counts[shard.split]:05d}.parquet"
        numbers[shard.split] += 1
        key = shard.key(VERSION, look, languages)
        yield Unit((path,), key, shard.bytes, _writer(shard, look, languages), movable=True)


def columns(languages: tuple[Language, ...]) -> dict[str, str]:
    """Column → `Image` or the name of its type, in their order."""
    texts = [f"instruction_{language}" for language in languages]
    names = (
        "sample_key",
        "edit_id",
        "source_id",
        "split",
        "edit_task",
        "subtype",
        "scene",
        "tier",
        "category",
    )
    more = (
        "recipe",
        "scores",
        "source_path",
        *PHOTO,
        "backend",
        "model_revision",
        "made_with",
        "made_from",
    )
    return {
        **dict.fromkeys(ROLES[:3], "Image"),
        **dict.fromkeys(texts, "string"),
        **dict.fromkeys(ROLES[3:], "Image"),
        **dict.fromkeys((*names, *more), "string"),
        **dict.fromkeys(_NUMBERS, "int32"),
    }


def schema_of(languages: tuple[Language, ...]) -> Any:
    """The Arrow schema, with the metadata that `datasets` goes by."""
    kinds = columns(languages)
    told = {
        name: {"_type": "Image"} if kind == "Image" else {"dtype": kind, "_type": "Value"}
        for name, kind in kinds.items()
    }
    types = {"Image": _PICTURE, "string": pa.string(), "int32": pa.int32()}
    fields = [(name, types[kind]) for name, kind in kinds.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": told}})})


def read(folder: Path, _asked: Export) -> Iterator[Seen]:
    """Read shards of all splits, row group by row group."""
    for path in sorted((folder / "data").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            texts = [name for name in file.schema_arrow.names if name.startswith("instruction_")]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["sample_key", *texts])
                for place, row in enumerate(table.to_pylist()):
                    told = {name.removeprefix("instruction_"): row[name] for name in texts}
                    stem = stem_of(SampleKey.parse(row["sample_key"]))
                    yield Seen(stem, told, _loader(path, group, place))


def _loader(path: Path, group: int, place: int) -> Any:
    def load() -> dict[str, bytes]:
        with pq.ParquetFile(path) as file:
            names = list(ROLES[:3])
            row = file.read_row_group(group, columns=names).slice(place, 1).to_pylist()[0]
        return {role: row[role]["bytes"] for role in names}

    return load


def _writer(shard: Shard, look: Look, languages: tuple[Language, ...]) -> Make:
    schema = schema_of(languages)
    texts = [name for name, kind in columns(languages).items() if kind == "string"]

    def make(files: Mapping[str, Path]) -> Facts:
        (path,) = files.values()
        small = 0
        with pq.ParquetWriter(path, schema, compression="NONE", use_dictionary=texts) as writer:
            rows: list[dict[str, Any]] = []
            held = 0
            for example in shard.examples:
                row, facts = _row(example, look, languages)
                small += bool(facts.get("small"))
                if rows and (len(rows) == GROUP_ROWS or held + example.bytes > GROUP_BYTES):
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows, held = [], 0
                rows.append(row)
                held += example.bytes
            writer.write_table(pa.Table.from_pylist(rows, schema))
        return {"rows": len(shard.examples), "split": shard.split, "small": small}

    return make


def _row(example: Example, look: Look, languages: tuple[Language, ...]) -> tuple[dict[str, Any], Facts]:
    found, facts = look.bytes_of(example, ROLES)
    pictures = {
        role: {"bytes": content, "path": f"{example.stem}.{role}{look.ending(role)}"}
        for role, content in found.items()
    }
    sizes = {name: facts[name] for name in (*_NUMBERS, "made_from")}
    return {**dict.fromkeys(ROLES), **pictures, **example.facts(languages), **sizes}, facts
