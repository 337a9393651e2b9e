"""Files as base64 in JSON, which is how pictures come and go by value."""

import base64
import binascii
import hashlib
from pathlib import Path

from model_envs.services.errors import ServiceError

# As shells and browsers write it: in lines, or in the alphabet for URLs.
_PLAIN = str.maketrans("-_", "+/", " \t\r\n")
# Characters within which a data URL says what it holds.
_HEAD = 300


def packed(path: Path) -> str:
    """A file's bytes as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")


def unpacked(text: str, what: str) -> bytes:
    """The bytes behind base64, however it is written: as a data URL, in lines, for URLs, without padding.

    Raises:
        ServiceError: `invalid_input`: it is none.
    """
    head = text[:_HEAD]
    if head.startswith("data:"):
        told, comma, _ = head.partition(",")
        if not comma or not told.endswith(";base64"):
            raise ServiceError("invalid_input", f"{what} is a data URL without ;base64, at its beginning")
        text = text[len(told) + 1 :]
    plain = text.translate(_PLAIN).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceError("invalid_input", f"{what} is no base64: {error}") from error


def fingerprint(text: str | None) -> str | None:
    """A hash of what came in base64; None when nothing did."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
