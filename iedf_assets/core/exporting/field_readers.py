"""Reading an export by the field's own library, `datasets`, where the extra `export` is installed.

It does so in a process of its own, which gets ready (a second of imports) while the export is being written.
"""

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iedf_assets.core.apart.children import shared
from iedf_assets.core.errors import SourceError, StorageError
from iedf_assets.core.exporting.examples import stem_of
from iedf_assets.core.exporting.formats.seen import Read, Seen
from iedf_assets.core.memory import importing
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.storage.naming import SampleKey

READ_BY_DATASETS: frozenset[Format] = frozenset({"parquet", "imagefolder", "webdataset"})
# So many rows of each split, since reading more would copy all of it.
ROWS = 4
_ROLES = ("source", "target", "mask")
# Bytes that the process may reserve, which Arrow does long before it needs them; seconds that it may take.
_MEMORY, _TIMEOUT_S = 64 << 30, 600.0


@contextmanager
def reader(asked: Export) -> Iterator[Read | None]:
    """What reads the first rows of each split, as `load_dataset(folder)` gives them.

    None where the library is not installed, or does not read the form.
    """
    if asked.format not in READ_BY_DATASETS or not _is_installed():
        yield None
        return
    # It stays for the next export of this process.
    call = shared(0, _MEMORY).call
    with ThreadPoolExecutor(1) as waiting:
        yield partial(_read, call, waiting.submit(call, f"{__name__}:prepare", None, _TIMEOUT_S))


def _is_installed() -> bool:
    # Not by `find_spec`, which takes any folder called `datasets` for it.
    try:
        version("datasets")
    except PackageNotFoundError:
        return False
    return True


def _read(call: Callable[..., Any], ready: Future[None], folder: Path, asked: Export) -> Iterator[Seen]:
    """Have the rows read.

    Raises:
        StorageError: the library does not load them.
    """
    try:
        ready.result()
        found = call(f"{__name__}:rows", [str(folder), asked.languages], _TIMEOUT_S)
    except SourceError as error:
        raise StorageError(f"`datasets` does not load {folder}: {error.problem}", "export it anew") from error
    for key, texts, pictures in found:
        contents = {role: base64.b64decode(content) for role, content in pictures.items()}
        yield Seen(stem_of(SampleKey.parse(key)), texts, partial(dict, contents))


def prepare(_: None) -> None:
    """Called in the process of its own before there is anything to read."""
    # It must not ask the network of anything.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with importing():
        import datasets  # noqa: F401, PLC0415  # an extra, and it takes seconds


def rows(asked: tuple[str, list[str]]) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Called there: the first rows of each split of the export in a folder, with texts of some languages.

    Returns:
        Of each its key, language → text, and role → picture in Base64.

    Raises:
        StorageError: the library does not load it.
    """
    prepare(None)
    import datasets  # noqa: PLC0415

    folder, languages = asked
    with TemporaryDirectory(prefix="iedf-datasets-") as cache:
        try:
            splits = datasets.load_dataset(folder, streaming=True, cache_dir=cache)
            return [
                _told(row, languages) for split in splits.values() for row in islice(_undecoded(split), ROWS)
            ]
        except (ValueError, TypeError, KeyError, datasets.exceptions.DatasetsError) as error:
            raise StorageError(f"`datasets` does not load {folder}: {error}", "export it anew") from error


def _undecoded(split: Any) -> Any:
    """A split whose pictures are files, not pixels."""
    import datasets  # noqa: PLC0415

    for name, feature in (split.features or {}).items():
        if isinstance(feature, datasets.Image):
            split = split.cast_column(name, datasets.Image(decode=False))
    return split


def _told(row: Mapping[str, Any], languages: list[str]) -> tuple[str, dict[str, str], dict[str, str]]:
    """What is told of a row of a table, or of a tar, whose fields are called after files."""
    told = row.get("json") or row
    pictures = {role: row.get(role) or row[f"{role}.{'png' if role == 'mask' else 'jpg'}"] for role in _ROLES}
    texts = {
        language: row.get(f"{language}.txt") or told[f"instruction_{language}"] for language in languages
    }
    contents = {role: base64.b64encode(_content(one)).decode() for role, one in pictures.items()}
    return told["sample_key"], texts, contents


def _content(picture: Mapping[str, Any]) -> bytes:
    if picture["bytes"] is not None:
        return bytes(picture["bytes"])
    return Path(picture["path"]).read_bytes()
