"""Tar shards of WebDataset: `SPLIT-000000.tar`, a sample's members side by side, the same for each."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.exporting.looks import Look
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.exporting.units import Facts, Make, Plan, Unit
from iedf_assets.core.profile.exports import Export, Language

VERSION = 2
SHARD_BYTES = 10**9
ROLES = ("source", "target", "mask")


def units(plan: Plan) -> Iterator[Unit]:
    """A unit for each shard."""
    look, languages = Look.of(plan.asked), plan.asked.languages
    numbers = Counter[str]()
    for shard in sharded(plan.examples, SHARD_BYTES):
        path = f"{shard.split}-{numbers[shard.split]:06d}.tar"
        numbers[shard.split] += 1
        key = shard.key(VERSION, look, languages)
        yield Unit((path,), key, shard.bytes, _writer(shard, look, languages), movable=True)


def read(folder: Path, _asked: Export) -> Iterator[Seen]:
    """Read shards as the field does: a sample is what lies side by side and begins alike up to a dot.

    Raises:
        StorageError: a shard's samples differ in their fields.
    """
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            fields: frozenset[str] | None = None
            for stem, group in groupby(tar, key=lambda member: member.name.split(".", 1)[0]):
                found = {member.name.split(".", 1)[1]: member for member in group}
                if fields not in {None, frozenset(found)}:
                    raise StorageError(f"{path} has other fields in {stem} than before", "export it anew")
                fields = frozenset(found)
                texts = {field.removesuffix(".txt"): _content(path, member).decode("utf-8")
                         for field, member in found.items() if field.endswith(".txt")}  # fmt: skip
                yield Seen(stem, texts, _loader(path, found))


def _loader(path: Path, found: Mapping[str, tarfile.TarInfo]) -> Callable[[], dict[str, bytes]]:
    named = {field.split(".")[0]: member for field, member in found.items() if field.split(".")[0] in ROLES}
    return lambda: {role: _content(path, member) for role, member in named.items()}


def _content(path: Path, member: tarfile.TarInfo) -> bytes:
    with path.open("rb") as file:
        file.seek(member.offset_data)
        return file.read(member.size)


def _writer(shard: Shard, look: Look, languages: tuple[Language, ...]) -> Make:
    def make(files: Mapping[str, Path]) -> Facts:
        (path,) = files.values()
        small = 0
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for example in shard.examples:
                found, facts = look.bytes_of(example, ROLES)
                small += bool(facts.get("small"))
                for role in ROLES:
                    _add(tar, f"{example.stem}.{role}{look.ending(role)}", found[role])
                sizes = {name: facts[name] for name in ("width", "height", "made_from")}
                told = {**example.facts(languages), **sizes}
                _add(tar, f"{example.stem}.json", json.dumps(told).encode())
                for language in languages:
                    _add(tar, f"{example.stem}.{language}.txt", example.caption(language).encode())
        return {"rows": len(shard.examples), "split": shard.split, "small": small}

    return make


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member without a time or an owner, so that the same samples give the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
