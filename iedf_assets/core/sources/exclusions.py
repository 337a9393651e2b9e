"""Pictures of benchmarks, which are held out: a photo that shows one of them is left out.

A hash list is JSON lines of `name`, `phash` and `look`: it tells what is held out without the pictures.
The hash proposes and the look decides, as between photos.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from iedf_assets.core.errors import ProfileError, SourceError
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.reasons import BENCHMARK_OVERLAP
from iedf_assets.core.sources.fingerprints import Candidate, HashIndex, look_of, perceptual_hash
from iedf_assets.core.storage.journal import Row

# So many bits of the hashes may differ: more than between photos, since benchmarks scale and crop.
NEAR_BITS = 7


class Exclusions:
    """Finds whether a photo shows a picture that is held out; `path` is the name of one."""

    def __init__(self, held: Iterable[Candidate]) -> None:
        self._index = HashIndex(NEAR_BITS)
        self._held: defaultdict[int, list[Candidate]] = defaultdict(list)
        for one in held:
            value = int(one.phash or "0", 16)
            self._index.add(value)
            self._held[value].append(one)

    @classmethod
    def of(cls, profile: Profile) -> "Exclusions":
        """What a profile holds out.

        Raises:
            ProfileError: a list or a folder of `sources.exclude` cannot be read.
        """
        paths = map(absolute, profile.sources.exclude)
        return cls(held for path in paths for held in _read(path, profile))

    def judged(self, row: Row) -> Row:
        """A row of source_images, filtered when its photo shows a picture that is held out."""
        if row["status"] != "pending" or not row["phash"]:
            return row
        name = self.found(Candidate(row["path"], row["source_id"], row["phash"], row["look"]))
        if name is None:
            return row
        detail = f"shows a picture that sources.exclude holds out: {name}"
        told = {"reason": BENCHMARK_OVERLAP, "detail": detail, "phash": None, "look": None}
        return {**row, "status": "filtered", **told}

    def found(self, photo: Candidate) -> str | None:
        """The name of the picture that a photo shows; None when none is held out."""
        near = self._index.near(int(photo.phash, 16)) if photo.phash else {}
        for value in sorted(near, key=lambda value: near[value]):
            for held in self._held[value]:
                if photo.looks_like(held):
                    return held.path
        return None


def hashed(folder: Path, profile: Profile) -> Iterator[Candidate]:
    """Every file below a folder; what is no picture, or too flat to be told from others, without a hash."""
    apart, sources = decoders(profile), profile.sources
    # Where relative paths begin is another folder in a child.
    folder = folder.absolute()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        asked = [str(path), sources.max_pixels, profile.max_megapixels]
        try:
            told = apart.call(f"{__name__}:fingerprint", asked, sources.timeout_s)
        except SourceError:
            told = {"phash": None, "look": None}
        yield Candidate(path.relative_to(folder).as_posix(), "", told["phash"], told["look"])


def fingerprint(asked: list[Any]) -> dict[str, str | None]:
    """Hash and look of a picture. Called in a child process.

    Args:
        asked: its path, and the bounds of `read_photo`.

    Raises:
        SourceError: it cannot be read.
    """
    path, max_pixels, max_megapixels = asked
    rgb = read_photo(Path(path), max_pixels=max_pixels, max_megapixels=max_megapixels).rgb
    return {"phash": perceptual_hash(rgb), "look": look_of(rgb)}


def _read(path: Path, profile: Profile) -> Iterator[Candidate]:
    if path.is_dir():
        yield from (held for held in hashed(path, profile) if held.phash)
        return
    try:
        with path.open(encoding="utf-8") as lines:
            for line in filter(str.strip, lines):
                row = json.loads(line)
                look = bytes.fromhex(row["look"]).hex()
                yield Candidate(str(row["name"]), "", f"{int(row['phash'], 16):016x}", look)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProfileError(
            f"the hash list {path} of sources.exclude cannot be read: {error}",
            "name a folder of pictures, or a list that iedf hashes wrote",
        ) from error
