"""These tests run where a trainer's checkout is named: `make test-readers`."""

import os
from pathlib import Path

READERS = {"diffsynth": "IEDF_DIFFSYNTH", "musubi": "IEDF_MUSUBI"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without a checkout there is nothing to test."""
    return (
        None
        if any(os.environ.get(name) for name in READERS.values())
        else True
        if collection_path.suffix
        else None
    )
