"""What the columns of the stages' manifests say, as the catalogue of the UI shows it."""

import dagster as dg

from iedf_assets.core.storage.manifests import NESTED, SCHEMAS

# The same word means the same in every stage, so a column is described once.
DESCRIPTIONS = {
    "path": "The file, relative to data/; identifies the row.",
    "slot": "A planned edit: source, subtype and variant, and from its second try on the number of the try.",
    "key": "Hash of everything the row depends on; while it stays, nothing is made again.",
    "source_id": "Hash of the photo's bytes.",
    "edit_id": "Identity of the edit: source, recipe, backend and its revision.",
    "layers_key": "The decomposition that the edit is made from.",
    "edit_key": "The row of edited_images that it comes from.",
    "pair_key": "The row of edit_pairs that it comes from.",
    "sample_key": "Where the pair lies in the dataset: task, subtype, scene and number.",
    "status": "What became of it.",
    "reason": "Why it was left out, turned down or failed; empty when all went well.",
    "detail": "The reason in words, with figures.",
    "attempts": "How often it was tried.",
    "seconds": "How long the last try took.",
    "duplicate_of": "The photo that this one is a copy of.",
    "width": "Working width, pixels.",
    "height": "Working height, pixels.",
    "original_width": "Width as stored, pixels.",
    "original_height": "Height as stored, pixels.",
    "format": "File format, by content.",
    "mode": "Pixel format as stored, such as RGB or CMYK.",
    "bytes": "Size of the file.",
    "mtime_ns": "When the file changed last, nanoseconds since 1970.",
    "phash": "Perceptual hash, 64 bits as hexadecimal digits.",
    "look": "Its colours in 8 x 8 cells, RGB, as hexadecimal digits; they decide where hashes are near.",
    "facts": "What people say of it beside it: objects, scene, caption, licence, author, source.",
    "rights": "What the file itself says: licence, author, copyright.",
    "reference": "The photo of which the model was shown an object: its `source_id`.",
    "level": "What was made: layers, or the mask alone.",
    "objects": "What of the photo can be edited: place, share, colour, and the files of each.",
    "files": "Name and size of each staged file.",
    "checksums": "Name and checksum of each staged file: the first 32 digits of its SHA-256.",
    "written_ns": "When the youngest of the staged files was written, nanoseconds since 1970.",
    "recomposition_error": "Mean difference of the layers put together from the photo, levels of 255.",
    "backend": "What made it.",
    "model_revision": "The model's revision; empty for backends without a model.",
    "made_with": "What a model made it with: class, revision, settings, seed, canvas, versions.",
    "judged": "What the judge said: ratings from 1 to 5; of a pair also what changed and what looks wrong.",
    "task": "The kind of task that the subtype belongs to.",
    "subtype": "The kind of edit.",
    "scene": "The scene folder, from the profile.",
    "variant": "Which of several edits of one subtype of one source.",
    "recipe": "The drawn parameters.",
    "instruction_ch": "The instruction in Chinese.",
    "instruction_en": "The instruction in English.",
    "rewritten_ch": "What the edit did, in Chinese; it takes the instruction's place.",
    "rewritten_en": "The same in English.",
    "x": "Left edge of the edited box in the photo, pixels.",
    "y": "Upper edge of the edited box in the photo, pixels.",
    "tier": "How strictly the outside of the allowed region is compared.",
    "scores": "What was measured of the pair.",
    "failed_checks": "The checks that the pair did not pass.",
    "review": "What a person said of it: accept or reject.",
    "derived_from": "What it is made as, and the published pairs that it is made of.",
}


def column_schema(stage: str) -> dict[str, dg.TableSchema]:
    """The static metadata that names and describes a manifest's columns."""
    columns = [
        dg.TableColumn(name, "JSON" if name in NESTED else str(dtype), DESCRIPTIONS[name])
        for name, dtype in SCHEMAS[stage].items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}
