"""Paths that a request names, which have to stay below the roots."""

from collections.abc import Sequence
from pathlib import Path

from model_envs.services.errors import ServiceError


def inside(roots: Sequence[Path], text: str, what: str) -> Path:
    """The file or folder of a request, symbolic links resolved.

    Args:
        roots: it has to lie below one of these; a relative path starts at the first one that has it, or at
            the folder that holds that one (`data/photo.jpg`).
        what: of the request, for the message.

    Raises:
        ServiceError: `invalid_input`: it lies elsewhere, or is not there. Both read alike, so that nobody
            can ask what lies outside.
    """
    for root in roots:
        whole = root.resolve()
        for start in (whole, whole.parent):
            try:
                path = (start / text).resolve(strict=True)
            except (OSError, ValueError, RuntimeError):
                continue
            if path.is_relative_to(whole) and (path.is_file() or path.is_dir()):
                return path
    raise ServiceError(
        "invalid_input", f"{what}: no such file below the service's roots; add its folder with --root"
    )


def picture_path(roots: Sequence[Path], text: str, what: str) -> Path:
    """The picture that a request names.

    Raises:
        ServiceError: see `inside`.
    """
    path = inside(roots, text, what)
    if not path.is_file():
        raise ServiceError("invalid_input", f"{what} is no file")
    return path


def stamp(path: Path) -> list[int]:
    """What changes when a file does."""
    found = path.stat()
    return [found.st_mtime_ns, found.st_size]
