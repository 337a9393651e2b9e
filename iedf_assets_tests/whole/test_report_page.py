"""The report in a real browser."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from iedf_assets.cli.listening import HOST
from iedf_assets.cli.reviewing import review_app
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.report.building import build_report
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import read_reviews
from iedf_assets_tests.helpers.browser import Browser
from iedf_assets_tests.helpers.pair_making import Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL
from iedf_assets_tests.helpers.serving import free_port
from iedf_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow
CARDS = "document.querySelectorAll('.card').length"
MANY = 10_000


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Layout, Path]:
    """Eight samples and a reject of two categories, and their report."""
    home = tmp_path_factory.mktemp("report")
    profile = load_profile(CLASSICAL, [f"paths.{key}={home / key}" for key in ("data", "outputs", "logs")])
    layout = Layout.of(profile)
    for name in ("物体一致性", "人物物体一致性"):
        plant = Plant(profile, layout, name)
        if name == "物体一致性":
            plant.no_ops = frozenset({plant.slots[0].name})
        plant.make()
        plant.judge()
        plant.save()
    write_index(profile, layout)
    return profile, layout, build_report(profile, layout)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        f"(() => {{ const field = document.forms[0].elements[{json.dumps(name)}]; field.value = "
        f"{json.dumps(value)}; field.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
    )


def opened(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.wait(f"{CARDS} > 0")


def test_filters_show_what_they_say_and_survive_a_reload(
    browser: Browser, outputs: tuple[Profile, Layout, Path]
) -> None:
    opened(browser, outputs[2].as_uri())
    assert browser.run(CARDS) == 8
    choose(browser, "verdict", "rejected")
    assert browser.run(CARDS) == 1
    assert browser.run("document.querySelector('.card .rejected') !== null")
    browser.send("Page.reload")
    browser.wait(f"{CARDS} === 1")
    choose(browser, "verdict", "")
    choose(browser, "category", "人物物体一致性")
    assert browser.run(CARDS) == 4
    choose(browser, "check", "no_op")
    assert browser.run(CARDS) == 0
    choose(browser, "category", "")
    assert browser.run(CARDS) == 1


def test_a_pair_has_an_address_that_opens_it(browser: Browser, outputs: tuple[Profile, Layout, Path]) -> None:
    opened(browser, outputs[2].as_uri())
    browser.press("j")
    browser.press("Enter")
    browser.wait("document.getElementById('detail').open")
    address, title = browser.run("[location.href, document.querySelector('#detail h2').textContent]")
    assert "pair=" in address
    opened(browser, address)
    browser.wait("document.getElementById('detail').open")
    assert browser.run("document.querySelector('#detail h2').textContent") == title
    browser.press("Escape")
    browser.wait("!location.href.includes('pair=')")


def test_a_rejects_reason_and_scores_are_shown(
    browser: Browser, outputs: tuple[Profile, Layout, Path]
) -> None:
    opened(browser, outputs[2].as_uri() + "#verdict=rejected")
    browser.press("Enter")
    browser.wait("document.querySelector('#detail').open")
    assert "no_op" in browser.run("document.querySelector('#detail .reason').textContent")
    failed = browser.run(
        "[...document.querySelectorAll('#detail tr.failed td:first-child')].map(cell => cell.textContent)"
    )
    assert "changed_share_inside" in failed
    browser.wait("[...document.querySelectorAll('#detail img')].every(image => image.naturalWidth === 160)")
    browser.press("Escape")
    browser.wait("!document.querySelector('#detail').open")


def test_the_slider_mask_and_difference_work_by_keys(
    browser: Browser, outputs: tuple[Profile, Layout, Path]
) -> None:
    opened(browser, outputs[2].as_uri())
    browser.press("Enter")
    browser.wait("document.querySelector('#detail').open")
    cut = "getComputedStyle(document.querySelector('.frame')).getPropertyValue('--cut')"
    before = float(browser.run(cut).strip("%"))
    for _ in range(5):
        browser.press("ArrowRight")
    assert float(browser.run(cut).strip("%")) == before + 5
    shown = "document.querySelector('#detail h2').textContent"
    first = browser.run(shown)
    browser.press("m")
    assert browser.run("getComputedStyle(document.querySelector('.frame .mask')).display") == "block"
    browser.press("d")
    assert (
        browser.run("getComputedStyle(document.querySelector('.frame .after')).mixBlendMode") == "difference"
    )
    browser.press("j")
    assert browser.run(shown) != first
    browser.press("k")
    assert browser.run(shown) == first


def test_both_languages_are_complete(browser: Browser, outputs: tuple[Profile, Layout, Path]) -> None:
    opened(browser, outputs[2].as_uri())
    assert browser.run("Object.keys(WORDS.en).sort().join() === Object.keys(WORDS.zh).sort().join()")
    before = browser.run("state.language")
    browser.press("l")
    assert browser.run("document.documentElement.lang") != before
    assert browser.run("document.querySelector('h1').textContent === WORDS[state.language].title")


def test_ten_thousand_pairs_load_filter_and_sort_at_once(
    browser: Browser, outputs: tuple[Profile, Layout, Path], tmp_path: Path
) -> None:
    shutil.copytree(outputs[2].parent, tmp_path / "html")
    data_file = tmp_path / "html/data.js"
    data = json.loads(data_file.read_text("utf-8").removeprefix("window.REPORT = ").removesuffix(";\n"))
    times = MANY // len(data["failed"])
    per_pair = [*data["columns"].items(), *data["scores"].items()]
    per_pair += [(name, data[name]) for name in ("failed", "recipes", "sizes", "thumbs", "folders")]
    for _, values in per_pair:
        values.extend(values * (times - 1))
    data["scores"]["seam"] = [number / MANY for number in range(MANY)]
    data_file.write_text(f"window.REPORT = {json.dumps(data)};\n", "utf-8")
    opened(browser, (tmp_path / "html/index.html").as_uri())
    assert browser.run("rows.length") == MANY
    assert browser.run(CARDS) < 200
    spent = browser.run(
        "(() => { const begun = performance.now(); state.verdict = 'published'; state.sort = 'seam'; "
        "state.reversed = true; refresh(); drawHistograms(); return performance.now() - begun; })()"
    )
    assert spent < 2000
    assert browser.run("data.scores.seam[shown[0]] > data.scores.seam[shown[1]]")
    browser.run("byId('grid').scrollTop = 1e9")
    browser.wait(
        f"document.querySelector('.card') && +document.querySelector('.card').dataset.row < {MANY // 2}"
    )
    assert browser.run(CARDS) < 200


def test_reviews_are_given_from_the_served_page(
    browser: Browser, outputs: tuple[Profile, Layout, Path]
) -> None:
    _, layout, _ = outputs
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(review_app(layout), host=HOST, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        opened(browser, f"http://{HOST}:{port}/")
        browser.wait("reviews !== null")
        browser.press("Enter")
        browser.wait("document.querySelector('#detail').open")
        edit_id = browser.run("column('edit_id')[shown[current]]")
        browser.press("r")
        browser.wait(f"reviews[{json.dumps(edit_id)}] === 'reject'")
        assert read_reviews(layout) == {edit_id: "reject"}
        pressed = browser.run("document.querySelector('.review [aria-pressed=true]').textContent")
        assert pressed in {"Reject", "拒绝"}
    finally:
        server.should_exit = True
        thread.join(20)
