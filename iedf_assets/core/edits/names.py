"""Names that a vision model gave to objects: read, and believed where the pixels do not contradict them."""

import re
from collections.abc import Mapping, Sequence

from iedf_assets.core.pictures.colour_names import ACHROMATIC, COLOURS, hue_distance, lch_of

Name = dict[str, str]
# Longer names than this are no names.
MAX_NAME = 60
# A colour word is wrong when the object's own hue lies further from it than this, degrees; greys have none.
FAR = 75.0
# What is called black, white or grey has less chroma than this.
VIVID = 0.10
# What an RGB of each basic colour word stands for.
_MEANT = {
    "red": (210, 40, 40), "orange": (235, 130, 40), "yellow": (230, 210, 50), "green": (50, 150, 60),
    "blue": (50, 90, 200), "purple": (130, 60, 170), "pink": (240, 150, 180),
}  # fmt: skip
_GREYS = frozenset({"black", "white", "grey"})
# Where something is, the instruction says by itself, from its pixels.
_PLACES = re.compile(
    r"\b(left|right|top|bottom|upper|lower|centre|center|middle|corner|foreground|background)\b",
    re.IGNORECASE,
)
_CHINESE_PLACES = re.compile("左|右|上方|下方|顶部|底部|中间|中央|角落|前景|背景")


def read_name(en: str, ch: str, longest: int = MAX_NAME) -> Name | None:
    """A name in both languages, both short, the Chinese one with a Chinese character; else None."""
    names = {"en": " ".join(en.split()), "ch": " ".join(ch.split())}
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in names["ch"])
    latin = any(letter.isascii() and letter.isalpha() for letter in names["en"])
    if not chinese or not latin or any(len(name) > longest for name in names.values()):
        return None
    return names


def believed(name: Name, colour: Sequence[float]) -> bool:
    """Whether nothing in a name contradicts the pixels: it tells no place, and no colour far from theirs.

    Args:
        colour: the object's mean colour, sRGB, 0 to 255.
    """
    if _PLACES.search(name["en"]) or _CHINESE_PLACES.search(name["ch"]):
        return False
    _, chroma, hue = lch_of(colour)
    told = _colours(name)
    # A mean of many colours is grey, whatever they are: it contradicts nothing.
    if not told or chroma < ACHROMATIC:
        return True
    if told & _GREYS:
        return bool(told - _GREYS) or chroma < VIVID
    return all(hue_distance(hue, lch_of(_MEANT[word])[2]) <= FAR for word in told)


def _colours(name: Mapping[str, str]) -> set[str]:
    """The basic colour words in a name, by their keys."""
    english = set(re.findall(r"[a-z]+", name["en"].lower().replace("gray", "grey")))
    return {key for key in (*_MEANT, *_GREYS) if key in english or COLOURS[key].ch in name["ch"]}
