"""Whether the code of a picture ends where its data ends, for formats without a checksum.

An arithmetic or Huffman code that a turned bit has put out of step never comes back into it: it uses up more
bytes than there are, which decoders tell, or fewer, which none of them does. So the last bytes are taken away
on trial: a sound picture cannot be decoded then, one that can did not need them. HEVC's decoder fills up what
is missing: there the last bytes are changed, which a sound picture shows, and more added, which none shows.
"""

import io
import struct
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures.formats.hevc import Decoded, decoded, units
from iedf_assets.core.pictures.formats.items import alone, coded_items, parameter_sets, shown_items
from iedf_assets.core.reasons import CORRUPTED

# Bytes that are taken away. Encoders fill up their last byte and at most three more.
CUT = 8
# LZW has a code of its own for the end, of at most twelve bits as all others.
LZW_CUT = 4
_MOST_ZEROS = 16
# Of a picture with fewer nothing is left to see.
LEAST = 64
_OUT_OF_STEP = "its code is out of step: it ends before its data does"
# Types of AV1's units that hold code: a frame, a group of tiles.
_AV1_CODE = frozenset({4, 6})
# Types of HEVC's units from here on hold no code.
_HEVC_CODE = 32
# So many of its last bytes are changed, by each of these, and what is put behind the last one. Fewer may mean
# nothing: a flat end is said in next to no bytes.
_CHANGED, _OTHERS, _MORE = 32, (0xA5, 0x3C), bytes(range(200, 216))
# A picture with a shorter side is coded with more around it, which nobody sees.
_LEAST_SIDE = 64


def require_needed(whole: bytes, cut: bytes, opened: Callable[[io.BytesIO], Image.Image]) -> None:
    """See that a decoder cannot show the same without what a file lacks.

    Args:
        whole: a file.
        cut: the same, shortened.
        opened: the decoder.

    Raises:
        SourceError: `corrupted`.
    """
    try:
        shown = _shown(cut, opened)
        needless = np.array_equal(shown, _shown(whole, opened))
    except Exception:  # noqa: BLE001  # decoders raise what they please
        return
    if needless:
        raise SourceError(CORRUPTED, _OUT_OF_STEP)


def _shown(file: bytes, opened: Callable[[io.BytesIO], Image.Image]) -> NDArray[np.generic]:
    with warnings.catch_warnings(action="ignore"):
        return np.asarray(opened(io.BytesIO(file)))


def webp(data: bytes) -> None:
    """See that the first picture of a WebP needs its last bytes, and its alpha likewise.

    Raises:
        SourceError: `corrupted`.
    """
    parts = _first_picture(data)
    for kind in (b"VP8 ", b"VP8L", b"ALPH"):
        # Alpha may be stored as it is, which has no code.
        if len(parts.get(kind, b"")) > LEAST and (kind != b"ALPH" or parts[kind][0] & 3 == 1):
            require_needed(_still(parts), _still({**parts, kind: parts[kind][:-CUT]}), WebPImageFile)


def avif(data: bytes) -> None:
    """See that each coded picture of an AVIF needs its last bytes.

    Raises:
        SourceError: `corrupted`.
    """
    for item in coded_items(data, b"av01"):
        shortened = _shortened_av1(item.payload)
        if shortened is not None:
            whole = alone(data, item, item.payload)
            require_needed(whole, alone(data, item, shortened), AvifImageFile)


def heif(data: bytes) -> None:
    """See that the decoder of a HEIF has nothing to say of its code, which needs its last bytes and no more.

    Raises:
        SourceError: `corrupted`.
    """
    for item in shown_items(data, b"hvc1"):
        parameters = parameter_sets(data, item)
        whole = decoded(parameters, item.payload)
        if whole is None or not parameters:
            return
        if whole.faults:
            raise SourceError(CORRUPTED, f"its code is broken: {whole.faults[0]}")
        if whole.planes:
            _require_in_step(whole, parameters, item.payload)


