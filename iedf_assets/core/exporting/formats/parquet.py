"""Parquet shards that `datasets` and the Hub show with pictures: `data/SPLIT-00000-of-00012.parquet`.

A row is a pair; in `chains/` it is a chain of them, with lists of pictures and texts. The file's own metadata
says which columns are pictures. Row groups are small, as the Hub's viewer reads whole ones.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from iedf_assets.core.exporting.examples import Example, stem_of
from iedf_assets.core.exporting.formats.seen import Load, Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.samples import Head, Samples, chain_facts
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit, summed
from iedf_assets.core.profile.exports import Export, Language
from iedf_assets.core.publishing.index_rows import PHOTO, RIGHTS
from iedf_assets.core.storage.naming import SampleKey

VERSION = 3
SHARD_BYTES = 500 * 10**6
GROUP_ROWS, GROUP_BYTES = 100, 100 * 10**6
ROLES = ("source", "target", "mask", "allowed", "result_mask")
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_TYPES = {"Image": _PICTURE, "string": pa.string(), "int32": pa.int32()}
_NUMBERS = ("width", "height")
PAIRS, CHAINS = "data", "chains"
# How the type of a column begins whose values are lists.
LIST = "list "


@dataclass(frozen=True)
class _Table:
    """A folder of shards.

    Attributes:
        heads: gives what its rows are of; asked twice.
        columns: see `columns`.
        row: the row of samples that belong together, and what is told of the pictures of one.
    """

    folder: str
    heads: Callable[[], Iterable[Head]]
    columns: Mapping[str, str]
    row: Callable[[Sequence[Example]], tuple[dict[str, Any], Facts]]


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each shard."""
    look, languages = Look.of(plan), plan.asked.languages
    told = (VERSION, look, languages)
    pairs = partial(_row, look=look, languages=languages)
    yield from _shards(plan, _Table(PAIRS, plan.examples.heads, columns(languages), pairs), told)
    chains = partial(_row_of_chain, look=look, languages=languages)
    yield from _shards(plan, _Table(CHAINS, plan.examples.chains, chain_columns(languages), chains), told)


def _shards(plan: Plan, table: _Table, told: tuple[Any, ...]) -> Iterator[Unit]:
    # Gone through twice: the names tell how many there are, and not all are held at once.
    counts = Counter(shard.split for shard in sharded(table.heads(), SHARD_BYTES))
    numbers = Counter[str]()
    for shard in sharded(table.heads(), SHARD_BYTES):
        name = f"{shard.split}-{numbers[shard.split]:05d}-of-{counts[shard.split]:05d}"
        numbers[shard.split] += 1
        path = f"{table.folder}/{name}.parquet"
        yield Unit((path,), shard.key(*told), shard.bytes, _writer(plan.examples, shard, table), movable=True)


def columns(languages: tuple[Language, ...]) -> dict[str, str]:
    """Column → `Image` or the name of its type, in their order; of a list `list ` and that of its values."""
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
        "reference",
    )
    derived = ("inverse_of", "chain")
    return {
        **dict.fromkeys(ROLES[:3], "Image"),
        **dict.fromkeys(texts, "string"),
        **dict.fromkeys(ROLES[3:], "Image"),
        **dict.fromkeys((*names, *more, *derived), "string"),
        **dict.fromkeys((*_NUMBERS, "turn"), "int32"),
    }


def chain_columns(languages: tuple[Language, ...]) -> dict[str, str]:
    """`columns` of the table of chains: of N turns N + 1 pictures, and N of all else that is a list."""
    texts = [f"instructions_{language}" for language in languages]
    lists = ("sample_keys", "edit_tasks", "subtypes", "recipes", "references")
    photo = ("source_id", "split", "category", "scene", "source_path", *RIGHTS)
    return {
        "chain": "string",
        **dict.fromkeys(("images", "masks"), f"{LIST}Image"),
        **dict.fromkeys((*texts, *lists), f"{LIST}string"),
        **dict.fromkeys((*photo, "made_from"), "string"),
        **dict.fromkeys((*_NUMBERS, "turns"), "int32"),
    }


