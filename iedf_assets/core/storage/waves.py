"""Waves: the lot of sources that a run takes through all stages before the next lot.

The open wave of a category is a file, written when its first stage begins and removed when its last one is
done. A run that was interrupted goes on with the same wave, so that interruptions change neither order nor
numbers.
"""

import json
from collections.abc import Iterable

from iedf_assets.core.storage.files import read_json, write_text
from iedf_assets.core.storage.naming import Layout

# A wave is at least this share of what is through already.
_GROWTH = 1 / 16


def wave_size(at_least: int, through: int) -> int:
    """How many sources the next wave takes, when so many are through.

    Each wave looks at everything there is, so the first ones are small, which brings samples early, and later
    ones grow: the number of waves, and with it that looking, grows with the logarithm of the photos.
    """
    return max(at_least, int(through * _GROWTH))


def open_wave(layout: Layout, category: str) -> list[str] | None:
    """The paths (NFC names) of the category's open wave; None when none is open, or nobody can read which."""
    paths = read_json(layout.wave(category))
    known = isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    return paths if known else None


def begin_wave(layout: Layout, category: str, paths: Iterable[str]) -> list[str]:
    """Open a wave of `paths`."""
    wave = sorted(paths)
    write_text(layout.wave(category), json.dumps(wave, ensure_ascii=False))
    return wave


def close_wave(layout: Layout, category: str) -> None:
    """The wave is through all stages."""
    layout.wave(category).unlink(missing_ok=True)