def _require_in_step(whole: Decoded, parameters: list[bytes], payload: bytes) -> None:
    """See that a picture of HEVC is another one with other last bytes, and the same with more behind them."""

    def is_same(other: bytes) -> bool:
        again = decoded(parameters, other)
        return again is not None and again.planes == whole.planes

    for longer, changed in _altered_hevc(payload):
        if min(whole.sides) >= _LEAST_SIDE and all(map(is_same, changed)):
            raise SourceError(CORRUPTED, _OUT_OF_STEP)
        if not is_same(longer):
            raise SourceError(CORRUPTED, "its code is out of step: it goes on where its data has ended")


def gif(data: bytes) -> None:
    """See that the first picture of a GIF needs its last bytes.

    Raises:
        SourceError: `corrupted`.
    """
    at = _behind_palette(data, 10, 13)
    while data[at] == ord("!"):
        at = _behind_blocks(data, at + 2)
    start = _behind_palette(data, at + 9, at + 10) + 1
    code, block = b"", start
    while data[block]:
        code += data[block + 1 : block + 1 + data[block]]
        block += 1 + data[block]
    if len(code) > LEAST:
        whole, cut = (data[:start] + _in_blocks(part) + b";" for part in (code, code[:-LZW_CUT]))
        require_needed(whole, cut, GifImageFile)


def _in_blocks(code: bytes) -> bytes:
    blocks = (code[place : place + 255] for place in range(0, len(code), 255))
    return b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def _behind_palette(data: bytes, flags: int, start: int) -> int:
    return start + (3 << (data[flags] & 7) + 1 if data[flags] & 0x80 else 0)


def _behind_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _first_picture(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a WebP's first picture, and its canvas where it has one."""
    parts: dict[bytes, bytes] = {}
    for kind, body in _chunks(data, 12):
        if kind == b"ANMF":
            width, height = body[6:9], body[9:12]
            parts = {b"VP8X": b"\x10\0\0\0" + width + height, **dict(_chunks(body, 16))}
            break
        parts.setdefault(kind, body)
    return {kind: parts[kind] for kind in (b"VP8X", b"ALPH", b"VP8 ", b"VP8L") if kind in parts}


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _still(parts: dict[bytes, bytes]) -> bytes:
    body = b"WEBP"
    if b"VP8X" in parts:
        # Of its flags the one for alpha alone, since nothing else comes along.
        parts = {**parts, b"VP8X": bytes([parts[b"VP8X"][0] & 0x10]) + parts[b"VP8X"][1:]}
    for kind, content in parts.items():
        body += kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _altered_hevc(payload: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """For each of HEVC's units with code: the payload with more behind it, and with other last bytes.

    Raises:
        SourceError: `corrupted`: the units do not fill it.
    """
    for at, unit in units(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        rest = payload[at + 4 + size :]
        if not unit or len(unit) < size:
            raise SourceError(CORRUPTED, "the units of its code do not fill the place that they have")
        if unit[0] >> 1 & 63 < _HEVC_CODE and size > LEAST + _CHANGED:
            longer = (size + len(_MORE)).to_bytes(4, "big") + unit + _MORE
            ends = [bytes(byte ^ other for byte in unit[-_CHANGED:]) for other in _OTHERS]
            changed = [payload[: at + 4] + unit[:-_CHANGED] + end + rest for end in ends]
            yield payload[:at] + longer + rest, changed


def _shortened_av1(payload: bytes) -> bytes | None:
    """Units of AV1 whose last one with code lacks its last bytes; None where that cannot be done."""
    last, at = None, 0
    while at < len(payload):
        kind, sized = payload[at] >> 3 & 15, payload[at] >> 1 & 1
        start = at + 1 + (payload[at] >> 2 & 1)
        size, body = _leb128(payload, start) if sized else (len(payload) - start, start)
        at = body + size
        if kind in _AV1_CODE:
            last = (start, body, size, sized)
    if last is None or last[2] <= LEAST:
        return None
    start, body, size, sized = last
    code = payload[body : body + size]
    # Zeros may follow the last bit; many of them are a hole.
    code = code[: max(len(code.rstrip(b"\0")), size - _MOST_ZEROS) - CUT]
    length = _as_leb128(len(code)) if sized else b""
    return payload[:start] + length + code + payload[body + size :]


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    number = 0
    for place in range(at, min(at + 8, len(data))):
        number |= (data[place] & 0x7F) << 7 * (place - at)
        if not data[place] & 0x80:
            return number, place + 1
    return number, len(data)


def _as_leb128(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])
