"""How files say their colours, other than by a profile: EXIF, tags, chunks, cICP and nclx; as a profile.

What is sRGB or says nothing needs none. What cannot be converted (PQ and HLG, unknown primaries) is told, so
that the photo is left out and never published in wrong colours.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.tiff import Entry, number_of, tags_of
from iedf_assets.core.reasons import UNREADABLE

_D65 = (0.3127, 0.3290)
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_GAMMA = 563 / 256
# By the numbers of ITU-T H.273; 2 is "unspecified".
_PRIMARIES = {
    1: _SRGB, 2: _SRGB, 5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), 7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    9: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), 12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}  # fmt: skip
_AS_SRGB = frozenset({1, 2, 6, 13, 14, 15})
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_FRACTIONS = 5
_EXIF, _INTEROPERABILITY, _COLOUR_SPACE, _INDEX = 0x8769, 0xA005, 0xA001, 0x0001
_WHITE_POINT, _PRIMARY_PLACES = 318, 319
# Of a BMP's header: where it says its colours, and in which words, its primaries, gammas and profile.
_BMP_SPACE, _BMP_PLACES, _BMP_GAMMAS, _BMP_PROFILE = 70, 74, 110, 126
_BMP_CALIBRATED, _BMP_EMBEDDED, _BMP_LINKED = 0, 0x4D424544, 0x4C494E4B
# A gamma and primaries as near to sRGB's are meant to be sRGB's.
_NEAR_GAMMA, _NEAR_PLACE = 0.02, 0.003


@dataclass(frozen=True)
class Space:
    """Colours by three primaries.

    Attributes:
        primaries: x and y of red, green and blue.
        white: x and y.
        gamma: of the samples; None for sRGB's own curve.
    """

    primaries: Sequence[tuple[float, float]]
    white: tuple[float, float] = _D65
    gamma: float | None = None

    @property
    def is_srgb(self) -> bool:
        """Whether it is sRGB, by as much as anybody sees."""
        places = [*self.primaries, self.white]
        wanted = [*_SRGB, _D65]
        near = all(
            abs(one - other) <= _NEAR_PLACE
            for place, other_place in zip(places, wanted, strict=True)
            for one, other in zip(place, other_place, strict=True)
        )
        return near and (self.gamma is None or abs(self.gamma - 2.2) <= _NEAR_GAMMA)


def of_exif(exif: bytes) -> Space | None:
    """Adobe RGB where EXIF says so: by its number, or by the index `R03` of what it does not number."""
    block = exif.removeprefix(b"Exif\0\0")
    pointer = tags_of(block).get(_EXIF)
    at = number_of(pointer) if pointer else None
    if at is None:
        return None
    told = tags_of(block, at)
    space = number_of(told[_COLOUR_SPACE]) if _COLOUR_SPACE in told else None
    index = b""
    if (place := told.get(_INTEROPERABILITY)) and (start := number_of(place)) is not None:
        entry = tags_of(block, start).get(_INDEX)
        index = entry.value if entry else b""
    adobe = space == 2 or (space in {0xFFFF, None} and index.startswith(b"R03"))
    return Space(_ADOBE, gamma=_ADOBE_GAMMA) if adobe else None


def of_code_points(primaries: int, transfer: int) -> Space | None:
    """The space of two code points of ITU-T H.273, from cICP or nclx; None for sRGB.

    Raises:
        SourceError: `unreadable`: they cannot be converted without a guess.
    """
    if primaries not in _PRIMARIES or (transfer not in _AS_SRGB and transfer not in _GAMMAS):
        raise SourceError(
            UNREADABLE,
            f"its colours (primaries {primaries}, transfer {transfer} of H.273) cannot be converted to sRGB",
            "export it in sRGB",
        )
    space = Space(_PRIMARIES[primaries], gamma=_GAMMAS.get(transfer))
    return None if space.is_srgb else space


def of_png(gamma: bytes, chromaticities: bytes) -> Space | None:
    """The space of the chunks gAMA and cHRM, either of which may be empty; None for sRGB and for nonsense."""
    places: list[tuple[float, float]] = [_D65, *_SRGB]
    if len(chromaticities) == 32:
        values = [value / 100_000 for value in struct.unpack(">8I", chromaticities)]
        places = list(zip(values[::2], values[1::2], strict=True))
    exponent = None
    if len(gamma) == 4 and (told := int.from_bytes(gamma, "big")):
        exponent = 100_000 / told
    return _sensible(places[1:], places[0], exponent)


def of_tiff(data: bytes) -> Space | None:
    """The space that a TIFF's tags tell, by its EXIF or by its primaries; None for sRGB and for nonsense."""
    adobe = of_exif(data)
    told = tags_of(data)
    if adobe or _PRIMARY_PLACES not in told:
        return adobe
    places = _shares(told[_PRIMARY_PLACES])
    white = _shares(told[_WHITE_POINT]) if _WHITE_POINT in told else [_D65]
    return _sensible(places, white[0], None) if len(places) == 3 and len(white) == 1 else None


