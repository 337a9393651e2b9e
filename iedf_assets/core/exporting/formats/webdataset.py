"""Tar shards of WebDataset: `SPLIT-000000.tar`, a sample's members side by side, the same for each.

Those of chains of N turns lie in `chains_N/`, with the pictures and masks of all turns.
"""

import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.formats import tars
from iedf_assets.core.exporting.formats.seen import Load, Seen
from iedf_assets.core.exporting.formats.tars import Member
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.samples import Head, Samples, chain_facts
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit, summed
from iedf_assets.core.profile.exports import Export, Language

VERSION = 3
SHARD_BYTES = 10**9
_PIECE = 4 << 20
ROLES = ("source", "target", "mask")
CHAINS = "chains_"


Members = Iterable[tuple[str, bytes]]
"""Fields and contents, in their order."""
_Members = Callable[[Sequence[Example]], tuple[Members, Facts]]


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each shard."""
    look, languages = Look.of(plan), plan.asked.languages
    told = (VERSION, look, languages)
    pairs = partial(_members, look=look, languages=languages)
    yield from _shards(plan, "", plan.examples.heads(), pairs, told)
    chains = partial(_members_of_chain, look=look, languages=languages)
    for turns in sorted({len(chain.places) for chain in plan.examples.chains()}):
        alike = (chain for chain in plan.examples.chains() if len(chain.places) == turns)
        yield from _shards(plan, f"{CHAINS}{turns}/", alike, chains, told)


def _shards(
    plan: Plan, folder: str, heads: Iterable[Head], members: _Members, told: tuple[object, ...]
) -> Iterator[Unit]:
    numbers = Counter[str]()
    for shard in sharded(heads, SHARD_BYTES):
        path = f"{folder}{shard.split}-{numbers[shard.split]:06d}.tar"
        numbers[shard.split] += 1
        yield Unit(
            (path,), shard.key(*told), shard.bytes, _writer(plan.examples, shard, members), movable=True
        )


def read(folder: Path, _asked: Export) -> Iterator[Seen]:
    """Read shards as the field does: a sample is what lies side by side and begins alike up to a dot.

    Raises:
        StorageError: a shard's samples differ in their fields.
    """
    for path in sorted(folder.glob("*.tar")):
        fields: frozenset[str] | None = None
        with path.open("rb") as file:
            for stem, found in _samples_of(path):
                if fields not in {None, frozenset(found)}:
                    raise StorageError(f"{path} has other fields in {stem} than before", "export it anew")
                fields = frozenset(found)
                texts = {field.removesuffix(".txt"): _content(file, member).decode("utf-8")
                         for field, member in found.items() if field.endswith(".txt")}  # fmt: skip
                yield Seen(stem, texts, _loader(path, found))


def read_chains(folder: Path, asked: Export) -> Iterator[Seen]:
    """`read` of the shards of chains; see `seen.Seen`."""
    for path in sorted(folder.glob(f"{CHAINS}*/*.tar")):
        with path.open("rb") as file:
            for stem, found in _samples_of(path):
                told = json.loads(_content(file, found.pop("json")))
                texts = {
                    language: "\n".join(told[f"instructions_{language}"]) for language in asked.languages
                }
                yield Seen(stem, texts, _chain_loader(path, found))


def _samples_of(path: Path) -> Iterator[tuple[str, dict[str, Member]]]:
    """Stem, and field → member, of what lies side by side.

    Raises:
        StorageError: the shard is damaged.
    """
    try:
        for stem, group in groupby(tars.members(path), key=lambda member: member.name.split(".", 1)[0]):
            yield stem, {member.name.partition(".")[2]: member for member in group}
    except tarfile.TarError as error:
        raise StorageError(f"{path} is damaged: {error}", "export it anew") from error


def _chain_loader(path: Path, found: Mapping[str, Member]) -> Load:
    return partial(_contents, path, {field.rpartition(".")[0]: member for field, member in found.items()})


def _loader(path: Path, found: Mapping[str, Member]) -> Load:
    named = {field.split(".")[0]: member for field, member in found.items()}
    return partial(_contents, path, {role: named[role] for role in ROLES if role in named})


def _contents(path: Path, found: Mapping[str, Member]) -> dict[str, bytes]:
    with path.open("rb") as file:
        return {role: _content(file, member) for role, member in found.items()}


def _content(file: IO[bytes], member: Member) -> bytes:
    file.seek(member.place)
    return file.read(member.size)


def _writer(samples: Samples, shard: Shard, members: _Members) -> Make:
    def make(files: Mapping[str, Path]) -> Facts:
        (path,) = files.values()
        told: list[Facts] = []
        with path.open("wb", buffering=_PIECE) as tar:
            for head, examples in samples.read(shard.heads):
                found, facts = members(examples)
                told.append(facts)
                for field, content in found:
                    tars.add(tar, f"{head.stem}.{field}", content)
            tars.finish(tar)
        return {"rows": len(shard.heads), "split": shard.split, **summed(told)}

    return make


def _members(
    examples: Sequence[Example], look: Look, languages: tuple[Language, ...]
) -> tuple[Members, Facts]:
    (example,) = examples
    found, facts = look.bytes_of(example, ROLES)
    pictures = [(f"{role}{look.ending(role)}", found[role]) for role in ROLES]
    texts = [(f"{language}.txt", example.caption(language).encode()) for language in languages]
    return [*pictures, _told(example.facts(languages), facts), *texts], facts


def _members_of_chain(
    turns: Sequence[Example], look: Look, languages: tuple[Language, ...]
) -> tuple[Members, Facts]:
    found, facts = look.bytes_of_turns(turns)
    targets = [(f"{n}{look.ending('target')}", files["target"]) for n, files in enumerate(found, 1)]
    masks = [(f"{n}.mask{look.ending('mask')}", files["mask"]) for n, files in enumerate(found, 1)]
    first = (f"0{look.ending('source')}", found[0]["source"])
    return [first, *targets, *masks, _told(chain_facts(turns, languages), facts)], {}


def _told(told: Mapping[str, object], facts: Facts) -> tuple[str, bytes]:
    sizes = {name: facts[name] for name in ("width", "height", "made_from")}
    return "json", json.dumps({**told, **sizes}).encode()
