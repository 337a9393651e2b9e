"""Preference pairs: one source, one instruction, two results, which is better, and why the other is not.

The better one is always the published target. The other is a model's result from another seed of the same
place in the plan, which was turned down, or the target with a fault planted into it. Of tries of which the
best was kept only those count that the judge rates lower. All are PNG, so that the two differ by nothing
else.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats.loose import found_in, json_line, read_lines
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.planted import faults_of, planted, scene_of
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit, lines_unit
from iedf_assets.core.judging.choosing import NOT_THE_BEST, rating_of
from iedf_assets.core.pairs.samples import one_line
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.profile.exports import Export, Language
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import digest

VERSION = 1
_ROLES = ("source", "win", "lose")
_JUDGED = ("slot", "instruction_ch", "instruction_en", "reason", "scores")


@dataclass(frozen=True)
class Worse:
    """A result that is worse than a sample's.

    Attributes:
        stem: of the pair's files.
        reason: why it is worse: the name of a check, or of a planted fault.
        edit_id: of the reject; None of a planted fault.
    """

    stem: str
    reason: str
    edit_id: str | None = None


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each pair, and tables for each language."""
    rejects = _rejects(plan)

    def pairs() -> Iterator[tuple[Example, Worse]]:
        for example in plan.examples:
            for worse in _worse(example, rejects.get(example.entry["edit_id"], [])):
                yield example, worse

    def made() -> Iterator[tuple[Example, Worse]]:
        for example, worse in pairs():
            if not plan.told(_paths(worse)["source"]).get("absent"):
                yield example, worse

    for example, worse in pairs():
        paths = tuple(_paths(worse).values())
        yield Unit(
            paths, digest(VERSION, paths, example.stamp), 6 * example.bytes, _writer(plan, example, worse)
        )
    for language in plan.asked.languages:
        suffix = plan.asked.suffix(language)
        yield lines_unit(f"preference{suffix}.jsonl", _rows(made, language))
        yield lines_unit(f"editreward{suffix}.jsonl", _reward_rows(plan, made, language))
        for split, name in (("train", "train"), ("validation", "test")):
            yield lines_unit(f"{name}_metadata{suffix}.jsonl", _prompts(made, language, split))


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """Read the tables of all languages, which have the same rows."""
    names = [f"preference{asked.suffix(language)}.jsonl" for language in asked.languages]
    wanted = ("instruction", "source_img", "left_output_image", "right_output_image", "reason")
    for rows in zip(*(read_lines(folder / name, wanted) for name in names), strict=True):
        columns = {"source": "source_img", "target": "left_output_image", "worse": "right_output_image"}
        load = found_in(folder, {role: rows[0][column] for role, column in columns.items()})
        texts = {language: row["instruction"] for language, row in zip(asked.languages, rows, strict=True)}
        yield Seen(rows[0]["sample_stem"], texts, load)


def _rejects(plan: Plan) -> dict[str, list[tuple[str, str]]]:
    """Edit of a sample → rejects of the same place in the plan with the same instruction: edit, reason."""
    told: dict[str, list[tuple[Row, str, str]]] = defaultdict(list)
    for row in verdicts_of_all(plan.layout, ("rejected",), _JUDGED):
        if row["scores"] is not None and row["instruction_ch"]:
            texts = one_line(row["instruction_ch"]), one_line(row["instruction_en"])
            told[_place(row["slot"])].append((row, *texts))
    found = defaultdict(list)
    for row in verdicts_of_all(plan.layout, ("published",), _JUDGED) if told else ():
        own = [one_line(row["instruction_ch"] or ""), one_line(row["instruction_en"] or "")]
        for other, *said in told.get(_place(row["slot"]), ()):
            if said == own and _is_worse(other, row) and plan.layout.rejected(other["edit_id"]).is_dir():
                found[row["edit_id"]].append((other["edit_id"], other["reason"] or "rejected"))
    return found


def _is_worse(reject: Row, sample: Row) -> bool:
    """Whether a reject is a worse picture than the sample: it failed a check, or is rated lower."""
    passed = reject["reason"] == NOT_THE_BEST
    return not passed or _rating(reject) < _rating(sample)


def _rating(row: Row) -> float:
    return rating_of(json.loads(row["scores"]) if row["scores"] else {})


def _place(slot: str) -> str:
    """Source, subtype and variant of a slot, without its try."""
    return "/".join(slot.split("/")[:3])


def _worse(example: Example, rejects: list[tuple[str, str]]) -> Iterator[Worse]:
    for edit_id, reason in rejects:
        yield Worse(f"{example.stem}-seed-{edit_id}", reason, edit_id)
    for fault in faults_of(example):
        yield Worse(f"{example.stem}-{fault.replace('_', '-')}", fault)


def _paths(worse: Worse) -> dict[str, str]:
    return {role: f"{role}/{worse.stem}.png" for role in _ROLES}


def _writer(plan: Plan, example: Example, worse: Worse) -> Make:
    def make(files: Mapping[str, Path]) -> Facts | None:
        scene = scene_of(example)
        if worse.edit_id is None:
            result = planted(worse.reason, scene)
        else:
            kept = plan.layout.rejected(worse.edit_id)
            # Of other pixels it would be no pair of one source.
            same = (kept / "source.jpg").read_bytes() == example.files["source"].read_bytes()
            result = decode(kept / "result.jpg") if same else None
        if result is None:
            return {"absent": True}
        pictures = {"source": scene.source, "win": scene.target, "lose": result}
        for role, path in _paths(worse).items():
            files[path].write_bytes(encode_png(pictures[role]))
        return None

    return make


Pairs = Callable[[], Iterator[tuple[Example, Worse]]]
Lines = Callable[[], Iterator[str]]


def _rows(pairs: Pairs, language: Language) -> Lines:
    """Rows with EditReward's columns, the better one always on the left; paths relative to the export."""

    def lines() -> Iterator[str]:
        for example, worse in pairs():
            paths, metadata = _paths(worse), example.entry["metadata"]
            planted_one = worse.edit_id is None
            yield json_line({
                "key": worse.stem,
                "instruction": example.caption(language),
                "source_img": paths["source"],
                "left_output_image": paths["win"],
                "right_output_image": paths["lose"],
                "left_model": metadata["backend"],
                "right_model": "planted" if planted_one else metadata["backend"],
                "vote_type": "left",
                "reason": worse.reason,
                "planted": planted_one,
                "sample_key": example.entry["sample_key"],
                "sample_stem": example.stem,
                "split": example.split,
                **example.rights,
            })  # fmt: skip

    return lines


def _reward_rows(plan: Plan, pairs: Pairs, language: Language) -> Lines:
    """Rows as EditReward trains on: `path1` is always the preferred one; absolute paths."""

    def lines() -> Iterator[str]:
        for example, worse in pairs():
            source, win, lose = (str(plan.folder / path) for path in _paths(worse).values())
            yield json_line({
                "prompt": example.caption(language), "path_src": source, "path1": win, "path2": lose,
            })  # fmt: skip

    return lines


def _prompts(pairs: Pairs, language: Language, split: str) -> Lines:
    """Rows as Flow-GRPO reads them: a source and a prompt of each sample, once."""

    def lines() -> Iterator[str]:
        last = None
        for example, worse in pairs():
            if example.split == split and example.stem != last:
                last = example.stem
                yield json_line({"prompt": example.caption(language), "image": _paths(worse)["source"]})

    return lines
