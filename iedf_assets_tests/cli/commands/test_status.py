import json

from click.testing import CliRunner

from iedf_assets.cli.main import cli
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.manifests import SCHEMAS
from iedf_assets.core.storage.naming import Layout, from_here
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORY = "物理变化"


def test_rows_of_a_stage_are_printed_as_json_lines(profile: Profile, layout: Layout) -> None:
    plant = Plant(profile, layout, CATEGORY)
    plant.make()
    plant.judge()
    plant.save()
    options = ["--config", str(CLASSICAL), "--outputs", str(layout.outputs), "--data", str(layout.data)]
    told = CliRunner().invoke(cli, ["status", "--rows", "edited_images", *options])
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.exit_code == 0
    assert {row["key"] for row in rows} == set(plant.edits)
    assert all(tuple(row) == ("category", *SCHEMAS["edited_images"]) for row in rows)
    assert {row["category"] for row in rows} == {CATEGORY}
    assert rows[0]["recipe"]["subtype"] in {"move", "scale"}


def test_facts_that_are_not_used_stand_in_the_json(layout: Layout) -> None:
    (layout.data / CATEGORY).mkdir(parents=True)
    (layout.data / CATEGORY / "a.json").write_text("{")
    options = ["--config", str(CLASSICAL), "--outputs", str(layout.outputs), "--data", str(layout.data)]
    told = CliRunner().invoke(cli, ["status", "--json", "--category", CATEGORY, *options])
    assert told.exit_code == 0
    (finding,) = json.loads(told.stdout)[CATEGORY][0]["findings"]
    assert (finding["file"], finding["line"]) == (f"data/{CATEGORY}/a.json", 1)


def test_that_a_run_would_refuse_is_told_beforehand(layout: Layout) -> None:
    options = ["--config", str(CLASSICAL), "--outputs", str(layout.outputs), "--data", str(layout.data)]
    for command in (["status"], ["run", "--dry-run"]):
        told = CliRunner().invoke(cli, [*command, "--category", CATEGORY, *options]).output
        assert f"a run refuses: there is no folder {from_here(layout.data / CATEGORY)}" in told
