"""What a picture's file says of whose it is and what others may do with it: EXIF, IPTC and XMP."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.IptcImagePlugin import getiptcinfo

# Longer blocks are not looked at, and longer texts cut, bytes and letters.
MAX_BLOCK, MAX_TEXT = 256 << 10, 300
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF")
_COPYRIGHT, _ARTIST = 0x8298, 0x013B
_IPTC_COPYRIGHT, _IPTC_AUTHOR = (2, 116), (2, 80)
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC, _XMP_RIGHTS = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/xap/1.0/rights/}"
_CC_LICENCE = "{http://creativecommons.org/ns#}license"


class ToldRights(NamedTuple):
    """What a file says, each thing in every way that it says it, the most exact first; texts in one line.

    Attributes:
        licences: what says what others may do.
        pages: addresses of pages that say it, perhaps among other things.
        copyrights, authors: notices and names.
    """

    licences: list[str]
    pages: list[str]
    copyrights: list[str]
    authors: list[str]


def told_rights(path: Path) -> ToldRights:
    """What the metadata of a picture's file say; nothing where they cannot be read."""
    exif, iptc, xmp = _blocks(path)
    rights, creators = (_texts(xmp, f"{_DC}{name}") for name in ("rights", "creator"))
    by_lines = _plain(iptc.get(_IPTC_AUTHOR))
    return ToldRights(
        licences=[*_texts(xmp, _CC_LICENCE), *_texts(xmp, f"{_XMP_RIGHTS}UsageTerms")],
        pages=_texts(xmp, f"{_XMP_RIGHTS}WebStatement"),
        copyrights=[*rights, *_plain(iptc.get(_IPTC_COPYRIGHT)), *_plain(exif.get(_COPYRIGHT))],
        authors=[*_together(creators), *_together(by_lines), *_plain(exif.get(_ARTIST))],
    )


def _blocks(path: Path) -> tuple[Mapping[int, Any], Mapping[tuple[int, int], Any], Any]:
    """EXIF and IPTC by their tags, and XMP as nested values; each empty where there is none to be read."""
    exif, iptc, xmp = dict[int, Any](), dict[tuple[int, int], Any](), {}
    # These blocks are as hostile as the rest of a file, and their parsers raise and warn what they please.
    with warnings.catch_warnings(action="ignore"), suppress(Exception), _opened(path) as picture:
        with suppress(Exception):
            if len(picture.info.get("exif", b"")) <= MAX_BLOCK:
                exif = dict(picture.getexif())
        with suppress(Exception):
            iptc = dict(getiptcinfo(picture) or {})
        with suppress(Exception):
            if len(picture.info.get("xmp", b"")) <= MAX_BLOCK:
                xmp = picture.getxmp(strip_namespaces=False)
    return exif, iptc, xmp


def _opened(path: Path) -> ImageFile:
    try:
        return Image.open(path, formats=_FORMATS)
    except UnidentifiedImageError:
        from pillow_heif import HeifImageFile  # noqa: PLC0415  # a model's environment may be without it

        heif: ImageFile = HeifImageFile(io.BytesIO(path.read_bytes()))  # type: ignore[no-untyped-call]
        return heif


def _texts(tree: Any, key: str) -> list[str]:
    """The texts of a property, wherever in a tree of XMP it stands."""
    return list(dict.fromkeys(text for value in _values(tree, key) for text in _plain(list(_leaves(value)))))


def _values(tree: Any, key: str) -> Iterator[Any]:
    if isinstance(tree, list):
        for one in tree:
            yield from _values(one, key)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            yield from [value] if name == key else _values(value, key)


def _leaves(value: Any) -> Iterator[str]:
    """The texts of a property's value: itself, of its list or its languages, or what it refers to."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        for name in ("text", f"{_RDF}resource", *(f"{_RDF}{kind}" for kind in ("Alt", "Seq", "Bag", "li"))):
            yield from _leaves(value.get(name))


def _together(names: list[str]) -> list[str]:
    """Several names as one."""
    return ["; ".join(names)[:MAX_TEXT]] if names else []


def _plain(value: Any) -> list[str]:
    """Texts in one line, without what cannot be printed."""
    if isinstance(value, list | tuple):
        return [text for one in value for text in _plain(one)]
    if isinstance(value, bytes):
        value = value[:MAX_BLOCK].decode("utf-8", "replace")
    if not isinstance(value, str):
        return []
    with suppress(UnicodeError):  # UTF-8 where the standard has ASCII
        value = value[:MAX_BLOCK].encode("latin-1").decode("utf-8")
    line = " ".join(value.replace("\0", " ").split())
    text = "".join(letter for letter in line if letter.isprintable())[:MAX_TEXT].strip()
    return [text] if text else []
