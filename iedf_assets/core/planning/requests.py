"""What each stage has to make: pure plans from the rows before it, as requests for `running.run_requests`.

All look rows up by their keys, so they take a book as `Book.at_work` gives it.
"""

from iedf_assets.core.contract import EditRequest, LayerRequest
from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.errors import StorageError
from iedf_assets.core.pairs.making import AnyPair
from iedf_assets.core.pictures.masks import margin_px
from iedf_assets.core.planning.book import Book, Source
from iedf_assets.core.planning.called import called
from iedf_assets.core.planning.derived.plans import begun_with, derived_request, derived_row, found_by
from iedf_assets.core.planning.drawing import drawn_for, subject_of, words_seed
from iedf_assets.core.planning.holding import is_held
from iedf_assets.core.planning.materials import attempts_of, checksums_of, layers_inputs, pair_request
from iedf_assets.core.planning.references import has_lost_reference, reference_of, told_of_shown
from iedf_assets.core.profile.subtypes import SUBTYPES, as_made
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.keys import Slot, edit_id, largest_area, needed_level, reads_text, seed_from


def layer_requests(book: Book, photos: dict[str, str]) -> list[LayerRequest]:
    """Decompositions still to be made for the sources worked on.

    Args:
        photos: path on disk of each source, by its manifest path.
    """
    level = needed_level(book.category)
    requests = []
    for source in book.worked_on if level != "none" else []:
        if all(is_held(book, slot) for slot in book.keys.slots(source.source_id)):
            continue
        key = book.keys.layers_key(source.source_id)
        folder = book.layout.staged("image_layers", key)
        known = book.layers.get(key)
        if book.is_usable(known, folder) or source.path not in photos:
            continue
        requests.append(
            LayerRequest(
                key=key,
                source_id=source.source_id,
                path=photos[source.path],
                max_megapixels=book.profile.max_megapixels,
                max_pixels=book.profile.sources.max_pixels,
                level=level,
                max_area=largest_area(book.category),
                seed=seed_from("layers", book.profile.seed, source.source_id),
                reads=reads_text(book.category),
                output=str(folder),
                row={
                    "key": key,
                    "source_id": source.source_id,
                    "level": level,
                    "backend": book.category.workers.layered.backend,
                    "attempts": attempts_of(known),
                },
            )
        )
    return requests


def plan_edits(book: Book) -> list[Row]:
    """The plan: one row of edited_images for each slot whose source is decomposed, in slot order.

    A row that is there already is taken as it is; the others have status `planned`, `done` where nothing is
    to be rendered, or `rejected` with the reason why no such edit can be made of this photo.
    """
    rows, names = [], book.names()
    for source in book.worked_on:
        layers = book.layers_row(source.source_id) if book.needs_layers() else _nothing_of(source)
        if layers is None or layers["status"] not in {"done", "filtered"}:
            continue
        if layers["status"] == "filtered" and not book.edits_whole_pictures:
            continue
        slots = [(slot, _planned_already(book, slot)) for slot in book.slots_of([source])]
        if source.path in names and any(known is None for _, known in slots):
            try:
                layers = called(book, layers, names[source.path])
            except StorageError:  # its layers have gone meanwhile; the next run makes them again
                continue
        for slot, known in slots:
            if known or not slot.parents:
                rows.append(known or _planned(book, slot, layers))
            elif book.is_due(slot) and not is_held(book, slot):
                rows.append(derived_row(book, slot, layers))
    return rows


def _planned_already(book: Book, slot: Slot) -> Row | None:
    """The row of a slot, where it is planned and nothing that its recipe shows is lost."""
    known = book.edits.get(slot.edit_key)
    return known if known and known["recipe"] and not has_lost_reference(book, known) else None


def _nothing_of(source: Source) -> Row:
    """What stands for a decomposition where no edit needs one."""
    size = {"width": source.width, "height": source.height}
    return {**size, "status": "done", "key": None, "objects": []}


