"""HEVC by its decoder itself, and what that says of broken code: libheif, which photos are read by, drops it.

A picture may be coded row of blocks by row of blocks, each of which comes into step again: then its last
bytes tell nothing of the rows above. The decoder sees at the end of each row whether the code ends there.
"""

import ctypes
import ctypes.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Of libde265's codes: a value that cannot be, a slice that ends too early, blocks outside of the picture, and
# a row that does not end where it has to.
_BROKEN = frozenset({8, 1002, 1004, 1017})
# It is asked so often for one picture at most.
_MOST_STEPS = 1000


@dataclass(frozen=True)
class Decoded:
    """A picture of HEVC.

    Attributes:
        planes: what it shows, as it lies in memory; none where nothing can be shown.
        sides: height and width, in pixels.
        faults: what its decoder says of broken code.
    """

    planes: tuple[bytes, ...]
    sides: tuple[int, int]
    faults: tuple[str, ...]


def decoded(parameters: list[bytes], payload: bytes) -> Decoded | None:
    """Decode one picture.

    Args:
        parameters: units that say how it is coded, from the item's `hvcC`.
        payload: the item's bytes: units with their lengths before them, in four bytes each.

    Returns:
        None where there is no decoder.
    """
    library = _library()
    if library is None:
        return None
    decoder = library.de265_new_decoder()
    try:
        # As libheif has it: with a thread rows begin where the file says, not where the one before ended.
        library.de265_start_worker_threads(decoder, 1)
        for unit in [*parameters, *(unit for _, unit in units(payload))]:
            library.de265_push_NAL(decoder, unit, len(unit), 0, None)
        library.de265_flush_data(decoder)
        picture, faults = _steps(library, decoder)
        planes = tuple(_planes(library, picture)) if picture else ()
        sides = _side(library, "height", picture, 0), _side(library, "width", picture, 0)
    finally:
        library.de265_free_decoder(decoder)
    return Decoded(planes, sides, tuple(_told(library, faults)))


def units(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each unit of an item begins, length first, and the unit: cut where the payload ends before."""
    at = 0
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        yield at, payload[at + 4 : at + 4 + size]
        at += 4 + size


@cache
def _library() -> ctypes.CDLL | None:
    """The decoder that pillow_heif brings or this machine has; None where neither is to be had."""
    import pillow_heif  # noqa: PLC0415  # a model's environment may be without it

    home = Path(pillow_heif.__file__).parent
    places = (home.parent / "pillow_heif.libs", home / ".dylibs", Path(sys.prefix) / "lib")
    brought = [str(file) for place in places for file in place.glob("libde265*")]
    name = brought[0] if brought else ctypes.util.find_library("de265")
    try:
        library = ctypes.CDLL(name) if name else None
    except OSError:
        return None
    if library is not None:
        _declare(library)
    return library


def _declare(library: ctypes.CDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.de265_new_decoder.restype = library.de265_get_next_picture.restype = pointer
    library.de265_get_image_plane.restype = pointer
    library.de265_get_error_text.restype = ctypes.c_char_p
    library.de265_start_worker_threads.argtypes = [pointer, number]
    library.de265_push_NAL.argtypes = [pointer, ctypes.c_char_p, number, ctypes.c_int64, pointer]
    library.de265_decode.argtypes = [pointer, ctypes.POINTER(number)]
    library.de265_get_image_plane.argtypes = [pointer, number, ctypes.POINTER(number)]
    for function in ("flush_data", "get_warning", "get_next_picture", "free_decoder"):
        getattr(library, f"de265_{function}").argtypes = [pointer]
    for function in ("get_image_height", "get_image_width", "get_bits_per_pixel"):
        getattr(library, f"de265_{function}").argtypes = [pointer, number]


def _steps(library: ctypes.CDLL, decoder: int) -> tuple[int | None, list[int]]:
    """The picture, where there is one, and the codes of all errors and warnings."""
    more, told, picture = ctypes.c_int(1), [], None
    for _ in range(_MOST_STEPS):
        failed = library.de265_decode(decoder, ctypes.byref(more))
        told += [failed] if failed else []
        picture = library.de265_get_next_picture(decoder)
        if picture or failed or not more.value:
            break
    while warning := library.de265_get_warning(decoder):
        told.append(warning)
    return picture, told


def _side(library: ctypes.CDLL, name: str, picture: int | None, channel: int) -> int:
    return int(getattr(library, f"de265_get_image_{name}")(picture, channel)) if picture else 0


def _planes(library: ctypes.CDLL, picture: int) -> Iterator[bytes]:
    """Rows without what fills them up."""
    for channel in range(3):
        step = ctypes.c_int(0)
        start = library.de265_get_image_plane(picture, channel, ctypes.byref(step))
        height, width = (_side(library, name, picture, channel) for name in ("height", "width"))
        if start is None or height <= 0:
            return
        wide = width * (2 if library.de265_get_bits_per_pixel(picture, channel) > 8 else 1)
        yield b"".join(ctypes.string_at(start + row * step.value, wide) for row in range(height))


def _told(library: ctypes.CDLL, codes: Iterable[int]) -> Iterator[str]:
    for code in sorted(_BROKEN.intersection(codes)):
        yield library.de265_get_error_text(code).decode("ascii", "replace")
