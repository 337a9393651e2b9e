"""A dataset to export, made by hand from real photos, and exporting it."""

from pathlib import Path
from typing import Any

from iedf_assets.core.exporting.export import Outcome, export
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.files import content_hash
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORIES = ("人物物体一致性", "物体一致性", "物理变化")
# Of the four photos of each category one is for validation.
SPLIT = "sources.validation_share=0.1"


def planted(home: Path) -> tuple[Profile, list[Plant]]:
    """A factory with published samples of four subtypes, in both splits, and its index."""
    folders = [f"paths.{key}={home / key}" for key in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, [*folders, SPLIT])
    layout = Layout.of(profile)
    plants = [Plant(profile, layout, name) for name in CATEGORIES]
    for plant in plants:
        plant.make()
        plant.judge()
        plant.save()
    write_index(profile, layout)
    return profile, plants


def planted_with_a_chain(home: Path) -> tuple[Profile, list[str]]:
    """The same factory, and two samples of a photo that are the turns of a chain, by their keys."""
    profile, plants = planted(home)
    layout, plant = Layout.of(profile), plants[-1]
    told = [row for row in plant.rows.values() if row["source_id"] == plant.slots[0].source_id]
    first, second = sorted(told, key=lambda row: str(row["sample_key"]))[:2]
    keys = [first["sample_key"], second["sample_key"]]
    second["derived_from"] = {"as": "turn2", "edits": [], "of": [keys[0]], "chain": keys[0]}
    before, after = (layout.dataset / f"{keys[0]}_result.jpg", layout.dataset / f"{keys[1]}.jpg")
    after.unlink()
    after.write_bytes(before.read_bytes())
    pair = plant.pairs[second["pair_key"]]
    pair["files"] |= {"source.jpg": after.stat().st_size}
    pair["checksums"] |= {"source.jpg": content_hash(after.read_bytes())}
    plant.save()
    write_index(profile, layout)
    return profile, keys


def exported(profile: Profile, target: Path, form: Format, **asked: Any) -> Outcome:
    """Export what there is; the proof is part of it."""
    outcome = export(profile, Layout.of(profile), Export(format=form, target=target, **asked))
    assert outcome.proof.faults == []
    return outcome


def indexed(profile: Profile) -> dict[str, dict[str, Any]]:
    """The rows of the index by sample key."""
    return {row["sample_key"]: row for row in read_journal(Layout.of(profile).index)}
