import ast
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.manifests import SCHEMAS
from iedf_assets.defs.build import build_defs
from iedf_assets.defs.checks.samples import PAIR_CHECKS
from iedf_assets.defs.columns import DESCRIPTIONS
from iedf_assets.defs.jobs import FACTORY, STAGE_JOBS

LINE = ["source_images", "image_layers", "edited_images", "edit_pairs", "dataset", "dataset_index"]
# What hangs on the line's end and is made when somebody asks for it.
ON_DEMAND = ["canaries", "report"]
EVERY = "all_categories_pass"
INPUTS = ["photos", "settings"]
CHECKS = {
    "source_images": {"inputs_unchanged", "every_file_listed", "photos_readable", "facts_understood"},
    "image_layers": {"layers_sane"},
    "dataset": {"naming_and_completeness", *PAIR_CHECKS, "pairs_unique", "accounts_add_up", EVERY},
    "dataset_index": {"index_matches_dataset", EVERY},
    "canaries": {"canaries_caught"},
}
PIPES_MODULE = "model_envs/worker.py"
PLAIN = [*(PROJECT_ROOT / "iedf_assets" / "core").rglob("*.py"), *(PROJECT_ROOT / "model_envs").rglob("*.py")]
# Only what runs a model may import what runs models.
MODELS = [path for path in PLAIN if path.parent.name == "qwen" or path.name == "diffusers.py"]
LIGHT = [path for path in PLAIN if path not in MODELS]


@pytest.fixture
def definitions(profile: Profile) -> dg.Definitions:
    return build_defs(profile)


@pytest.fixture
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def test_the_definitions_are_loadable(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_stages_form_one_line(graph: AssetGraph) -> None:
    assert {key.path[-1] for key in graph.get_all_asset_keys()} == {*INPUTS, *LINE, *ON_DEMAND}
    assert all(graph.get(dg.AssetKey(name)).is_external for name in INPUTS)
    line = ["photos", *LINE]
    for earlier, later in [*itertools.pairwise(line), *((LINE[-1], name) for name in ON_DEMAND)]:
        parents = {key.path[-1] for key in graph.get(dg.AssetKey(later)).parent_keys}
        assert parents == ({earlier, *INPUTS} if later in LINE[:-1] else {earlier})


def test_the_settings_have_a_partition_for_each_stage_of_each_category_which_that_stage_depends_on(
    graph: AssetGraph, profile: Profile
) -> None:
    settings = dg.AssetKey("settings")
    partitions = graph.get(settings).partitions_def
    assert partitions
    assert set(partitions.get_partition_keys()) == {
        f"{name}/{stage}" for name in profile.categories for stage in LINE[:-1]
    }
    for stage in LINE[:-1]:
        node = graph.get(dg.AssetKey(stage))
        assert node.partitions_def
        for name in profile.categories:
            upstream = graph.get_partition_mapping(
                node.key, settings
            ).get_upstream_mapped_partitions_result_for_partitions(
                node.partitions_def.subset_with_partition_keys([name]), node.partitions_def, partitions
            )
            assert list(upstream.partitions_subset.get_partition_keys()) == [f"{name}/{stage}"]


@pytest.mark.parametrize("name", [*LINE, *ON_DEMAND])
def test_every_asset_tells_what_it_is(graph: AssetGraph, name: str) -> None:
    node = graph.get(dg.AssetKey(name))
    assert node.group_name != "default"
    assert node.description
    assert node.kinds
    assert node.owners
    assert node.code_version


@pytest.mark.parametrize("name", LINE[:-1])
def test_every_column_of_a_manifest_is_described(graph: AssetGraph, name: str) -> None:
    schema = graph.get(dg.AssetKey(name)).metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns] == list(SCHEMAS[name])
    assert all(column.description for column in schema.columns)


def test_no_description_outlives_its_column() -> None:
    assert set(DESCRIPTIONS) == {column for schema in SCHEMAS.values() for column in schema}


def test_every_stage_is_partitioned_by_the_categories_and_the_index_is_one_for_all(
    graph: AssetGraph, profile: Profile
) -> None:
    for name in ["photos", *LINE[:-1]]:
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        assert partitions
        assert partitions.get_partition_keys() == list(profile.categories)
    assert not graph.get(dg.AssetKey("dataset_index")).is_partitioned


def test_names_that_dagster_wants_in_ascii_are(definitions: dg.Definitions, graph: AssetGraph) -> None:
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    names = [part for node in nodes for part in (*node.key.path, node.group_name)]
    names += [key.name for key in graph.asset_check_keys]
    repository = definitions.get_repository_def()
    names += [job.name for job in repository.get_all_jobs()]
    names += [sensor.name for sensor in repository.sensor_defs]
    names += [schedule.name for schedule in repository.schedule_defs]
    assert [name for name in names if not name.isascii()] == []


def test_the_checks_stand_on_their_stages_and_are_partitioned_like_them(graph: AssetGraph) -> None:
    found: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
        node = graph.get(key)
        assert node.description
        of_all = key.name == EVERY
        assert node.partitions_def == (None if of_all else graph.get(key.asset_key).partitions_def)
    assert found == CHECKS


def test_only_the_model_stages_take_from_the_gpu_pools(graph: AssetGraph) -> None:
    pools = {key.path[-1]: graph.get(key).pools for key in graph.get_all_asset_keys()}
    assert {name: pool for name, pool in pools.items() if pool} == {
        "image_layers": {"gpu_layered"},
        "edited_images": {"gpu_edit"},
    }


def test_a_job_for_the_whole_way_and_one_for_each_stage(definitions: dg.Definitions) -> None:
    whole = definitions.resolve_job_def(FACTORY)
    names = {node.name for node in whole.nodes}
    assert names >= set(LINE)
    assert not names & set(ON_DEMAND)
    assert list(STAGE_JOBS.values()) == [*LINE, *ON_DEMAND]
    for job, asset in STAGE_JOBS.items():
        resolved = definitions.resolve_job_def(job)
        assert {node.name for node in resolved.nodes} & {*LINE, *ON_DEMAND} == {asset}
        checks = {key.name for key in resolved.asset_layer.asset_graph.asset_check_keys}
        assert checks == CHECKS.get(asset, set())


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.relative_to(PROJECT_ROOT).as_posix())
def test_core_and_workers_import_neither_dagster_nor_torch(path: Path) -> None:
    allowed = {"dagster_pipes"} if path == PROJECT_ROOT / PIPES_MODULE else set()
    banned = {"dagster", "dagster_pipes", "torch"} - allowed
    assert banned.isdisjoint(imported(path))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.relative_to(PROJECT_ROOT).as_posix())
def test_what_runs_models_imports_no_dagster(path: Path) -> None:
    assert {"dagster", "dagster_pipes"}.isdisjoint(imported(path))


def test_importing_all_of_core_and_the_workers_loads_neither_dagster_nor_torch() -> None:
    modules = [".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts) for path in LIGHT]
    lines = [f"import {name.removesuffix('.__init__')}" for name in modules if not name.endswith("__main__")]
    lines.append("import sys; print({'dagster', 'torch'} & set(sys.modules))")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True, cwd=PROJECT_ROOT
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_dagster_finds_the_project_by_itself(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("dg")), "list", "defs", "--json"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "IEDF_CONFIG": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=PROJECT_ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(f'"{name}"' in done.stdout for name in LINE)