def of_bmp(data: bytes) -> tuple[Space | None, bytes]:
    """The space that a BMP's header tells, and the profile that it holds; None and empty for sRGB.

    Raises:
        SourceError: `unreadable`: its profile is another file.
    """
    size = int.from_bytes(data[14:18], "little")
    if size < 108 or len(data) < 14 + size:
        return None, b""
    (space,) = struct.unpack_from("<I", data, _BMP_SPACE)
    if space == _BMP_LINKED:
        raise SourceError(UNREADABLE, "its colour profile is another file", "export it in sRGB")
    if space == _BMP_EMBEDDED and size >= 124:
        at, length = struct.unpack_from("<II", data, _BMP_PROFILE)
        return None, data[14 + at : 14 + at + length]
    if space != _BMP_CALIBRATED:
        return None, b""
    colours = np.array(struct.unpack_from("<9i", data, _BMP_PLACES), np.float64).reshape(3, 3) / 2**30
    gamma = struct.unpack_from("<I", data, _BMP_GAMMAS)[0] / 2**16
    sums = colours.sum(axis=1)
    if (sums <= 0).any() or not gamma:
        return None, b""
    red, green, blue, white = (_place(xyz) for xyz in (*colours, colours.sum(axis=0)))
    # Some programs write places, whose sum is no white, and what a decoder's exponent is the inverse of.
    white = _D65 if np.allclose(sums, 1, atol=0.01) else white
    return _sensible([red, green, blue], white, gamma if gamma >= 1 else 1 / gamma), b""


def _place(xyz: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    x, y, _ = xyz / xyz.sum()
    return float(x), float(y)


def _sensible(
    primaries: Sequence[tuple[float, float]], white: tuple[float, float], gamma: float | None
) -> Space | None:
    """A space that can be; None for sRGB and for nonsense."""
    if not all(0 < y < 1 and 0 < x < 1 for x, y in [white, *primaries]) or not 0.2 < (gamma or 1) < 5:
        return None
    space = Space(tuple(primaries), white, gamma)
    return None if space.is_srgb else space


def _shares(entry: Entry) -> list[tuple[float, float]]:
    """The pairs of a tag of fractions; a fraction of nothing is 0."""
    count = len(entry.value) // 8 if entry.kind == _FRACTIONS else 0
    sign = ">" if entry.order == "big" else "<"
    numbers = struct.unpack_from(f"{sign}{2 * count}I", entry.value)
    shares = [over / under if under else 0.0 for over, under in zip(numbers[::2], numbers[1::2], strict=True)]
    return list(zip(shares[::2], shares[1::2], strict=False))


def profile_of(space: Space) -> bytes:
    """An ICC profile (version 2, display, RGB) of a space."""
    red, green, blue = _adapted(space).T
    curve = _curve(space.gamma)
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", 4) + b"own\0" + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", _xyz((0.9642, 1.0, 0.8249))),
        (b"rXYZ", _xyz(red)), (b"gXYZ", _xyz(green)), (b"bXYZ", _xyz(blue)),
        (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
    ]  # fmt: skip
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz((0.9642, 1.0, 0.8249))[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _adapted(space: Space) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """From linear RGB to XYZ under D50, by Bradford's cone responses: (3, 3), a column for each primary."""

    def xyz(place: tuple[float, float]) -> list[float]:
        x, y = place
        return [x / y, 1.0, (1 - x - y) / y]

    primaries = np.array([xyz(place) for place in space.primaries]).T
    white = np.array(xyz(space.white))
    matrix = primaries * np.linalg.solve(primaries, white)
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = (cones @ np.array([0.9642, 1.0, 0.8249])) / (cones @ white)
    return np.asarray(np.linalg.inv(cones) @ np.diag(scale) @ cones @ matrix, np.float64)


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv" + bytes(4) + struct.pack(">IH", 1, min(round(gamma * 256), 0xFFFF)) + bytes(2)
    samples = np.linspace(0, 1, 1024)
    linear = np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
    values = np.rint(linear * 65535).astype(np.uint16).tolist()
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))
