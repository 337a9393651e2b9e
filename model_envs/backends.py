"""What a backend is, and what those of both stages have in common."""

from pathlib import Path
from typing import Any, Protocol

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest, LayerRequest, ModelSettings
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.pictures.layers import moved_by, silhouette_file
from iedf_assets.core.pictures.masks import moved
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.journal import Row


class Backend(Protocol):
    """What does the work of a stage. Made once per process; `run` is called from several threads.

    Attributes:
        revision: fingerprint of its model; None when it has none.
        loaded: what to tell of the model that it loaded; None when there is none.
        readers: how many requests it takes at once when the profile does not say; None is one per core.
    """

    revision: str | None
    loaded: str | None
    readers: int | None

    def run(self, request: Any, folder: Path) -> Row:
        """Make one item: write its files into `folder`, return its row's own columns."""


class WithoutModel:
    """A backend that is nothing but code, and holds no state."""

    revision: str | None = None
    loaded: str | None = None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """There is no model to load."""


def photo_of(request: LayerRequest | EditRequest) -> Pixels:
    """The photo of a request at working size, uint8 (H, W, 3), sRGB.

    Raises:
        SourceError: it cannot be read, or is not the one that was scanned.
    """
    return read_photo(
        Path(request.path),
        max_pixels=request.max_pixels,
        max_megapixels=request.max_megapixels,
        expected_id=request.source_id or None,
    ).rgb


def silhouette_of(request: EditRequest) -> Pixels:
    """The silhouette of what an edit is for, uint8 (H, W), 0 or 255.

    Raises:
        StorageError: its file is absent or damaged.
    """
    name = silhouette_file(request.object, SUBTYPES.get(request.recipe["subtype"]))
    return moved(decode(Path(request.layers_folder) / name), *moved_by(request.object))
