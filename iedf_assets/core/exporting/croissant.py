"""`croissant.json` of a Parquet export: Croissant 1.1 with fields of responsible AI, told as on the card."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from iedf_assets.core.exporting.card import profile_digest, texts
from iedf_assets.core.exporting.counts import Counts
from iedf_assets.core.exporting.formats.parquet import columns
from iedf_assets.core.exporting.units import Plan, Unit

NAME = "croissant.json"
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
    "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
    "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
    "transform",
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
    "inverse_of": "the sample_key of the pair that it is the way back of",
    "chain": "the sample_key of the first pair of its chain of turns",
    "turn": "which turn of its chain it is, from 1",
}


def croissant_unit(plan: Plan, counts: Callable[[], Counts]) -> Unit:
    """The description; made when the shards lie there."""

    def make(files: Mapping[str, Path]) -> None:
        text = json.dumps(_described(plan, counts()), ensure_ascii=False, indent=1)
        files[NAME].write_text(text + "\n", "utf-8")

    return Unit((NAME,), None, 0, make)


def _described(plan: Plan, counts: Counts) -> dict[str, Any]:
    words = texts()["en"]
    sizes = words["sizes_grid"] if plan.asked.size == "grid" else words["how_made"]
    kinds = ", ".join(f"{name}: {count}" for name, count in sorted(counts.kinds.items()))
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
        "distribution": [{
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "encodingFormat": "application/x-parquet",
            "includes": "data/*.parquet",
        }],
        "recordSet": [{
            "@type": "cr:RecordSet",
            "@id": "pairs",
            "name": "pairs",
            "field": [_field(name, kind) for name, kind in columns(plan.asked.languages).items()],
        }],
    }  # fmt: skip


def _field(name: str, kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": "shards"}, "extract": {"column": name}}
    if kind == "Image":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"pairs/{name}",
        "name": name,
        "description": _MEANING.get(name, name.replace("_", " ")),
        "dataType": _TYPES[kind],
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
