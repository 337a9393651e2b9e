"""Cameras' raw files, told by their own marks: a decoder of TIFF would take their preview for the photo."""

from iedf_assets.core.pictures.formats.tiff import entries_of, number_of

_BEGINNINGS = (
    (b"FUJIFILMCCD-RAW", "RAF"), (b"IIRO", "ORF"), (b"IIRS", "ORF"), (b"MMOR", "ORF"), (b"IIU\0", "RW2"),
    (b"FOVb", "X3F"), (b"\0MRM", "MRW"), (b"II\x1a\0\0\0HEAPCCDR", "CRW"),
    (b"IIIITwaR", "IIQ"), (b"MMMMRawT", "IIQ"),
)  # fmt: skip
_SUBFILE, _COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG = (
    0x00FE,
    0x0103,
    0x0106,
    0x010F,
    0x014A,
    0xC612,
)
_SENSOR = frozenset({32803, 34892})  # a colour filter's mosaic, and linear raw
_PACKED = frozenset({32767, 32769, 32770, 32867, 34713, 65000, 65535})  # makers' own


def raw_kind(data: bytes) -> str | None:
    """What kind of raw file it is, such as `DNG` or `NEF`; None for any other file."""
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            return kind
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if data[:4] not in {b"II*\0", b"MM\0*"}:
        return None
    if data[8:10] == b"CR":
        return "CR2"
    tags = {entry.tag: entry for entry in entries_of(data)}
    if _DNG in tags:
        return "DNG"
    told = {tag: number_of(tags[tag]) for tag in (_SUBFILE, _COMPRESSION, _PHOTOMETRIC) if tag in tags}
    preview = told.get(_SUBFILE) == 1 and _SUB_DIRECTORIES in tags
    sensor = told.get(_PHOTOMETRIC) in _SENSOR or (told.get(_COMPRESSION) in _PACKED and _MAKE in tags)
    return "NEF, ARW or another" if preview or sensor else None
