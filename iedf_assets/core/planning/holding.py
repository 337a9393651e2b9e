"""What limits keep from being made now; it stays pending until they are raised."""

from dataclasses import replace

from iedf_assets.core.planning.book import Book
from iedf_assets.core.storage.keys import Slot


def is_held(book: Book, slot: Slot) -> bool:
    """Whether a limit keeps a planned edit from being made now; for most derived ones nothing is rendered."""
    if not slot.is_rendered:
        return book.allowance.is_full(slot.subtype.task, slot.scene)
    if not book.profile.limits.any or slot.edit_key in book.rendered:
        return False
    workers = book.category.workers
    needs_layers = slot.subtype.needs != "none" and slot.layers_key not in book.layers
    return (
        book.allowance.edits_left == 0
        or book.allowance.is_full(slot.subtype.task, slot.scene)
        or book.allowance.holds_back(workers.edit.backend)
        or (needs_layers and book.allowance.holds_back(workers.layered.backend))
    )


def holds_all(book: Book, scene: str | None = None) -> bool:
    """Whether limits keep every edit of a new photo from being made.

    Args:
        scene: that people say the photo is of; None for the category's.
    """
    slots = (replace(slot, scene=scene or slot.scene) for slot in book.keys.slots(""))
    return bool(book.allowance.reached) and all(is_held(book, slot) for slot in slots)
