"""Writing files so that nobody ever sees half of one: temporary name, fsync, rename."""

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY_PREFIX = ".tmp-"
_TEMPORARY = re.compile(r"\.tmp-(\d+)@([0-9a-f]{6})-[0-9a-f]{8}-.*", re.DOTALL)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other process uses, recognisable as left over by a killed process."""
    writer = f"{os.getpid()}@{this_host()}"
    return path.with_name(f"{TEMPORARY_PREFIX}{writer}-{secrets.token_hex(4)}-{path.name[-80:]}")


def writer_of(temporary: Path) -> tuple[int, str] | None:
    """Process number and host that a temporary file's name tells; None when the name is none of ours."""
    match = _TEMPORARY.fullmatch(temporary.name)
    return (int(match[1]), match[2]) if match else None


def this_host() -> str:
    """A short name of this machine for temporary files on storage that several share."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has what the system refuses while the block runs name `path`, where the system does not say of what."""
    try:
        yield
    except OSError as error:
        # A write that finds the disk full tells no name.
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    with naming(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file's name; it becomes `path`, atomically and durably, when the block succeeds.

    Parent folders are made. When the block fails, what lay at `path` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with naming(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically and durably; parent folders are made."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def create_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path` unless there is such a file; of several writers at once, one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    write_text(temporary, text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def place_file(source: Path, target: Path) -> None:
    """Put the content of `source` at `target` atomically: a hard link where possible, else a copy.

    A link costs no space and no time; it is safe because no file of the factory is ever written in place.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        with naming(target):
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
        with naming(path):
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


def read_quickly(path: str) -> bytes:
    """What a file holds, in a third of the time that `Path.read_bytes` takes: for very many small files."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        content = os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)
    return content if len(content) == size else Path(path).read_bytes()


def read_json(path: Path) -> Any:
    """What a file of JSON holds; None where there is none that can be read, whatever there is."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def content_hash(data: bytes) -> str:
    """First 32 hexadecimal digits (128 bits) of the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()[:32]
