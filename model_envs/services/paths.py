"""What a request brings along: paths that stay below the roots, and pictures in base64."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from model_envs.services.wire import ServiceError


def inside(roots: Sequence[Path], text: str, what: str) -> Path:
    """The file or folder of a request, symbolic links resolved.

    Args:
        roots: it has to lie below one of these; a relative path starts at the first one that has it.
        what: of the request, for the message.

    Raises:
        ServiceError: `invalid_input`: it lies elsewhere, or is not there. Both read alike, so that nobody
            can ask what lies outside.
    """
    for root in roots:
        try:
            whole = root.resolve()
            path = (whole / text).resolve(strict=True)
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


def unpacked(text: str, what: str) -> bytes:
    """The bytes behind base64.

    Raises:
        ServiceError: `invalid_input`: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError("invalid_input", f"{what} is no base64: {error}") from error


def stamp(path: Path) -> list[int]:
    """What changes when a file does."""
    found = path.stat()
    return [found.st_mtime_ns, found.st_size]
