"""Writing files so that nobody ever sees half of one: temporary name, fsync, rename."""

import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other process uses, recognisable as left over by a killed process."""
    writer = f"{os.getpid()}@{this_host()}"
    return path.with_name(f"{TEMPORARY_PREFIX}{writer}-{secrets.token_hex(4)}-{path.name[-80:]}")


def this_host() -> str:
    """A short name of this machine for temporary files on storage that several share."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically and durably; parent folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def place_file(source: Path, target: Path) -> None:
    """Put the content of `source` at `target` atomically: a hard link where possible, else a copy.

    A link costs no space and no time; it is safe because no file of the factory is ever written in place.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
            # As old as what it is a copy of, so that it is seen to be no other.
            shutil.copystat(source, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path`, files fsynced, when the block succeeds.

    What lay at `path` before is replaced as a whole; when the block fails nothing changes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        if path.exists():
            retired = temporary_beside(path)
            path.rename(retired)
            temporary.rename(path)
            shutil.rmtree(retired)
        else:
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def content_hash(data: bytes) -> str:
    """First 32 hexadecimal digits (128 bits) of the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()[:32]
