"""How a sample's pictures leave: as published, as PNG, or cropped and scaled to sizes that trainers keep."""

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import Example
from iedf_assets.core.exporting.grid import Sizing, fitted
from iedf_assets.core.exporting.units import Facts, Plan, Raw
from iedf_assets.core.pictures.codecs import decode, encode_jpeg, encode_png
from iedf_assets.core.storage.files import read_quickly

JPEG_ROLES = ("source", "target")
TURN_ROLES = ("source", "target", "mask")
QUALITY = 95


@dataclass(frozen=True)
class Look:
    """How the pictures of an export look.

    Attributes:
        grid: brought to sizes of the grid.
        png: all of them as PNG.
        link: hard links of files that leave as they are.
        raw: see `units.Plan`; it changes nothing of what is wanted.
    """

    grid: bool = False
    png: bool = False
    link: bool = False
    raw: Raw = field(default=lambda *_: None, repr=False, compare=False)

    @classmethod
    def of(cls, plan: Plan, *, png: bool = False) -> "Look":
        """The look that an export asks for."""
        return cls(plan.asked.size == "grid", png, plan.asked.link, plan.raw)

    def ending(self, role: str) -> str:
        """How the file of a role ends: `.jpg` or `.png`."""
        return ".jpg" if role in JPEG_ROLES and not self.png else ".png"

    def bytes_of(self, example: Example, roles: tuple[str, ...]) -> tuple[dict[str, bytes], Facts]:
        """The files of some roles, and what is told of them: `width`, `height`, and how they were made.

        Raises:
            StorageError: a file cannot be read.
        """
        if not self.grid:
            metadata = example.entry["metadata"]
            facts = {"width": metadata["width"], "height": metadata["height"], "made_from": "published"}
            return self._as_they_are(example, roles), facts
        pixels = {role: decode(path) for role, path in example.files.items()}
        everything = np.full(pixels["source"].shape[:2], 255, np.uint8)

        def raw() -> dict[str, Pixels] | None:
            found = self.raw(example, pixels["source"], pixels["target"])
            return dict(zip(JPEG_ROLES, found, strict=True)) if found else None

        sized = fitted({"mask": everything, "allowed": everything, **pixels}, QUALITY, raw)
        if sized.made_from == "published":
            return self._as_they_are(example, roles), _facts(sized)
        found = {role: self._encoded(role, sized.pixels[role]) for role in roles if role in sized.pixels}
        return found, _facts(sized)

    def bytes_of_turns(self, turns: Sequence[Example]) -> tuple[list[dict[str, bytes]], Facts]:
        """The source, target and mask of each turn of a chain, all of one size, and what is told of them.

        Raises:
            StorageError: a file cannot be read.
        """
        if not self.grid:
            found = [self.bytes_of(turn, TURN_ROLES) for turn in turns]
            return [files for files, _ in found], found[0][1]
        pixels = {
            (role, number): decode(path) if (path := turn.files.get(role)) else white_mask(turn)
            for number, turn in enumerate(turns)
            for role in (*TURN_ROLES, "allowed")
        }
        anywhere = np.bitwise_or.reduce([pixels["allowed", number] for number in range(len(turns))])
        sized = fitted(
            {**_of_chain(pixels, len(turns)), "allowed": anywhere},
            QUALITY,
            lambda: self._raw_turns(turns, pixels),
        )
        if sized.made_from == "published":
            return [self._as_they_are(turn, TURN_ROLES) for turn in turns], _facts(sized)
        encoded = [
            {role: self._encoded(role, sized.pixels[f"{role}-{number}"]) for role in TURN_ROLES}
            for number in range(len(turns))
        ]
        return encoded, _facts(sized)

    def _raw_turns(
        self, turns: Sequence[Example], pixels: Mapping[tuple[str, int], Pixels]
    ) -> dict[str, Pixels] | None:
        """The pictures of all turns before they were encoded, or of none."""
        raw: dict[tuple[str, int], Pixels] = {}
        for number, turn in enumerate(turns):
            found = self.raw(turn, *(pixels[role, number] for role in JPEG_ROLES))
            if found is None:
                return None
            raw |= {(role, number): picture for role, picture in zip(JPEG_ROLES, found, strict=True)}
        return _of_chain(raw, len(turns))

    def placing(self, example: Example, places: Mapping[str, str]) -> Callable[[Mapping[str, Path]], Facts]:
        """What writes a sample's pictures as files, all at once, since they have to be made alike.

        Args:
            places: path in the export → role.
        """

        def make(files: Mapping[str, Path]) -> Facts:
            rest: dict[str, str] = {}
            for path, role in places.items():
                if role in example.files and not self._changes(role):
                    _put(example.files[role], files[path], link=self.link)
                else:
                    rest[path] = role
            found, facts = self.bytes_of(example, tuple(dict.fromkeys(rest.values())))
            for path, role in rest.items():
                files[path].write_bytes(found[role])
            return facts

        return make

    def _changes(self, role: str) -> bool:
        return self.grid or (self.png and role in JPEG_ROLES)

    def _as_they_are(self, example: Example, roles: tuple[str, ...]) -> dict[str, bytes]:
        """Files of their own size; a mask that is not there is white, since everything changes."""
        found = {role: self._as_is(example, role) for role in roles if role in example.paths}
        if "mask" in roles and "mask" not in found:
            found["mask"] = encode_png(white_mask(example))
        return found

    def _as_is(self, example: Example, role: str) -> bytes:
        path = example.paths[role]
        if self.png and role in JPEG_ROLES:
            return encode_png(decode(example.files[role]))
        try:
            return read_quickly(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}", "iedf check says more") from error

    def _encoded(self, role: str, pixels: Pixels) -> bytes:
        jpeg = role in JPEG_ROLES and not self.png
        return encode_jpeg(pixels, QUALITY) if jpeg else encode_png(pixels)


def _of_chain(pixels: Mapping[tuple[str, int], Pixels], turns: int) -> dict[str, Pixels]:
    """Pictures by the role and the number of their turn, a name each; source and target are the ends."""
    ends = {"source": pixels["source", 0], "target": pixels["target", turns - 1]}
    return {f"{role}-{number}": picture for (role, number), picture in pixels.items()} | ends


def white_mask(example: Example) -> Pixels:
    """The mask of a sample of which everything changes: uint8 (H, W), 255."""
    metadata = example.entry["metadata"]
    return np.full((metadata["height"], metadata["width"]), 255, np.uint8)


def _facts(sized: Sizing) -> Facts:
    height, width = sized.pixels["source"].shape[:2]
    return {"width": width, "height": height, "made_from": sized.made_from, "small": sized.small}


def _put(source: Path, target: Path, *, link: bool) -> None:
    """Copy a file, or link it where that is asked for and possible."""
    if link:
        try:
            os.link(source, target)
        except OSError:  # another file system
            pass
        else:
            return
    shutil.copyfile(source, target)


def pixels_of(content: bytes) -> Pixels:
    """The pixels of a file that was exported, in the mode that it has."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)
