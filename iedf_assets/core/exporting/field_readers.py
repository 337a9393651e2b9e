"""Reading an export by the field's own library, `datasets`, where the extra `export` is installed."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iedf_assets.core.errors import StorageError
from iedf_assets.core.exporting.examples import stem_of
from iedf_assets.core.exporting.formats.seen import Seen
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.storage.naming import SampleKey

READ_BY_DATASETS: frozenset[Format] = frozenset({"parquet", "imagefolder", "webdataset"})
# So many rows of each split, since reading more would copy all of it.
ROWS = 4
_ROLES = ("source", "target", "mask")


def is_readable(asked: Export) -> bool:
    """Whether the library is installed, and reads the form."""
    return asked.format in READ_BY_DATASETS and _is_installed()


def _is_installed() -> bool:
    # Not by `find_spec`, which takes any folder called `datasets` for it.
    try:
        version("datasets")
    except PackageNotFoundError:
        return False
    return True


def read(folder: Path, asked: Export) -> Iterator[Seen]:
    """The first rows of each split, as `load_dataset(folder)` gives them.

    Raises:
        StorageError: the library does not load it.
    """
    # It must not ask the network of anything.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import datasets  # noqa: PLC0415  # an extra, and it takes seconds

    with TemporaryDirectory(prefix="iedf-datasets-") as cache:
        try:
            found = datasets.load_dataset(str(folder), streaming=True, cache_dir=cache)
            for rows in found.values():
                undecoded = {
                    name: datasets.Image(decode=False)
                    for name, feature in (rows.features or {}).items()
                    if isinstance(feature, datasets.Image)
                }
                for name, feature in undecoded.items():
                    rows = rows.cast_column(name, feature)  # noqa: PLW2901
                with closing(iter(rows)) as left:
                    for row in islice(left, ROWS):
                        yield _seen(row, asked)
                # What reads ahead of a Parquet file that was left in its middle aborts the process when it is
                # still there as that ends (Arrow 45214).
                del left, rows
                gc.collect()
        except (ValueError, TypeError, KeyError, datasets.exceptions.DatasetsError) as error:
            raise StorageError(f"`datasets` does not load {folder}: {error}", "export it anew") from error


def _seen(row: Mapping[str, Any], asked: Export) -> Seen:
    """A row of a table, or of a tar, whose fields are called after files."""
    told = row.get("json") or row
    pictures = {role: row.get(role) or row[f"{role}.{'png' if role == 'mask' else 'jpg'}"] for role in _ROLES}
    texts = {
        language: row.get(f"{language}.txt") or told[f"instruction_{language}"]
        for language in asked.languages
    }

    def load() -> Mapping[str, bytes]:
        return {role: _content(picture) for role, picture in pictures.items()}

    return Seen(stem_of(SampleKey.parse(told["sample_key"])), texts, load)


def _content(picture: Mapping[str, Any]) -> bytes:
    if picture["bytes"] is not None:
        return bytes(picture["bytes"])
    return Path(picture["path"]).read_bytes()
