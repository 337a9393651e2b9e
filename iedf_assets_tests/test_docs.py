"""The documents name what the code has, and what they point at is there."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from iedf_assets.cli.main import cli
from iedf_assets.core import reasons
from iedf_assets.core.judging.dataset_check import FILES
from iedf_assets.core.judging.lint import Code
from iedf_assets.core.judging.pair_checks import CHECKS
from iedf_assets.core.profile.fields import PROJECT_ROOT
from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.reading.origins import leaves
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.publishing.index import QA_COLUMNS
from iedf_assets.core.publishing.index_rows import INDEX_COLUMNS
from iedf_assets.core.storage.manifests import SCHEMAS

REASONS = tuple(word for word in vars(reasons).values() if isinstance(word, str) and word.isidentifier())
READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted(
    [*PROJECT_ROOT.glob("*.md"), *PROJECT_ROOT.glob("docs/**/*.md"), *PROJECT_ROOT.glob("[!.]*/*.md")]
)
DATA_FORMAT = (PROJECT_ROOT / "docs/data-format.md").read_text("utf-8")
# Every row of these four stages begins with them; the page writes them once.
COMMON = {"status", "reason", "detail", "attempts", "seconds"}


def named(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


@pytest.mark.parametrize("stage", SCHEMAS)
def test_the_data_format_names_every_column_of_a_manifest_and_no_other(stage: str) -> None:
    line = next(line for line in DATA_FORMAT.splitlines() if line.startswith(f"| `{stage}` | a"))
    assert named(line.split("|")[4]) | COMMON == set(SCHEMAS[stage]) | COMMON


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("columns of the index", INDEX_COLUMNS),
        ("columns of the scores", QA_COLUMNS),
        ("lint codes", get_args(Code)),
        ("checks", (*CHECKS, FILES)),
        ("subtypes", tuple(SUBTYPES)),
        ("reasons", REASONS),
    ],
)
def test_the_data_format_names_all(what: str, words: tuple[str, ...]) -> None:
    assert set(words) <= named(DATA_FORMAT), what


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_both_readmes_have_the_same_commands_links_and_sections() -> None:
    texts = [(PROJECT_ROOT / name).read_text("utf-8") for name in READMES]
    blocks = [re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for text in texts]
    # Comments and the names of placeholders are translated.
    commands = [re.sub(r" *#.*|<[^>]+>", "", "".join(block)) for block in blocks]
    assert commands[0] == commands[1]
    links, sections = (
        [re.findall(pattern, text, re.MULTILINE) for text in texts]
        for pattern in (r"\]\(([^)]+)\)", r"^(#+) ")
    )
    assert set(links[0]) - set(READMES) == set(links[1]) - set(READMES)
    assert sections[0] == sections[1]


def test_the_readme_names_every_category_of_the_default_profile() -> None:
    categories = yaml.safe_load(DEFAULT_PROFILE.read_text("utf-8"))["categories"]
    for name in READMES:
        text = (PROJECT_ROOT / name).read_text("utf-8")
        assert [category for category in categories if f"data/{category}" not in text] == []


def test_keys_and_commands_that_one_moves_over_to_are_there() -> None:
    text = (PROJECT_ROOT / "docs/moving-over.md").read_text("utf-8")
    known = {".".join(key) for key in leaves(load_profile())}
    table = text.partition("## Keys of the configuration")[2].partition("\n## ")[0]
    cells = [line.split("|")[2] for line in table.splitlines() if "|" in line]
    ours = {word.partition(":")[0] for cell in cells for word in named(cell)}
    keys = {word for word in ours if "." in word and " " not in word}
    assert len(keys) > 20
    for key in keys:
        pattern = re.escape(key).replace(r"\*", "[^.]+").replace("NAME", "[^.]+")
        assert any(re.match(rf"{pattern}(\.|$)", name) for name in known), key
    commands = {word.split()[1] for word in named(text) if word.startswith("iedf ")}
    assert commands <= set(cli.commands)
