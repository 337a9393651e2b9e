"""The mock backend of edited_images: the photo's negative as any edit, for trying the wiring."""

from pathlib import Path

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.pictures.photos import read_photo
from iedf_assets.core.storage.journal import Row
from model_envs.edit import classical


class Backend:
    """Turns photos into their negatives; what is rendered from layers is."""

    revision: str | None = None
    loaded: str | None = None
    readers: int | None = None

    def __init__(self, settings: ModelSettings) -> None:
        """There is no model to load."""
        self._layered = classical.Backend(settings)

    def run(self, request: EditRequest, folder: Path) -> Row:
        """Write `picture.png`.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            StorageError: a layer is absent or damaged.
        """
        if request.recipe["subtype"] in classical.FROM_LAYERS:
            return self._layered.run(request, folder)
        rgb = read_photo(
            Path(request.path),
            max_pixels=request.max_pixels,
            max_megapixels=request.max_megapixels,
            expected_id=request.source_id,
        ).rgb
        (folder / "picture.png").write_bytes(encode_png(255 - rgb))
        return {"status": "done", "x": 0, "y": 0}
