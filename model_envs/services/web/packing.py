"""Files as base64 in JSON, which is how pictures come and go by value."""

import base64
import binascii
import hashlib
from pathlib import Path

from model_envs.services.errors import ServiceError


def packed(path: Path) -> str:
    """A file's bytes as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")


def unpacked(text: str, what: str) -> bytes:
    """The bytes behind base64.

    Raises:
        ServiceError: `invalid_input`: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError("invalid_input", f"{what} is no base64: {error}") from error


def fingerprint(text: str | None) -> str | None:
    """A hash of what came in base64; None when nothing did."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
