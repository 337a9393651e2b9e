from pathlib import Path

import dagster as dg
import pytest

from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.schema import Profile
from iedf_assets.defs.assets.exports import export_names
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.jobs import EXPORT, FACTORY
from iedf_assets_tests.helpers.exports import indexed, planted


@pytest.fixture
def asked(tmp_path: Path) -> list[Export]:
    return [
        Export(format="folders", target=tmp_path / "folders", split="train"),
        Export(format="folders", target=tmp_path / "more", language="zh"),
    ]


@pytest.fixture
def profile(tmp_path: Path, asked: list[Export]) -> Profile:
    return planted(tmp_path / "factory")[0].model_copy(update={"exports": asked})


def test_each_export_is_an_asset_below_the_index_with_a_check(profile: Profile) -> None:
    definitions = build_defs(profile)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    names = export_names(profile.exports)
    assert names == ["export_folders", "export_folders_2"]
    for name in names:
        node = graph.get(dg.AssetKey(name))
        assert node.parent_keys == {dg.AssetKey("dataset_index")}
        assert {key.name for key in graph.asset_check_keys if key.asset_key == dg.AssetKey(name)} == {
            "export_loads"
        }
    waves = definitions.resolve_job_def(FACTORY).asset_layer.executable_asset_keys
    assert not {dg.AssetKey(name) for name in names} & set(waves)


def test_the_job_makes_them_and_the_check_finds_what_somebody_spoilt(
    profile: Profile, tmp_path: Path
) -> None:
    job = build_defs(profile).resolve_job_def(EXPORT)
    with dg.DagsterInstance.ephemeral() as instance:
        first = job.execute_in_process(instance=instance)
        assert [found.passed for found in first.get_asset_check_evaluations()] == [True, True]
        rows = {event.asset_key.path[-1]: event.materialization.metadata["dagster/row_count"].value
                for event in first.get_asset_materialization_events() if event.asset_key}  # fmt: skip
        assert rows["export_folders_2"] == len(indexed(profile))
        caption = min((tmp_path / "more/target").glob("*.txt"))
        caption.write_text("something else", "utf-8")
        definitions = build_defs(profile)
        looked = dg.define_asset_job(
            "look", selection=dg.AssetSelection.checks_for_assets("export_folders_2")
        )
        again = dg.Definitions.merge(definitions, dg.Definitions(jobs=[looked])).resolve_job_def("look")
        (found,) = again.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert not found.passed
