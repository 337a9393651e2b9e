"""What takes long to make, made once for all the workers of a test session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iedf_assets.core.storage.locks import exclusive

MAKING_S = 600.0


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills, in whichever worker asks first; not to be changed.

    Args:
        name: the folder's, of its own among all that are shared.
    """
    session = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    folder, made = session / f"shared-{name}", session / f"shared-{name}.made"
    with exclusive(session / f"shared-{name}.lock", subject=name, wait_s=MAKING_S):
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