def edit_requests(book: Book, plan: list[Row], photos: dict[str, str]) -> list[EditRequest]:
    """Edits of the plan that are still to be rendered, as far as the limits allow."""
    slots = {slot.edit_key: slot for slot in book.slots_of(book.worked_on)}
    paths = {source.source_id: source.path for source in book.worked_on}
    requests = []
    for row in plan:
        slot, folder = slots[row["key"]], book.layout.staged("edited_images", row["key"])
        photo = photos.get(paths[row["source_id"]])
        left_out = not (slot.is_rendered and book.is_due(slot)) or is_held(book, slot)
        if left_out or book.is_usable(row, folder) or photo is None:
            continue
        path, content = begun_with(book, slot) if slot.parents else (photo, row["source_id"])
        subtype = as_made(SUBTYPES[row["subtype"]], row["recipe"])
        layers = book.layers.get(row["layers_key"], {})
        size = layers.get("width", 0), layers.get("height", 0)
        reference = reference_of(book, row["recipe"])
        requests.append(
            EditRequest(
                key=row["key"],
                edit_id=row["edit_id"],
                source_id=content,
                path=path,
                max_megapixels=book.profile.max_megapixels,
                max_pixels=book.profile.sources.max_pixels,
                recipe=row["recipe"],
                instruction=row[f"instruction_{book.abilities.language}"],
                local=subtype.tier != "global",
                object=found_by(book, slot, row["recipe"]),
                layers_folder=str(book.layout.staged("image_layers", row["layers_key"])),
                margin_px=margin_px(book.category.encoding, *size, subtype),
                seed=seed_from("edit", row["edit_id"]),
                output=str(folder),
                row={
                    **row,
                    "backend": book.category.workers.edit.backend,
                    "attempts": attempts_of(row),
                },
                inputs=layers_inputs(book, row)
                | (checksums_of(book, "image_layers", reference.layers) if reference else {}),
                reference=reference.told(photos, book) if reference else None,
                shown=told_of_shown(row["recipe"], book.abilities.language),
            )
        )
    return requests[: book.allowance.edits_left]


def pair_requests(book: Book, photos: dict[str, str]) -> list[AnyPair]:
    """Rendered edits, and derived ones that are due, that are still to be finished."""
    requests: list[AnyPair] = []
    for source in book.worked_on:
        for slot in book.slots_of([source]):
            edit = book.edits.get(slot.edit_key)
            folder = book.layout.staged("edit_pairs", slot.pair_key)
            known = book.pairs.get(slot.pair_key)
            path = photos.get(source.path)
            if edit is None or edit["status"] != "done" or book.is_usable(known, folder) or path is None:
                continue
            if not slot.parents:
                requests.append(pair_request(book, slot, edit, known, path))
            elif book.is_due(slot):
                requests.append(derived_request(book, slot, edit, known, path))
    return requests


def _planned(book: Book, slot: Slot, layers: Row) -> Row:
    row: Row = {
        "key": slot.edit_key,
        "source_id": slot.source_id,
        "layers_key": slot.layers_key,
        "task": slot.subtype.task,
        "subtype": slot.subtype.name,
        "scene": slot.scene,
        "variant": slot.variant,
        "attempts": 0,
    }
    if layers["status"] == "filtered" and slot.subtype.needs != "none":
        return {**row, "status": "rejected", "recipe": None, **{k: layers[k] for k in ("reason", "detail")}}
    drawn, one = drawn_for(book, slot, layers)
    if isinstance(drawn, recipes.Unplannable):
        return {**row, "status": "rejected", "reason": drawn.reason, "detail": drawn.detail, "recipe": None}
    # The words are no part of what an edit is: it keeps its number when it is asked for otherwise.
    identity = edit_id(slot.source_id, drawn, book.category.workers.edit.identity())
    seed = words_seed(book, slot)
    size, subject = (layers["width"], layers["height"]), subject_of(slot, one) if one else {}
    drawn = instructions.phrased(drawn, seed, book.category.plain_share, subject, layers["objects"], size)
    chinese, english = instructions.write(drawn, subject, *size, seed)
    return {
        **row,
        "status": "planned",
        "edit_id": identity,
        "recipe": drawn,
        "reference": drawn.get("reference", {}).get("source_id"),
        "instruction_ch": chinese,
        "instruction_en": english,
    }
