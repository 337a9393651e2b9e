"""The profiles in `configs/`: the default one explains every key, the others hold what differs from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.reading.origins import Key, leaves
from iedf_assets.core.profile.schema import OVERRIDABLE, Category, Profile

CONFIGS = PROJECT_ROOT / "configs"
OTHERS = ("compose", "mock_services", "quotas", "qwen", "qwen_ray", "qwen_services")
DEFAULTS = leaves(Profile.model_validate({"categories": {"any": {"task": "semantic_edit"}}}))


def text_of(name: str) -> str:
    return (CONFIGS / f"{name}.yaml").read_text("utf-8")


def content(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of(name))
    return found


def schema_keys(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """Every key of a schema, those of sections included."""
    for attribute, field in model.model_fields.items():
        key, kind = (*above, field.alias or attribute), field.annotation
        yield key
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from schema_keys(kind, key)


def flat(raw: dict[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every key of a file with its value, those of sections included."""
    for name, value in raw.items():
        yield (*above, name), value
        if isinstance(value, dict):
            yield from flat(value, (*above, name))


def entries(node: yaml.Node | None) -> Iterator[tuple[int, yaml.Node]]:
    """The line, from 0, of every key below a node, with what stands there."""
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            yield name.start_mark.line, child
            yield from entries(child)


def unexplained(name: str, *, sections: bool) -> list[str]:
    """The lines of a file with a key that has no comment, behind it or in the line above.

    Args:
        name: of the file.
        sections: whether keys that hold further keys need one too.
    """
    lines = text_of(name).splitlines()
    keys = {
        line
        for line, child in entries(yaml.compose(text_of(name), yaml.SafeLoader))
        if sections or not isinstance(child, yaml.MappingNode) or child.flow_style
    }
    return [
        lines[at]
        for at in sorted(keys)
        if " # " not in lines[at] and not lines[at - 1].lstrip().startswith("#")
    ]


def test_the_default_profile_has_every_key_with_the_codes_default() -> None:
    stated = dict(flat(content("default")))
    assert [key for key in schema_keys(Profile) if key not in stated] == []
    wanted = {key: value for key, value in DEFAULTS.items() if key[0] != "categories"}
    assert {key: stated[key] for key in wanted} == wanted


def test_every_category_of_the_default_profile_has_all_keys_of_its_own() -> None:
    own = [name for name in Category.model_fields if name not in OVERRIDABLE]
    assert [list(category) for category in content("default")["categories"].values()] == [own] * 3


def test_every_key_of_the_default_profile_is_explained() -> None:
    assert unexplained("default", sections=True) == []


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_profiles_hold_what_differs_from_the_codes_defaults_and_nothing_else(name: str) -> None:
    raw = content(name)
    categories = raw.pop("categories")
    assert [key for key, value in flat(raw) if key in DEFAULTS and DEFAULTS[key] == value] == []
    for category in categories.values():
        assert category.keys() <= {"task", "subtypes"}
        assert category.get("subtypes") != Category(task=category["task"]).subtypes


@pytest.mark.parametrize("name", OTHERS)
def test_every_line_of_the_other_profiles_has_its_reason(name: str) -> None:
    bare = [line.strip() for line in unexplained(name, sections=False)]
    assert [line for line in bare if not line.startswith("task: ")] == []


@pytest.mark.parametrize("name", ["default", *OTHERS])
def test_editors_take_every_profile_by_the_schema_and_no_unknown_key(name: str) -> None:
    check = jsonschema.Draft202012Validator(Profile.model_json_schema())
    raw = content(name)
    assert [fault.message for fault in check.iter_errors(raw)] == []
    raw["workers"]["edit"]["ray"] = {"adress": "http://127.0.0.1:1"}
    assert ["adress" in fault.message for fault in check.iter_errors(raw)] == [True]


def test_every_key_of_the_schema_is_described() -> None:
    schema = Profile.model_json_schema()
    sections = {"Profile": schema, **schema["$defs"]}
    silent = [
        f"{section}.{key}"
        for section, told in sections.items()
        for key, prop in told["properties"].items()
        if not {"description", "$ref"} & prop.keys()
    ]
    assert silent == []
    assert all(told["description"] for told in sections.values())


@pytest.mark.parametrize(
    ("setting", "new"),
    [
        ("workers.layered.model.captions=false", "workers.layered.namer.by"),
        ("workers.edit.model.judge=true", "workers.edit.judge.by"),
    ],
)
def test_a_key_that_has_gone_names_the_one_that_took_its_place(setting: str, new: str) -> None:
    with pytest.raises(ProfileError, match=new.replace(".", r"\.")):
        load_profile(settings=[setting])


def test_an_endpoint_needs_a_model_and_a_model_of_its_own_a_pipeline() -> None:
    with pytest.raises(ProfileError, match="needs model"):
        load_profile(settings=["workers.edit.judge.by=endpoint"])
    with pytest.raises(ProfileError, match="has no vision model"):
        load_profile(settings=["workers.edit.judge.by=own"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["model={context_parallel: 2, device_map: balanced}"], "does not go with device_map: balanced"),
        (["model={context_parallel: 2, offload: group}"], "does not go with offload: group"),
        (["model={context_parallel: 2, step_cache: magcache}"], "does not go with step_cache: magcache"),
        (["model={context_parallel: 2, batch_size: 4}"], "does not go with batch_size: 4"),
        (["model={context_parallel: 2, device: 'cuda:1'}"], "does not go with device: cuda:1"),
        (
            ["model.context_parallel=3", "devices=['0,1,2', '3,4']"],
            "each group of devices needs so many GPUs",
        ),
        (["model.context_parallel=2", "launcher=ray", "ray.num_gpus=1"], "ray.num_gpus is to be no less"),
        (["model.context_parallel=9"], "context_parallel"),
    ],
)
def test_a_picture_is_not_split_where_that_cannot_be(settings: list[str], said: str, tmp_path: Path) -> None:
    given = ["backend=diffusers", f"model_dir={tmp_path}", *settings]
    with pytest.raises(ProfileError, match="context_parallel") as caught:
        load_profile(settings=[f"workers.edit.{setting}" for setting in given])
    assert said in str(caught.value)
