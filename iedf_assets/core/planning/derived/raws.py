"""Samples before they were encoded: photo and raw edit put together again, where staging has them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Self

import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pairs.unencoded import Remaking, unencoded_apart
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.decoders import decoders
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.derived.remaking import remakings
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.keys import digest
from iedf_assets.core.storage.naming import Layout


class Raws:
    """What samples are made from; a category's are looked up when one of them is asked for first.

    Args:
        folder: an existing one, for what was looked up.
    """

    def __init__(self, profile: Profile, layout: Layout, folder: Path) -> None:
        self._profile, self._layout, self._folder = profile, layout, folder
        self._lock = Lock()
        # By category: sample key → place in its file.
        self._places: dict[str, dict[str, int]] = {}

    @classmethod
    @contextmanager
    def open(cls, profile: Profile, layout: Layout) -> Iterator[Self]:
        """Such, until the block ends."""
        with TemporaryDirectory(prefix="iedf-raws-") as folder:
            yield cls(profile, layout, Path(folder))

    def of(self, category: str, key: str, source: Pixels, target: Pixels) -> tuple[Pixels, Pixels] | None:
        """Source and target of a sample before they were encoded; None where that cannot be had any more.

        May be called from several threads.

        Args:
            key: of the sample, in that category.
            source, target: as published. What is made again has to come to the same when it is encoded.
        """
        remaking = self._remaking(category, key)
        if remaking is None:
            return None
        found = unencoded_apart(remaking, decoders(self._profile), self._profile.sources.timeout_s)
        quality = self._profile.category(category).encoding.jpeg_quality
        if found is None or not all(map(_comes_to, found, (source, target), (quality, quality))):
            return None
        return found

    def _remaking(self, category: str, key: str) -> Remaking | None:
        with self._lock:
            if category not in self._places:
                self._places[category] = self._looked_up(category)
            place = self._places[category].get(key)
        if place is None:
            return None
        with self._file(category).open("rb") as lines:
            lines.seek(place)
            return Remaking.of(json.loads(lines.readline()))

    def _looked_up(self, category: str) -> dict[str, int]:
        if category not in self._profile.categories:
            return {}
        places: dict[str, int] = {}
        book = Book.open(self._profile, self._layout, category)
        with self._file(category).open("wb") as file:
            try:
                for key, remaking in remakings(book):
                    places[key] = file.tell()
                    file.write(json.dumps(remaking.told(), ensure_ascii=False).encode() + b"\n")
            except StorageError:  # a table is broken: what is known of the others goes
                pass
        return places

    def _file(self, category: str) -> Path:
        return self._folder / f"{digest(category)}.jsonl"


def _comes_to(raw: Pixels, published: Pixels, quality: int) -> bool:
    return np.array_equal(decode_jpeg(encode_jpeg(raw, quality)), published)
