"""Perceptual hashes, and what follows from them: duplicates, twins across categories, splits."""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.reasons import DUPLICATE, NEAR_DUPLICATE

HASH_BITS = 64
# The picture that is hashed, and the least grey-level deviation that gives its hash a meaning.
_SIDE = 32
_MIN_DEVIATION = 2.0
LOOK_SIDE = 8
# Levels by which some cell of the same picture may differ: encoded anew, scaled, or cropped by up to a
# fiftieth they differ by at most 36, with another thing in the scene by 45 and more.
SAME_LOOK = 40


def perceptual_hash(rgb: Pixels) -> str | None:
    """The 64-bit DCT hash of a picture (OpenCV's `PHash`) as 16 hexadecimal digits.

    None for a flat picture, whose hash would be noise and bring unlike pictures together.
    """
    small = cv2.cvtColor(_reduced(rgb), cv2.COLOR_RGB2GRAY)
    if float(small.std()) < _MIN_DEVIATION:
        return None
    return bytes(cv2.img_hash.pHash(small).ravel()).hex()


def look_of(rgb: Pixels) -> str:
    """The colours of a picture in 8 x 8 cells, as hexadecimal digits: 192 bytes, RGB, row by row."""
    small = cv2.resize(_reduced(rgb), (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8).tobytes().hex()


def _reduced(rgb: Pixels) -> Pixels:
    """The picture that is hashed. Whole-numbered averaging first: it is four times as fast as any other."""
    height, width = rgb.shape[:2]
    factor = min(height, width) // (8 * _SIDE)
    if factor > 1:
        whole = rgb[: height // factor * factor, : width // factor * factor]
        size = (width // factor, height // factor)
        rgb = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _bands(bits: int) -> list[tuple[int, int]]:
    """`bits + 1` bands of a hash, each its lowest bit and its mask once that is shifted to the end."""
    edges = [round(band * HASH_BITS / (bits + 1)) for band in range(bits + 2)]
    return [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]


class HashIndex:
    """Finds the hashes within a few bits of another without comparing all.

    Two hashes that differ in at most `bits` bits agree in at least one of `bits + 1` bands (pigeonhole), so
    only those in a band's bucket are compared, all at once.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._bands = _bands(bits)
        self._buckets: list[defaultdict[int, array[int]]] = [
            defaultdict(lambda: array("Q")) for _ in self._bands
        ]
        self._known: set[int] = set()

    def add(self, value: int) -> None:
        """Put a hash in; twice is once."""
        if value in self._known:
            return
        self._known.add(value)
        for (low, mask), buckets in zip(self._bands, self._buckets, strict=True):
            buckets[value >> low & mask].append(value)

    def near(self, value: int) -> dict[int, int]:
        """Hashes in the index within `bits` of `value`, with their distance in bits."""
        found: dict[int, int] = {}
        for (low, mask), buckets in zip(self._bands, self._buckets, strict=True):
            bucket = buckets.get(value >> low & mask)
            if bucket is None:
                continue
            others = np.array(bucket, np.uint64)
            distances = np.bitwise_count(others ^ np.uint64(value))
            close = distances <= self._bits
            found.update(zip(others[close].tolist(), distances[close].tolist(), strict=True))
        return found


class Candidate(NamedTuple):
    """A photo as it is compared with others.

    Attributes:
        phash, look: as `perceptual_hash` and `look_of` give them.
        pixels: before scaling down.
    """

    path: str
    source_id: str
    phash: str | None
    look: str | None = None
    pixels: int | None = None

    def looks_like(self, other: "Candidate") -> bool:
        """Whether both show the same, once their hashes are near: the same colours everywhere."""
        if self.look is None or other.look is None:  # read before looks were kept
            return True
        mine, theirs = (np.frombuffer(bytes.fromhex(one), np.uint8) for one in (self.look, other.look))
        return bool(np.abs(mine.astype(np.int16) - theirs).max() <= SAME_LOOK)


def in_company(photos: pl.DataFrame, bits: int) -> pl.DataFrame:
    """Those photos that any other one may be a duplicate or a twin of, in the same order; mostly a few.

    Args:
        photos: with the columns of `Candidate` and any others.
        bits: see `resolve_duplicates`.
    """
    values = photos["phash"].str.to_integer(base=16, dtype=pl.UInt64)
    near = pl.Series(_near_ones(values.drop_nulls().to_numpy(), bits) if bits >= 0 else (), dtype=pl.UInt64)
    return photos.filter(pl.col("source_id").is_duplicated() | values.is_in(near.implode()))


def _near_ones(values: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.uint64]:
    """The hashes that occur twice, or with another one within some bits; by bands, as `HashIndex` does it."""
    unique, counts = np.unique(values, return_counts=True)
    found = counts > 1
    for low, mask in _bands(bits):
        band = unique >> np.uint64(low) & np.uint64(mask)
        order = np.argsort(band, kind="stable")
        band = band[order]
        # Each is compared with the next one, then with the one after that, as long as their bands agree.
        first = np.arange(len(order))
        for step in range(1, len(order)):
            first = first[first + step < len(order)]
            first = first[band[first] == band[first + step]]
            if not first.size:
                break
            one, other = order[first], order[first + step]
            close = np.bitwise_count(unique[one] ^ unique[other]) <= bits
            found[one[close]] = found[other[close]] = True
    return unique[found]


class Duplicate(NamedTuple):
    """Why a photo is left out: reason, detail, and the path of the photo that is kept."""

    reason: str
    detail: str
    kept: str


def resolve_duplicates(
    photos: Iterable[Candidate], accepted_before: Collection[str], bits: int
) -> dict[str, Duplicate]:
    """The photos of one category that are duplicates, where a better one shows the same picture.

    Photos are gone through in a fixed order, those accepted before first, then the largest, then by path;
    each is compared with those kept so far and no others. The hash proposes and the look decides: photos of
    one scene have near hashes, whatever stands in it. So the outcome depends on no order of arrival, a chain
    of similar pictures keeps every picture that no kept one resembles, and what was published stays.

    Args:
        accepted_before: paths that an earlier run accepted with the same content.
        bits: near duplicates differ in at most so many bits of the hash; -1 looks for none.

    Returns:
        Path → why it is left out.
    """
    by_content: dict[str, str] = {}
    by_hash: defaultdict[int, list[Candidate]] = defaultdict(list)
    index = HashIndex(max(bits, 0))
    turned: dict[str, Duplicate] = {}

    def place(photo: Candidate) -> tuple[bool, int, str]:
        return photo.path not in accepted_before, -(photo.pixels or 0), photo.path

    for photo in sorted(photos, key=place):
        value = int(photo.phash, 16) if photo.phash and bits >= 0 else None
        if photo.source_id in by_content:
            kept = by_content[photo.source_id]
            turned[photo.path] = Duplicate(DUPLICATE, f"the same file: {kept}", kept)
            continue
        near = _nearest(photo, value, by_hash, index) if value is not None else None
        if near:
            distance, kept = near
            detail = f"hashes differ in {distance} bits: {kept}"
            turned[photo.path] = Duplicate(NEAR_DUPLICATE, detail, kept)
            continue
        by_content[photo.source_id] = photo.path
        if value is not None:
            by_hash[value].append(photo)
            index.add(value)
    return turned


def _nearest(
    photo: Candidate, value: int, by_hash: Mapping[int, list[Candidate]], index: HashIndex
) -> tuple[int, str] | None:
    """Distance in bits and path of the nearest photo that looks the same; None when there is none."""
    # Very many photos may share one hash, so equality is told before anything is searched.
    same = [other.path for other in by_hash.get(value, ()) if photo.looks_like(other)]
    if same:
        return 0, min(same)
    near = index.near(value).items()
    alike = [
        (distance, other.path)
        for found, distance in near
        for other in by_hash[found]
        if photo.looks_like(other)
    ]
    return min(alike, default=None)


@dataclass(frozen=True, order=True)
class Twin:
    """Two accepted photos of different categories that show the same picture.

    Attributes:
        first, second: their paths, `first` the smaller.
        same_content: whether the files are equal; else only their hashes are near.
    """

    first: str
    second: str
    same_content: bool


def twins(photos_by_category: Mapping[str, Collection[Candidate]], bits: int) -> list[Twin]:
    """All pairs of accepted photos of different categories with equal content or near hashes, sorted."""
    if sum(bool(photos) for photos in photos_by_category.values()) <= 1:
        return []
    by_content: dict[str, list[tuple[str, str]]] = defaultdict(list)
    by_hash: dict[int, list[tuple[str, str]]] = defaultdict(list)
    index = HashIndex(max(bits, 0))
    for category, photos in photos_by_category.items():
        for photo in photos:
            by_content[photo.source_id].append((category, photo.path))
            if photo.phash and bits >= 0:
                by_hash[int(photo.phash, 16)].append((category, photo.path))
                index.add(int(photo.phash, 16))
    equal = {pair for places in by_content.values() for pair in _pairs(places, places)}
    near = {
        pair
        for value, places in by_hash.items()
        for other in index.near(value)
        for pair in _pairs(places, by_hash[other])
    }
    return sorted(Twin(*pair, same_content=pair in equal) for pair in equal | near)


def _pairs(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for category, path in ours:
        for other_category, other_path in theirs:
            if category != other_category:
                yield min(path, other_path), max(path, other_path)


def split_groups(photos: Iterable[Candidate], pairs: Collection[Twin]) -> dict[str, str]:
    """The representative of each source that has a twin: the smallest `source_id` among it and twins' twins.

    Args:
        photos: the accepted ones of all categories.
        pairs: their twins.
    """
    paired = {path for pair in pairs for path in (pair.first, pair.second)}
    source_of = {photo.path: photo.source_id for photo in photos if photo.path in paired}
    parent = {source: source for source in source_of.values()}
    for pair in pairs:
        small, large = sorted(_root(parent, source_of[path]) for path in (pair.first, pair.second))
        parent[large] = small
    return {source: _root(parent, source) for source in parent}


def _root(parent: dict[str, str], source: str) -> str:
    while parent[source] != source:
        parent[source] = parent[parent[source]]
        source = parent[source]
    return source


def split_of(representative: str, validation_share: float) -> Literal["train", "validation"]:
    """The split of a group of sources, from its representative's hash alone: no other source changes it."""
    return "validation" if int(representative[:8], 16) / 2**32 < validation_share else "train"
