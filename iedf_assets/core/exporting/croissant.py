"""`croissant.json` of a Parquet export: Croissant 1.1 with fields of responsible AI, told as on the card."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from iedf_assets.core.exporting.card import profile_digest, texts
from iedf_assets.core.exporting.counts import Counts
from iedf_assets.core.exporting.formats.parquet import CHAINS, LIST, PAIRS, chain_columns, columns
from iedf_assets.core.exporting.units import Plan, Unit

NAME = "croissant.json"
_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileProperty",
    "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
)  # fmt: skip
_TYPES = {"Image": "sc:ImageObject", "string": "sc:Text", "int32": "sc:Integer"}
_MEANING = {
    "source": "the picture before the edit",
    "target": "the picture after the edit",
    "mask": "white where the source's content changes",
    "allowed": "white where source and target may differ",
    "result_mask": "white where a moved or scaled object ends up; null of other edits",
    "instruction_en": "what to do, in English",
    "instruction_zh": "what to do, in Chinese",
    "sample_key": "unique: the id to join on",
    "split": "the same for all samples of a photo",
    "recipe": "the edit's parameters, JSON",
    "scores": "what was measured, JSON",
    "reference": "the photo of which the model was shown an object, and whose that is, JSON",
    "inverse_of": "the sample_key of the pair that it is the way back of",
    "chain": "the sample_key of the first pair of its chain of turns",
    "turn": "which turn of its chain it is, from 1",
    "turns": "how many turns the chain has",
    "images": "the photo, then the picture after each turn: turn n leads from the one before",
    "masks": "of each turn: white where the content of the picture before it changes",
    "instructions_en": "of each turn: what to do, in English",
    "instructions_zh": "of each turn: what to do, in Chinese",
    "sample_keys": "of each turn, the pair that it is",
    "recipes": "of each turn: the edit's parameters, JSON",
    "references": "of each turn: the photo of which the model was shown an object, JSON",
}


class _Table(NamedTuple):
    """A folder of shards, as it is described: the records' name, the files', and the columns."""

    records: str
    files: str
    folder: str
    columns: Mapping[str, str]


def croissant_unit(plan: Plan, counts: Counts) -> Unit:
    """The description; made when the shards lie there."""

    def make(files: Mapping[str, Path]) -> None:
        text = json.dumps(_described(plan, counts), ensure_ascii=False, indent=1)
        files[NAME].write_text(text + "\n", "utf-8")

    return Unit((NAME,), None, 0, make)


def _described(plan: Plan, counts: Counts) -> dict[str, Any]:
    words = texts()["en"]
    sizes = words["sizes_grid"] if plan.asked.size == "grid" else words["how_made"]
    kinds = ", ".join(f"{name}: {count}" for name, count in sorted(counts.kinds.items()))
    tables = list(_tables(plan, counts))
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "name": plan.folder.name,
        "description": f"{words['summary'].format(samples=counts.samples)} {words['direction']}",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "citeAs": words["about_citing"],
        "license": counts.licence,
        "url": plan.folder.as_uri(),
        "version": "1.0.0",
        "rai:dataCollection": words["how_made"],
        "rai:dataCollectionType": "Software Collection",
        "rai:dataPreprocessingProtocol": sizes,
        "rai:machineAnnotationTools": f"profile {profile_digest(plan)}; {', '.join(sorted(counts.makers))}",
        "rai:dataLimitations": words["known_wrong"],
        "rai:dataBiases": f"Samples by kind of edit: {kinds}.",
        "rai:dataUseCases": "Training and testing models that edit pictures by instruction.",
        "rai:personalSensitiveInformation": words["about_privacy"],
        "distribution": [_files(table) for table in tables],
        "recordSet": [_records(table) for table in tables],
    }


def _tables(plan: Plan, counts: Counts) -> Iterator[_Table]:
    languages = plan.asked.languages
    yield _Table("pairs", "shards", PAIRS, columns(languages))
    if counts.chains:
        yield _Table("chains", "shards_of_chains", CHAINS, chain_columns(languages))


def _files(table: _Table) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": table.files,
        "name": table.files,
        "encodingFormat": "application/x-parquet",
        "includes": f"{table.folder}/*.parquet",
    }


def _records(table: _Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.records,
        "name": table.records,
        "field": [_field(table, name, kind) for name, kind in table.columns.items()],
    }


def _field(table: _Table, name: str, kind: str) -> dict[str, Any]:
    value = kind.removeprefix(LIST)
    source: dict[str, Any] = {"fileSet": {"@id": table.files}, "extract": {"column": name}}
    if value == "Image":
        source["transform"] = {"jsonPath": "bytes"}
    # By `isArray` alone, as 1.1 has it, readers that know 1.0 take a list of pictures for one.
    listed = {"isArray": True, "arrayShape": "-1", "repeated": True} if value != kind else {}
    return {
        "@type": "cr:Field",
        "@id": f"{table.records}/{name}",
        "name": name,
        "description": _MEANING.get(name, name.replace("_", " ")),
        "dataType": _TYPES[value],
        **listed,
        "source": source,
    }


def _context() -> dict[str, Any]:
    """What the names above stand for, as the standard has it."""
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        **{name: f"cr:{name}" for name in _TERMS},
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "sc": "https://schema.org/",
    }
