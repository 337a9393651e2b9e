"""Photos of benchmarks, which are held out: a photo that shows the same picture as one of them is left out.

A hash list is JSON lines: `name`, `phash`, and `small`, the picture at 32x32, which decides where hashes are
near. It tells what is held out without holding the pictures.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iedf_assets.core.errors import ProfileError, SourceError
from iedf_assets.core.pictures.codecs import Pixels
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.fields import absolute
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.fingerprints import HashIndex, perceptual_hash, reduced

# So many bits of the hashes may differ, and so many levels the small pictures on average.
NEAR_BITS, NEAR_LEVELS = 8, 12.0
_SHAPE = (32, 32, 3)


@dataclass(frozen=True)
class Held:
    """A picture that is held out.

    Attributes:
        name: of its file.
        phash: as `perceptual_hash` gives it.
        small: uint8 (32, 32, 3).
    """

    name: str
    phash: str
    small: Pixels

    def as_json(self) -> str:
        """Its line of a hash list."""
        small = base64.b64encode(self.small.tobytes()).decode("ascii")
        return json.dumps({"name": self.name, "phash": self.phash, "small": small})


class Exclusions:
    """Finds whether a photo shows a picture that is held out."""

    def __init__(self, held: Iterable[Held]) -> None:
        self._index = HashIndex(NEAR_BITS)
        self._held: defaultdict[int, list[Held]] = defaultdict(list)
        for one in held:
            value = int(one.phash, 16)
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

    def found(self, rgb: Pixels, phash: str | None) -> str | None:
        """The name of the picture that a photo shows; None when none is held out."""
        if phash is None or not self._held:
            return None
        small = reduced(rgb).astype(np.int16)
        near = sorted(self._index.near(int(phash, 16)).items(), key=lambda found: found[1])
        for held in (held for value, _ in near for held in self._held[value]):
            if float(np.abs(small - held.small).mean()) <= NEAR_LEVELS:
                return held.name
        return None


def hashed(folder: Path, profile: Profile) -> Iterator[Held | str]:
    """Every picture below a folder; of a file that is none, or too flat to be told from others, its name."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        try:
            photo = read_photo(
                path, max_pixels=profile.sources.max_pixels, max_megapixels=profile.max_megapixels
            )
        except SourceError:
            yield name
            continue
        phash = perceptual_hash(photo.rgb)
        yield Held(name, phash, reduced(photo.rgb)) if phash else name


def _read(path: Path, profile: Profile) -> Iterator[Held]:
    if path.is_dir():
        yield from (held for held in hashed(path, profile) if isinstance(held, Held))
        return
    try:
        with path.open(encoding="utf-8") as lines:
            for line in filter(str.strip, lines):
                yield _parsed(json.loads(line))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProfileError(
            f"the hash list {path} of sources.exclude cannot be read: {error}",
            "name a folder of pictures, or a list that iedf hashes wrote",
        ) from error


def _parsed(row: dict[str, Any]) -> Held:
    pixels = np.frombuffer(base64.b64decode(row["small"], validate=True), np.uint8).reshape(_SHAPE)
    return Held(str(row["name"]), f"{int(row['phash'], 16):016x}", pixels)
