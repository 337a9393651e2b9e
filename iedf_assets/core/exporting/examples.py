"""What there is to export: the samples of the index, one after another, with their files and their scores."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic_core import from_json

from iedf_assets.core.errors import ProfileError, StorageError
from iedf_assets.core.pairs.samples import published_files
from iedf_assets.core.profile.exports import Export, Language
from iedf_assets.core.publishing.index_rows import INDEX_COLUMNS, METADATA, PHOTO, RIGHTS
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.sources.licences import together
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import canonical, hashed
from iedf_assets.core.storage.manifests import batches, decode, scan_table
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.core.storage.staged import are_intact

PAIR = ("source", "target", "mask")
CAPTIONS: Mapping[Language, str] = {"en": "instruction_en", "zh": "instruction_ch"}
# What a row of edit_pairs says of its files.
_WRITTEN = ("files", "checksums", "written_ns")


@dataclass(frozen=True)
class Example:
    """A sample that is exported.

    Attributes:
        entry: its row of `index.parquet`, in which nested values of `metadata` are text.
        scores: what was measured of it, by name, as JSON text.
        paths: role (`source`, `target`, perhaps `mask`, `allowed` and `result_mask`) → file, absolute.
        states: role → bytes and time of the file.
    """

    entry: Row
    scores: str
    paths: Mapping[str, str]
    states: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, outputs: str, line: bytes) -> Self:
        """The inverse of `line`; its files lie in a factory's outputs."""
        states, entry, scores = from_json(line)
        return cls(entry, scores, _paths_of(outputs, entry), states)

    @classmethod
    def seen(cls, outputs: str, entry: Row, scores: str) -> Self:
        """A sample with its files as they are now.

        Raises:
            StorageError: one of them is gone.
        """
        paths = _paths_of(outputs, entry)
        try:
            states = {role: os.stat(path) for role, path in paths.items()}  # noqa: PTH116  # hundreds of thousands
        except OSError as error:
            raise StorageError(
                f"{entry['sample_key']} cannot be exported: {error.strerror}: {error.filename}",
                "iedf check says what else is wrong; iedf run mends what it can",
            ) from error
        seen = {role: (state.st_size, state.st_mtime_ns) for role, state in states.items()}
        return cls(entry, scores, paths, seen)

    @cached_property
    def line(self) -> str:
        """All that is known of it, a line of JSON."""
        return canonical(self.states, self.entry, self.scores)

    @property
    def stamp(self) -> str:
        """Another one whenever its files or what is known of it change."""
        return hashed(self.line)

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Role → file."""
        return {role: Path(path) for role, path in self.paths.items()}

    @property
    def bytes(self) -> int:
        """Of its files together."""
        return sum(size for size, _ in self.states.values())

    @property
    def key(self) -> str:
        """What it is called in the index."""
        return str(self.entry["sample_key"])

    @cached_property
    def sample(self) -> SampleKey:
        """Its place in the dataset."""
        return SampleKey.parse(self.key)

    @cached_property
    def stem(self) -> str:
        """A file name for it, of its own in any folder; see `stem_of`."""
        return stem_of(self.sample)

    @property
    def split(self) -> str:
        """`train` or `validation`."""
        return str(self.entry["split"])

    def caption(self, language: Language) -> str:
        """The instruction in a language, one line."""
        return self.entry[CAPTIONS[language]] or ""

    @property
    def rights(self) -> dict[str, str]:
        """What is known of whose its photos are and what may be done with them; empty for what is not known.

        Trainers' readers take no nulls.
        """
        return {**self.photo_rights, "reference": self.entry["metadata"]["reference"] or ""}

    @property
    def photo_rights(self) -> dict[str, str]:
        """`rights` of its own photo alone."""
        return {key: self.entry["metadata"][key] or "" for key in RIGHTS}

    @property
    def licences(self) -> str:
        """Of its photo and of the one that its model was shown; see `together`."""
        metadata = self.entry["metadata"]
        shown = from_json(metadata["reference"]) if metadata["reference"] else None
        return together([metadata["photo_licence"], *([shown["licence"]] if shown else [])])

    def facts(self, languages: tuple[Language, ...]) -> dict[str, Any]:
        """What exports say of a sample, under the same names in each; nested values are JSON text."""
        entry, metadata = self.entry, self.entry["metadata"]
        columns = ("sample_key", "edit_id", "source_id", "split", "edit_task", "subtype", "scene", "tier")
        return {
            **{column: entry[column] for column in columns},
            "category": entry["dataset_category"],
            **{f"instruction_{language}": self.caption(language) for language in languages},
            "recipe": metadata["recipe"],
            "scores": self.scores,
            **{
                key: metadata[key]
                for key in ("source_path", *PHOTO, "backend", "model_revision", "made_with")
            },
            **{key: metadata[key] for key in ("reference", "inverse_of", "chain", "turn")},
        }


def stem_of(sample: SampleKey) -> str:
    """`semantic-delete-park-00001`: hyphens alone, since trainers take `_` and digits for other pictures."""
    place = f"{sample.task.removesuffix('_edit')}-{sample.subtype}-{sample.scene}"
    # A scene may differ from another in a hyphen alone.
    told = f"-{content_hash(sample.scene.encode())[:6]}" if "_" in sample.scene else ""
    return f"{place}{told}-{sample.number:05d}".replace("_", "-")


class Examples:
    """The samples that an export asks for, sorted by key; they are read anew each time they are gone through.

    Raises:
        ProfileError: `where` names what no row of the index has.
        StorageError: the index cannot be read, or a sample's file is gone; going through them raises it too.
    """

    def __init__(self, layout: Layout, asked: Export) -> None:
        self._layout, self._asked = layout, asked
        known = {*INDEX_COLUMNS, *METADATA}
        unknown = [key for key in asked.where if key.removeprefix("recipe.") == key and key not in known]
        if unknown:
            raise ProfileError(
                f"where names {', '.join(unknown)}, which no row of the index has",
                f"use one of {', '.join(sorted(known))}, or recipe.NAME",
            )

    def __iter__(self) -> Iterator[Example]:
        """Go through them, a batch of the index in memory at a time."""
        outputs = str(self._layout.outputs)
        judged = iter(verdicts_of_all(self._layout, ("published",), ("scores", *_WRITTEN)))
        row: Row | None = next(judged, None)
        for batch in batches(scan_table(self._layout.reports / "index.parquet")):
            for entry in batch.iter_rows(named=True):
                if not self._is_asked_for(entry):
                    continue
                key = entry["sample_key"]
                while row is not None and row["sample_key"] < key:
                    row = next(judged, None)
                known = row if row is not None and row["sample_key"] == key else {}
                _require_as_published(self._layout, key, known)
                yield Example.seen(outputs, entry, known.get("scores") or "{}")

    def _is_asked_for(self, entry: Row) -> bool:
        if self._asked.split not in {None, entry["split"]}:
            return False
        return all(_said(entry, key) == value for key, value in self._asked.where.items())


def _require_as_published(layout: Layout, key: str, row: Row) -> None:
    """See that a sample's files are those of its pair, of which `row` tells.

    Raises:
        StorageError: somebody has changed one of them.
    """
    told = decode({name: row.get(name) for name in _WRITTEN})
    if not told["files"]:
        return
    paths = published_files(layout, SampleKey.parse(key))
    if not are_intact({name: paths[name] for name in told["files"]}, told):
        raise StorageError(f"the files of {key} are not those that were published", "iedf run mends them")


def _paths_of(outputs: str, entry: Row) -> dict[str, str]:
    metadata = entry["metadata"]
    named = {
        "source": entry["src_image_path"],
        "target": entry["result_image_path"],
        # Of edits of the whole picture by a stated function there is none: everything changes.
        "mask": next(iter(entry["mask_paths"] or ()), None),
        "allowed": metadata["allowed_region_mask_path"],
        "result_mask": metadata["result_mask_path"],
    }
    return {role: f"{outputs}/{name}" for role, name in named.items() if name}


def _said(entry: Row, key: str) -> str | None:
    """What a row says under a key, as text."""
    metadata = entry["metadata"]
    if key.startswith("recipe."):
        value = json.loads(metadata["recipe"] or "{}").get(key.removeprefix("recipe."))
    else:
        value = entry[key] if key in entry else metadata[key]
    return None if value is None else str(value)
