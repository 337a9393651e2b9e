"""`iedf demo`: sample photos in, a dataset out, without any preparation."""

from pathlib import Path

import numpy as np

from iedf_assets.cli.commands.run import run_all
from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.core.errors import FactoryError
from iedf_assets.core.pictures.codecs import encode_png
from iedf_assets.core.profile.checkpoints import small_network
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.workers import Workers
from iedf_assets.core.storage.files import write_bytes
from iedf_assets.core.storage.naming import Layout

SAMPLES = {
    "人物物体一致性": ("astronaut", "coffee"),
    "物体一致性": ("coffee", "motorcycle"),
    "物理变化": ("coffee", "rocket"),
}
# Of the rocket what is before the sky: of the whole photo it is a small part, among masts and lights.
CLOSER = {"rocket": np.s_[:390, 200:440]}


def run_demo(profile: Profile) -> bool:
    """Fill empty categories with scikit-image's own photos, run everything, say where to look."""
    layout = Layout.of(profile)
    console = PlainConsole()
    asked = any(category.workers.layered.uses_small_network for category in profile.categories.values())
    if asked and not small_network().is_file():
        console.print(
            f"the segmentation network {small_network()} is not there, so the backend classical finds the "
            "objects, much worse; `make models` brings it",
            soft_wrap=True,
        )
        profile = without_network(profile)
    for category, names in SAMPLES.items():
        if category in profile.categories and not _has_files(layout, category):
            for name in names:
                write_bytes(layout.data / category / name / f"{name}.png", sample(name))
            console.print(
                f"put sample photos into {layout.data / category}: {', '.join(names)}", soft_wrap=True
            )
    went_through = run_all(profile, list(profile.categories))
    console.print(f"look at {layout.dataset}, and at {layout.reports / 'index.csv'}", soft_wrap=True)
    console.print("the UI: make dev", soft_wrap=True)
    return went_through


def without_network(profile: Profile) -> Profile:
    """The profile with the backend `classical` where it would ask the small segmentation network."""

    def changed(workers: Workers) -> Workers:
        if not workers.layered.uses_small_network:
            return workers
        layered = workers.layered.model_copy(update={"backend": "classical"})
        return workers.model_copy(update={"layered": layered})

    categories = {
        name: category.model_copy(update={"workers": changed(category.workers)})
        for name, category in profile.categories.items()
    }
    return profile.model_copy(update={"workers": changed(profile.workers), "categories": categories})


def _has_files(layout: Layout, category: str) -> bool:
    folder = layout.category_folder(category)
    return folder is not None and any(path.is_file() for path in Path(folder).rglob("*"))


def sample(name: str) -> bytes:
    """One of scikit-image's own photos, as PNG.

    Raises:
        FactoryError: scikit-image is not installed.
    """
    try:
        from skimage import data  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise FactoryError(
            "the demo's photos come with scikit-image, which is not installed", "pip install -e '.[demo]'"
        ) from error
    photo = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return encode_png(np.ascontiguousarray(photo[CLOSER[name]]) if name in CLOSER else photo)
