"""Facts beside photos, from file to published sample; and what a changed one redoes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from iedf_assets.cli.main import cli
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.planning.book import Book
from iedf_assets.core.planning.status import standings
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, tree, with_settings

pytestmark = pytest.mark.slow

SUBTYPES = f"categories.{PHYSICAL}.subtypes={{background: 1, brightness: 1}}"
DOG = {"objects": [{"en": "cup of coffee", "ch": "咖啡杯"}], "scene": "table", "licence": "CC0-1.0"}


def told(layout: Layout, **facts: object) -> None:
    (layout.data / PHYSICAL / "coffee" / "coffee.json").write_text(json.dumps({**DOG, **facts}), "utf-8")


def to_make(profile: Profile, layout: Layout) -> dict[str, int]:
    book = Book.open(profile, layout, PHYSICAL)
    stood = standings(book, find_files(layout, PHYSICAL, profile.sources) or [])
    return {one.stage: one.to_make for one in stood if one.to_make}


def entries(layout: Layout) -> dict[str, dict[str, Any]]:
    lines = layout.index.read_text("utf-8").splitlines()
    return {
        entry["subtype"]: entry
        for entry in map(json.loads, lines)
        if "coffee" in entry["metadata"]["source_path"]
    }


def test_facts_name_and_file_samples_and_a_changed_one_redoes_what_depends_on_it(
    profile: Profile, layout: Layout
) -> None:
    profile = with_settings(profile, SUBTYPES)
    put(layout, PHYSICAL, "coffee", "rocket")
    told(layout)
    outcome, made = run(profile)
    assert outcome.went_through, outcome.error
    assert outcome.counts["source_images"] == {"accepted": 2}
    assert made["source_images"] == 2
    samples = entries(layout)
    assert {entry["scene"] for entry in samples.values()} == {"table"}
    assert "cup of coffee" in samples["background"]["instruction_en"]
    assert "咖啡杯" in samples["background"]["instruction_ch"]
    published = tree(layout.dataset)
    assert {key.split("/")[2] for key in published} == {"table", "mixed"}

    # A licence is told by the index, and nothing is made anew.
    told(layout, licence="CC-BY-4.0")
    assert to_make(profile, layout) == {"source_images": 1}
    _, made = run(profile)
    assert set(made) == {"dataset"}
    assert tree(layout.dataset) == published
    assert run(profile)[0].waves == 0

    # A scene moves the samples.
    told(layout, scene="kitchen")
    assert to_make(profile, layout) == {"source_images": 1, "dataset": 2}
    _, made = run(profile)
    assert set(made) == {"dataset"}
    moved = {key.replace("/table/", "/kitchen/"): value for key, value in published.items()}
    assert tree(layout.dataset) == moved

    # A name is asked for anew, where it is said.
    told(layout, scene="kitchen", objects=[{"en": "latte", "ch": "拿铁"}])
    assert to_make(profile, layout) == {"source_images": 1, "edited_images": 1, "edit_pairs": 1, "dataset": 1}
    _, made = run(profile)
    assert (made["edited_images"], made["edit_pairs"]) == (1, 1)
    assert "latte" in entries(layout)["background"]["instruction_en"]
    assert {path for path in moved if tree(layout.dataset)[path] != moved[path]} == {
        f"consistency_edit/background/kitchen/00001_{language}.txt" for language in ("CH", "EN")
    }

    # Without facts everything is as it would have been without.
    (layout.data / PHYSICAL / "coffee" / "coffee.json").unlink()
    outcome, _ = run(profile)
    assert {entry["scene"] for entry in entries(layout).values()} == {"mixed"}
    assert outcome.findings == []


def test_what_is_wrong_is_told_by_run_and_status_and_stops_nothing(layout: Layout) -> None:
    put(layout, PHYSICAL, "coffee")
    told(layout, mood="calm", scene="Table")
    paths = ["--config", str(CLASSICAL), "--data", str(layout.data), "--outputs", str(layout.outputs)]
    options = [*paths, "--category", PHYSICAL, "--set", SUBTYPES, "--set", f"paths.logs={layout.logs}"]
    outputs = [CliRunner().invoke(cli, [*command, *options]) for command in (["run"], ["status"])]
    for output in outputs:
        assert output.exit_code == 0, output.output
        assert f"data/{PHYSICAL}/coffee/coffee.json:1: unknown key 'mood'" in output.output
        assert "scene is no name of a folder" in output.output
    assert {entry["scene"] for entry in entries(layout).values()} == {"mixed"}


def test_a_single_edit_is_asked_for_by_the_facts_beside_its_photo(layout: Layout, tmp_path: Path) -> None:
    put(layout, PHYSICAL, "coffee")
    told(layout)
    photo = layout.data / PHYSICAL / "coffee" / "coffee.jpg"
    arguments = ["edit", str(photo), "--output", str(tmp_path / "out"), "--subtype", "background"]
    done = CliRunner().invoke(cli, [*arguments, "--config", str(CLASSICAL)])
    assert done.exit_code == 0, done.output
    assert "cup of coffee" in (tmp_path / "out" / "coffee_EN.txt").read_text("utf-8")


def test_what_may_not_be_used_is_withdrawn_and_results_can_say_that_they_were_edited(
    profile: Profile, layout: Layout
) -> None:
    put(layout, PHYSICAL, "coffee", "rocket")
    told(layout)
    profile = with_settings(profile, SUBTYPES)
    outcome, _ = run(profile)
    before, counts = tree(layout.dataset), outcome.counts["dataset"]
    assert {key.split("/")[2] for key in before} == {"table", "mixed"}
    outcome, _ = run(with_settings(profile, SUBTYPES, "limits.use=commercial"))
    assert outcome.went_through, outcome.error
    assert outcome.counts["source_images"] == {"accepted": 1, "filtered": 1}
    assert {key.split("/")[2] for key in tree(layout.dataset)} == {"table"}
    samples = entries(layout)
    assert {entry["metadata"]["photo_licence"] for entry in samples.values()} == {"CC0-1.0"}

    outcome, _ = run(with_settings(profile, SUBTYPES, "encoding.digital_source_type=true"))
    after = tree(layout.dataset)
    assert outcome.counts["dataset"]["published"] == counts["published"]
    assert after.keys() == before.keys()
    assert {path for path in before if before[path] != after[path]} == {
        path for path in before if path.endswith("_result.jpg")
    }
    for path in after:
        if path.endswith("_result.jpg"):
            with Image.open(layout.dataset / path) as picture:
                told_type = picture.getxmp()["xmpmeta"]["RDF"]["Description"]["DigitalSourceType"]
            assert told_type.endswith("/algorithmicallyEnhanced")
    assert check_dataset(layout.dataset).clean
