"""The mock backend of edited_images: the photo's negative as any edit, for trying the wiring."""

from pathlib import Path

from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.storage.journal import Row
from model_envs.backends import WithoutModel, photo_of
from model_envs.edit import classical


class Backend(WithoutModel):
    """Turns photos into their negatives; what is rendered from layers is."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self._layered = classical.Backend(settings)

    def run(self, request: EditRequest, folder: Path) -> Row:
        """Write `picture.png`.

        Raises:
            SourceError: the photo cannot be read, or is not the one that was scanned.
            StorageError: a layer is absent or damaged.
        """
        if request.recipe["subtype"] in classical.WITHOUT_MODEL:
            return self._layered.run(request, folder)
        rgb = photo_of(request)
        (folder / "picture.png").write_bytes(encode_png(255 - rgb))
        return {"status": "done", "x": 0, "y": 0}