def schema_of(kinds: Mapping[str, str]) -> Any:
    """The Arrow schema of some columns, with the metadata that `datasets` goes by."""
    told = {name: _feature(kind) for name, kind in kinds.items()}
    fields = [(name, _type(kind)) for name, kind in kinds.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": told}})})


def _type(kind: str) -> Any:
    return pa.list_(_TYPES[kind.removeprefix(LIST)]) if kind.startswith(LIST) else _TYPES[kind]


def _feature(kind: str) -> Any:
    """What `datasets` calls a type; a list of one that of its values, which every version understands."""
    if kind.startswith(LIST):
        return [_feature(kind.removeprefix(LIST))]
    return {"_type": "Image"} if kind == "Image" else {"dtype": kind, "_type": "Value"}


def read(folder: Path, _asked: Export) -> Iterator[Seen]:
    """Read shards of all splits, row group by row group."""
    for path in sorted((folder / PAIRS).glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            texts = [name for name in file.schema_arrow.names if name.startswith("instruction_")]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["sample_key", *texts])
                for place, row in enumerate(table.to_pylist()):
                    told = {name.removeprefix("instruction_"): row[name] for name in texts}
                    stem = stem_of(SampleKey.parse(row["sample_key"]))
                    yield Seen(stem, told, _loader(path, group, place))


def read_chains(folder: Path, _asked: Export) -> Iterator[Seen]:
    """`read` of the table of chains; see `seen.Seen`."""
    for path in sorted((folder / CHAINS).glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            texts = [name for name in file.schema_arrow.names if name.startswith("instructions_")]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["chain", *texts])
                for place, row in enumerate(table.to_pylist()):
                    told = {name.removeprefix("instructions_"): "\n".join(row[name]) for name in texts}
                    yield Seen(
                        stem_of(SampleKey.parse(row["chain"])), told, _chain_loader(path, group, place)
                    )


def _loader(path: Path, group: int, place: int) -> Load:
    def load() -> dict[str, bytes]:
        row = _pictures(path, group, place, ROLES[:3])
        return {role: row[role]["bytes"] for role in row}

    return load


def _chain_loader(path: Path, group: int, place: int) -> Load:
    def load() -> dict[str, bytes]:
        row = _pictures(path, group, place, ("images", "masks"))
        images = {f"{number}": one["bytes"] for number, one in enumerate(row["images"])}
        return images | {f"{number}.mask": one["bytes"] for number, one in enumerate(row["masks"], 1)}

    return load


def _pictures(path: Path, group: int, place: int, names: Iterable[str]) -> dict[str, Any]:
    with pq.ParquetFile(path) as file:
        row: dict[str, Any] = file.read_row_group(group, columns=list(names)).slice(place, 1).to_pylist()[0]
    return row


def _writer(samples: Samples, shard: Shard, table: _Table) -> Make:
    schema = schema_of(table.columns)
    texts = [name for name, kind in table.columns.items() if kind == "string"]

    def make(files: Mapping[str, Path]) -> Facts:
        (path,) = files.values()
        told: list[Facts] = []
        # What is known of the least and the greatest picture helps nobody, and takes as long as writing them.
        how = {"compression": "NONE", "use_dictionary": texts, "write_statistics": texts}
        with pq.ParquetWriter(path, schema, **how) as writer:
            rows: list[dict[str, Any]] = []
            held = 0
            for head, examples in samples.read(shard.heads):
                row, facts = table.row(examples)
                told.append(facts)
                if rows and (len(rows) == GROUP_ROWS or held + head.bytes > GROUP_BYTES):
                    writer.write_table(_table_of(rows, table.columns, schema))
                    rows, held = [], 0
                rows.append(row)
                held += head.bytes
            writer.write_table(_table_of(rows, table.columns, schema))
        return {"rows": len(shard.heads), "split": shard.split, **summed(told)}

    return make


def _table_of(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str], schema: Any) -> Any:
    found = {
        name: _pictures_of([row[name] for row in rows])
        if kind == "Image"
        else pa.array([row[name] for row in rows], _type(kind))
        for name, kind in kinds.items()
    }
    return pa.table(found, schema)


def _pictures_of(pictures: Sequence[Mapping[str, Any] | None]) -> Any:
    """A column of pictures, of which each is copied once."""
    contents = [picture["bytes"] if picture else b"" for picture in pictures]
    missing = pa.array([picture is None for picture in pictures])
    ends = np.cumsum([0, *map(len, contents)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(contents))]
    told = [
        pa.Array.from_buffers(pa.binary(), len(contents), buffers),
        pa.array([picture["path"] if picture else None for picture in pictures], pa.string()),
    ]
    return pa.StructArray.from_arrays(told, fields=list(_PICTURE), mask=missing)


def _row(
    examples: Sequence[Example], look: Look, languages: tuple[Language, ...]
) -> tuple[dict[str, Any], Facts]:
    (example,) = examples
    found, facts = look.bytes_of(example, ROLES)
    pictures = {
        role: {"bytes": content, "path": f"{example.stem}.{role}{look.ending(role)}"}
        for role, content in found.items()
    }
    sizes = {name: facts[name] for name in (*_NUMBERS, "made_from")}
    return {**dict.fromkeys(ROLES), **pictures, **example.facts(languages), **sizes}, facts


def _row_of_chain(
    turns: Sequence[Example], look: Look, languages: tuple[Language, ...]
) -> tuple[dict[str, Any], Facts]:
    found, facts = look.bytes_of_turns(turns)
    pictures = [("source", found[0]["source"]), *(("target", files["target"]) for files in found)]

    def named(number: int, role: str, content: bytes) -> dict[str, Any]:
        return {"bytes": content, "path": f"{turns[0].stem}-{number}.{role}{look.ending(role)}"}

    sizes = {name: facts[name] for name in (*_NUMBERS, "made_from")}
    return {
        "images": [named(number, *picture) for number, picture in enumerate(pictures)],
        "masks": [named(number, "mask", files["mask"]) for number, files in enumerate(found, 1)],
        **chain_facts(turns, languages),
        **sizes,
    }, {}
