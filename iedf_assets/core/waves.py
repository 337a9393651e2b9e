"""Waves: the lot of sources that a run takes through all stages before the next lot.

The open wave of a category is a file, written when its first stage begins and removed when its last one is
done. A run that was interrupted goes on with the same wave, so that interruptions change neither order nor
numbers.
"""

import json
from collections.abc import Iterable

from iedf_assets.core.files import write_text
from iedf_assets.core.naming import Layout


def open_wave(layout: Layout, category: str) -> list[str] | None:
    """The paths (NFC names) of the category's open wave; None when none is open."""
    path = layout.wave(category)
    if not path.exists():
        return None
    paths: list[str] = json.loads(path.read_text("utf-8"))
    return paths


def begin_wave(layout: Layout, category: str, paths: Iterable[str]) -> list[str]:
    """Open a wave of `paths`."""
    wave = sorted(paths)
    write_text(layout.wave(category), json.dumps(wave, ensure_ascii=False))
    return wave


def close_wave(layout: Layout, category: str) -> None:
    """The wave is through all stages."""
    layout.wave(category).unlink(missing_ok=True)
