"""Objects of a category's other photos, which a model is shown to put them in an object's place.

They are of the photos of a wave, which are all at hand. An edit leaves with the photo of what it was shown,
as it leaves with its own: then it is planned anew, under another key (`Book.lost`).
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from iedf_assets.core.edits.recipes import Recipe, Unplannable
from iedf_assets.core.planning.book import Book, Source
from iedf_assets.core.profile.bank import Language, bank
from iedf_assets.core.profile.subtypes import is_by_model
from iedf_assets.core.storage.journal import Row

NO_REFERENCE = "no_reference"
# What is smaller shows too little; shares of the picture.
LEAST_AREA = 0.01


class Reference(NamedTuple):
    """An object with a name in both languages."""

    source: Source
    layers: Row
    object: Row

    @property
    def shown(self) -> dict[str, Any]:
        """As a recipe names it."""
        return {"source_id": self.source.source_id, "object": self.object["number"]}

    def told(self, photos: Mapping[str, str], book: Book) -> dict[str, Any]:
        """As a worker is told of it.

        Args:
            photos: path on disk of each source, by its manifest path.
        """
        return {
            "path": photos[self.source.path],
            "source_id": self.source.source_id,
            "object": self.object,
            "layers_folder": str(book.layout.staged("image_layers", self.layers["key"])),
        }


def with_reference(recipe: Recipe, book: Book, source_id: str, one: Row, seed: int) -> Recipe | Unplannable:
    """A recipe with an object of another photo of the wave that takes its object's place.

    One of another name is drawn; its name is what the instruction says. What is called as the bank calls
    a kind of its own is left out, since the text would be read as that.
    """
    caption = one.get("caption")
    taken = {text.lower() for kind in bank().edits["replace"].kinds.values() for text in kind.en}
    if isinstance(caption, dict):
        taken.add(str(caption.get("en")).lower())
    found = [
        other
        for other in references_of(book)
        if other.source.source_id != source_id and other.object["caption"]["en"].lower() not in taken
    ]
    if not found:
        return Unplannable(NO_REFERENCE, "no other photo of the wave has an object with a name")
    chosen = random.Random(f"reference {seed}").choice(found)  # noqa: S311  # no secret
    return {**recipe, "reference": chosen.shown, "given": dict(chosen.object["caption"])}


def references_of(book: Book) -> Iterator[Reference]:
    """The objects of the photos worked on that can be shown, in the order of their photos."""
    return (Reference(*named) for named in book.named if named[2]["area_share"] >= LEAST_AREA)


def reference_of(book: Book, recipe: Recipe) -> Reference | None:
    """The object that a recipe shows; None where it shows none, or its photo is not in the wave any more."""
    wanted = recipe.get("reference")
    return next((one for one in references_of(book) if one.shown == wanted), None) if wanted else None


def told_of_shown(recipe: Recipe, language: Language) -> str:
    """What a model is told, after its instruction, of the second picture that a recipe has it shown."""
    words = bank().words[language].shown
    if recipe.get("reference"):
        return words.object
    return words.result if is_by_model(recipe) else ""


def has_lost_reference(book: Book, row: Row) -> bool:
    """Whether what an edit that is still to be made was to show is not in this wave."""
    shows = row["status"] != "done" and row["recipe"].get("reference")
    return bool(shows) and reference_of(book, row["recipe"]) is None
