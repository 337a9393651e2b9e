import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import StorageError
from iedf_assets.core.judging.bare import widest_region
from iedf_assets.core.judging.dataset_check import CONSISTENCY_CHECKS, OPTIONAL, CheckReport, check_dataset
from iedf_assets.core.judging.inspection import Inspection, Known, inspect_sample
from iedf_assets.core.judging.inspection_cache import inspect_published
from iedf_assets.core.judging.lint import list_tree
from iedf_assets.core.judging.pair_checks import MAKING, outside_checks
from iedf_assets.core.pictures.codecs import decode, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import grown
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.publishing.joined import verdicts_of_all
from iedf_assets.core.storage.manifests import frame, write_table
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets_tests.helpers.limits import MASKS_UNJUDGED
from iedf_assets_tests.helpers.pair_making import PHOTOS, Plant
from iedf_assets_tests.helpers.profiles import CLASSICAL

DELETE = "semantic_edit/delete/mixed"
IDENTITY = "consistency_edit/identity/mixed"
MOVE = "structural_edit/move/mixed"
OUTSIDE = outside_checks("composited", Thresholds())
CATEGORIES = ("人物物体一致性", "物体一致性", "物理变化")


def publish_all(home: Path) -> tuple[Profile, Layout]:
    paths = [f"paths.{key}={home / key}" for key in ("data", "outputs", "logs")]
    profile = load_profile(CLASSICAL, paths)
    layout = Layout.of(profile)
    for name in CATEGORIES:
        plant = Plant(profile, layout, name, PHOTOS[:2])
        plant.make()
        plant.judge()
        plant.save()
    write_index(profile, layout)
    return profile, layout


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs with eight published samples of four subtypes and their index; not to be changed."""
    _, layout = publish_all(tmp_path_factory.mktemp("factory"))
    return layout.outputs


@pytest.fixture
def outputs(published: Path, tmp_path: Path) -> Path:
    """A copy of `published` that a test may spoil."""
    for name in ("dataset", "reports"):
        shutil.copytree(published / name, tmp_path / "copied" / name)
    return tmp_path / "copied"


def codes(report: CheckReport) -> list[tuple[str, str]]:
    return [(issue.path, issue.code) for issue in report.lint]


def verdict(report: CheckReport, sample: str) -> dict[str, Any]:
    pair = next(pair for pair in report.as_json()["pairs"] if pair["sample"] == sample)
    return dict(pair)


def test_the_projects_own_dataset_is_clean_with_its_index(published: Path) -> None:
    report = check_dataset(published / "dataset", threads=2)
    assert report.clean
    found = report.as_json()
    assert found["lint"] == []
    assert len(found["pairs"]) == found["summary"]["passed"] == 8
    assert all(pair["tier"] == "composited" for pair in found["pairs"])
    # The texts of these pairs are in nobody's words; of toning, the recipes do not say which.
    assert {check for pair in found["pairs"] for check in pair["not_run"]} == {
        "effect",
        "instruction",
        # These pairs are from before anybody asked.
        "object",
        *MAKING,
    }
    assert [pair["sample"] for pair in found["pairs"]] == sorted(pair["sample"] for pair in found["pairs"])
    assert json.loads(json.dumps(found)) == found


def test_the_scores_are_those_that_were_measured_before_publishing(published: Path) -> None:
    layout = Layout(published, published, published, published)
    rows = list(verdicts_of_all(layout, ("published",), ("scores",)))
    staged = {row["sample_key"]: json.loads(row["scores"]) for row in rows}
    assert {str(pair.sample): pair.scores for pair in check_dataset(published / "dataset").pairs} == staged


def test_without_its_index_all_pass_but_those_whose_new_place_nobody_knows(outputs: Path) -> None:
    shutil.rmtree(outputs / "reports")
    report = check_dataset(outputs / "dataset", thresholds=MASKS_UNJUDGED)
    assert report.lint == []
    assert not report.clean
    for pair in report.pairs:
        moved = pair.sample.task == "structural_edit"
        assert pair.failed_checks == ()
        assert set(pair.not_run) - {"effect", "instruction", *MAKING} == (
            {*OUTSIDE, "polarity", "seam", "sharpness"} if moved else set()
        )
        assert pair.passed != moved
    assert report.as_json()["summary"]["undecided"] == 4


def test_a_tier_that_is_asked_for_goes_before_the_indexs(published: Path) -> None:
    report = check_dataset(published / "dataset", tier="raw")
    assert {pair.tier for pair in report.pairs} == {"raw"}
    assert report.clean


def test_no_dataset_is_a_finding(tmp_path: Path) -> None:
    report = check_dataset(tmp_path / "nothing")
    assert codes(report) == [(".", "missing_dataset")]
    assert not report.clean


def truncate(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def resize(path: Path) -> None:
    picture = Image.open(path)
    picture.resize((picture.width - 8, picture.height)).save(path)


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


FAULTS: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]]]] = {
    "a truncated source": (lambda f: truncate(f / "00001.jpg"), [("00001.jpg", "corrupted")]),
    "a result without its last two bytes": (
        lambda f: (f / "00001_result.jpg").write_bytes((f / "00001_result.jpg").read_bytes()[:-2]),
        [("00001_result.jpg", "corrupted")],
    ),
    "a truncated mask": (lambda f: truncate(f / "00001_mask.png", 0.9), [("00001_mask.png", "corrupted")]),
    "an empty result": (
        lambda f: (f / "00001_result.jpg").write_bytes(b""),
        [("00001_result.jpg", "corrupted")],
    ),
    "a text instead of a picture": (
        lambda f: (f / "00001.jpg").write_text("hello"),
        [("00001.jpg", "corrupted")],
    ),
    "a PNG under a JPEG's name": (
        lambda f: Image.open(f / "00001.jpg").save(f / "00001.jpg", "PNG"),
        [("00001.jpg", "corrupted")],
    ),
    "no source": (lambda f: (f / "00001.jpg").unlink(), [("00001.jpg", "missing_required")]),
    "no result": (lambda f: (f / "00001_result.jpg").unlink(), [("00001_result.jpg", "missing_required")]),
    "no English": (lambda f: (f / "00001_EN.txt").unlink(), [("00001_EN.txt", "missing_required")]),
    "no mask": (lambda f: (f / "00001_mask.png").unlink(), [("00001_mask.png", "missing_required")]),
    "no inverse": (lambda f: (f / "00001_mask-1.png").unlink(), [("00001_mask-1.png", "missing_mask1")]),
    "neither mask": (
        lambda f: remove(f / "00001_mask.png", f / "00001_mask-1.png"),
        [("00001_mask-1.png", "missing_mask1"), ("00001_mask.png", "missing_required")],
    ),
    "a smaller result": (
        lambda f: resize(f / "00001_result.jpg"),
        [("00001_result.jpg", "shape_mismatch")],
    ),
    "a smaller mask": (lambda f: resize(f / "00001_mask.png"), [("00001_mask.png", "shape_mismatch")]),
    "a mask twice": (
        lambda f: shutil.copy(f / "00001_mask.png", f / "00001_mask-1.png"),
        [("00001_mask-1.png", "mask_not_inverse")],
    ),
    "a mask of one bit a pixel": (
        lambda f: Image.open(f / "00001_mask.png").convert("1").save(f / "00001_mask.png"),
        [("00001_mask.png", "mask_form")],
    ),
    "an empty text": (
        lambda f: (f / "00001_CH.txt").write_text(" \n"),
        [("00001_CH.txt", "corrupted"), ("00001_CH.txt", "instruction_mismatch")],
    ),
    "a text in another encoding": (
        lambda f: (f / "00001_CH.txt").write_bytes("把它删掉".encode("gb18030")),
        [("00001_CH.txt", "corrupted")],
    ),
    "a text of two lines": (
        lambda f: (f / "00001_EN.txt").write_text("Remove it.\nNow."),
        [("00001_EN.txt", "corrupted"), ("00001_EN.txt", "instruction_mismatch")],
    ),
    "a text with a zero": (
        lambda f: (f / "00001_EN.txt").write_bytes(b"Remove\x00 it."),
        [("00001_EN.txt", "corrupted"), ("00001_EN.txt", "instruction_mismatch")],
    ),
    "languages swapped": (
        lambda f: swap(f / "00001_EN.txt", f / "00001_CH.txt"),
        [
            (f"00001_{language}.txt", code)
            for language in ("CH", "EN")
            for code in ("instruction_mismatch", "wrong_language")
        ],
    ),
    "texts of two samples swapped": (
        lambda f: swap(f / "00001_EN.txt", f / "00002_EN.txt"),
        [("00001_EN.txt", "instruction_mismatch"), ("00002_EN.txt", "instruction_mismatch")],
    ),
    "a wrong name": (
        lambda f: (f / "00001.jpg").rename(f / "1.jpg"),
        [("00001.jpg", "missing_required"), ("1.jpg", "bad_name")],
    ),
    "a left-over temporary file": (
        lambda f: (f / ".tmp-1-a-00001.jpg").touch(),
        [(".tmp-1-a-00001.jpg", "bad_name")],
    ),
    "a folder among the files": (lambda f: (f / "00009.jpg").mkdir(), [("00009.jpg", "bad_name")]),
    "a sample that nobody published": (
        lambda f: [shutil.copy(path, f / f"00009{path.name[5:]}") for path in f.glob("00001*")],
        [("00009.jpg", "not_in_index")],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_under_its_name_and_the_pair_does_not_pass(outputs: Path, fault: str) -> None:
    spoil, expected = FAULTS[fault]
    spoil(outputs / "dataset" / DELETE)
    report = check_dataset(outputs / "dataset")
    assert codes(report) == sorted((f"{DELETE}/{path}", code) for path, code in expected)
    spoilt = {f"{DELETE}/{path[:5]}" for path, code in expected if code != "bad_name"}
    assert {str(pair.sample) for pair in report.pairs if not pair.passed} == spoilt
    assert all("files" in pair.failed_checks for pair in report.pairs if not pair.passed)


@pytest.mark.slow
def test_twenty_faults_among_five_hundred_samples_are_found_and_nothing_else(
    published: Path, tmp_path: Path
) -> None:
    tree, sound = tmp_path / "dataset" / DELETE, list((published / "dataset" / DELETE).glob("00001*"))
    tree.mkdir(parents=True)
    for number in range(1, 501):
        for file in sound:
            shutil.copy(file, tree / f"{number:05d}{file.name[5:]}")
    # Without an index nothing can disagree with it, nor is any number too high.
    needless = {"texts of two samples swapped", "a folder among the files", "a sample that nobody published"}
    expected = []
    for place, fault in enumerate(sorted(FAULTS.keys() - needless), 1):
        name, bench = f"{place * 20:05d}", tmp_path / "bench"
        bench.mkdir()
        for file in sound:
            shutil.copy(file, bench)
        spoil, found = FAULTS[fault]
        spoil(bench)
        for file in sound:
            (tree / f"{name}{file.name[5:]}").unlink()
        for file in bench.iterdir():
            shutil.move(file, tree / file.name.replace("00001", name) if file.name[:5] == "00001" else tree)
        shutil.rmtree(bench)
        kept = [(path, code) for path, code in found if code != "instruction_mismatch"]
        expected += [(f"{DELETE}/{name}{path[5:]}" if path[:5] == "00001" else f"{DELETE}/{path}", code)
                     for path, code in kept]  # fmt: skip
    report = check_dataset(tmp_path / "dataset", threads=2)
    assert len({path for path, _ in expected}) >= 20
    assert codes(report) == sorted(expected)


def test_what_lies_at_the_wrong_depth_or_in_a_misnamed_folder_is_found(outputs: Path) -> None:
    dataset = outputs / "dataset"
    (dataset / "readme.txt").touch()
    (dataset / "semantic_edit/00001.jpg").touch()
    (dataset / "Semantic Edit/delete/mixed").mkdir(parents=True)
    (dataset / "semantic_edit/删除").mkdir()
    (dataset / DELETE / "00001_result.jpeg").touch()
    (dataset / DELETE / "000001.jpg").touch()
    assert [(issue.path, issue.code) for issue in list_tree(dataset).issues] == [
        (path, "bad_name")
        for path in (
            "Semantic Edit",
            "readme.txt",
            "semantic_edit/00001.jpg",
            f"{DELETE}/000001.jpg",
            f"{DELETE}/00001_result.jpeg",
            "semantic_edit/删除",
        )
    ]


def test_a_sample_of_the_index_that_is_gone_is_found(outputs: Path) -> None:
    for path in (outputs / "dataset" / MOVE).glob("00002*"):
        path.unlink()
    assert codes(check_dataset(outputs / "dataset")) == [(f"{MOVE}/00002.jpg", "missing_required")]


def rewrite(outputs: Path, sample: str, change: Callable[[Pixels, Pixels, Pixels], Pixels]) -> None:
    """Encode a sample's result anew from (source, result, mask), all as decoded."""
    path = outputs / "dataset" / f"{sample}_result.jpg"
    pictures = (
        decode(outputs / "dataset" / f"{sample}{end}") for end in (".jpg", "_result.jpg", "_mask.png")
    )
    changed = change(*pictures)
    path.write_bytes(encode_jpeg(np.clip(changed, 0, 255).astype(np.uint8), 95))


BAD_RESULTS: dict[str, Callable[[Pixels, Pixels, Pixels], Any]] = {
    "one level brighter": lambda _, result, __: result.astype(int) + 1,
    "a warm cast": lambda _, result, __: result * np.array([1.01, 1, 0.99]),
    "shifted by a pixel": lambda _, result, __: np.roll(result, 1, axis=1),
    "blurred": lambda _, result, __: cv2.GaussianBlur(result, (0, 0), 1),
    "edited outside": lambda source, _, mask: np.where(mask[..., None] > 0, source, 255 - source),
}


@pytest.mark.parametrize("with_index", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", BAD_RESULTS)
def test_what_others_checks_let_pass_fails(outputs: Path, fault: str, with_index: bool) -> None:
    sample = f"{DELETE}/00001"
    rewrite(outputs, sample, BAD_RESULTS[fault])
    if not with_index:
        shutil.rmtree(outputs / "reports")
    found = verdict(check_dataset(outputs / "dataset"), sample)
    assert not found["passed"]
    assert "exact_outside" in found["failed_checks"]


@pytest.mark.parametrize("with_index", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sample", [f"{DELETE}/00001", f"{IDENTITY}/00001", f"{MOVE}/00001"])
def test_a_no_op_fails(outputs: Path, sample: str, with_index: bool) -> None:
    folder = outputs / "dataset"
    shutil.copy(folder / f"{sample}.jpg", folder / f"{sample}_result.jpg")
    if not with_index:
        shutil.rmtree(outputs / "reports")
    failed = set(verdict(check_dataset(folder, thresholds=MASKS_UNJUDGED), sample)["failed_checks"])
    assert {"no_op"} <= failed <= {"no_op", "polarity", "effect", "sharpness"}


@pytest.mark.parametrize(("level", "expected"), [(0, ["mask_area", "no_op"]), (255, ["mask_area"])])
def test_a_mask_of_nothing_or_of_everything_fails(outputs: Path, level: int, expected: list[str]) -> None:
    shutil.rmtree(outputs / "reports")
    mask = outputs / "dataset" / f"{IDENTITY}/00001_mask.png"
    flat = np.full_like(decode(mask), level)
    mask.write_bytes(encode_png(flat))
    mask.with_name("00001_mask-1.png").write_bytes(encode_png(~flat))
    found = verdict(check_dataset(outputs / "dataset", thresholds=MASKS_UNJUDGED), f"{IDENTITY}/00001")
    assert not found["passed"]
    assert set(expected) <= set(found["failed_checks"])
    if level:
        assert set(found["not_run"]) == {*OUTSIDE, *OPTIONAL} - {"object", "lettering"}
        assert "no_outside" in found["failed_checks"]


@pytest.mark.parametrize("with_index", [True, False])
def test_masks_the_wrong_way_round_fail(outputs: Path, with_index: bool) -> None:
    folder = outputs / "dataset" / IDENTITY
    swap(folder / "00001_mask.png", folder / "00001_mask-1.png")
    if not with_index:
        shutil.rmtree(outputs / "reports")
    assert not verdict(check_dataset(outputs / "dataset"), f"{IDENTITY}/00001")["passed"]


def test_a_sample_without_masks_is_sound_but_not_judged(outputs: Path) -> None:
    for name in ("mask", "mask-1"):
        (outputs / "dataset" / f"{IDENTITY}/00001_{name}.png").unlink()
    report = check_dataset(outputs / "dataset")
    found = verdict(report, f"{IDENTITY}/00001")
    assert report.lint == []
    assert (found["passed"], found["failed_checks"], found["scores"]) == (False, [], {})
    assert {"mask_area", "no_op", *OUTSIDE} <= set(found["not_run"])


def edit_index(outputs: Path, sample: str, change: Callable[[dict[str, Any]], object]) -> None:
    path = outputs / "reports/index.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(next(row for row in rows if row["sample_key"] == sample))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.mark.parametrize(
    "path", ["../../secret.png", "/etc/passwd", "reports/../../../x.png", "reports/link.png"]
)
def test_a_path_in_the_index_that_leaves_the_outputs_is_refused(outputs: Path, path: str) -> None:
    (outputs / "reports/link.png").symlink_to("/etc/passwd")
    sample = f"{MOVE}/00001"
    edit_index(outputs, sample, lambda row: row["metadata"].update(allowed_region_mask_path=path))
    report = check_dataset(outputs / "dataset")
    assert codes(report) == [(f"{sample}.jpg", "path_outside")]
    assert not verdict(report, sample)["passed"]


def test_an_allowed_region_that_is_gone_or_of_another_size_is_found(outputs: Path) -> None:
    regions = outputs / "reports/allowed" / DELETE
    (regions / "00001_allowed.png").unlink()
    resize(regions / "00002_allowed.png")
    report = check_dataset(outputs / "dataset")
    prefix = f"../reports/allowed/{DELETE}"
    assert codes(report) == [
        (f"{prefix}/00001_allowed.png", "missing_required"),
        (f"{prefix}/00002_allowed.png", "shape_mismatch"),
    ]
    assert [str(pair.sample)[-5:] for pair in report.pairs if not pair.passed] == ["00001", "00002"]


def test_an_index_elsewhere_or_of_text_metadata_is_read_and_a_broken_one_told(outputs: Path) -> None:
    dataset = (outputs / "dataset").rename(outputs.parent / "moved")
    edit_index(
        outputs, f"{MOVE}/00001", lambda row: row.update(metadata=json.dumps(row["metadata"]), tier="odd")
    )
    index = outputs / "reports/index.jsonl"
    assert check_dataset(dataset, index).clean
    index.write_text('{"sample_id": "00001"}\n')
    with pytest.raises(StorageError, match=r"index\.jsonl cannot be read.*edit_task"):
        check_dataset(dataset, index)
    with pytest.raises(StorageError, match="cannot be read"):
        check_dataset(dataset, outputs / "none.jsonl")


def test_the_widest_region_holds_every_region_that_finishing_allows(published: Path) -> None:
    for path in (published / "dataset").rglob("*_mask.png"):
        if "structural_edit" in path.parts:
            continue
        sample = SampleKey.parse("/".join([*path.parts[-4:-1], path.name[:5]]))
        allowed = decode(Layout(published, published, published, published).allowed_region(sample))
        assert not np.any((allowed > 0) & (widest_region(decode(path)) == 0))
        assert np.any((allowed > 0) & (grown(decode(path), 7) == 0))


def test_a_change_in_the_margin_of_an_unknown_region_is_undecided_and_beyond_it_wrong(outputs: Path) -> None:
    shutil.rmtree(outputs / "reports")
    for number in (1, 2):
        ends = (".jpg", "_result.jpg", "_mask.png")
        files = [outputs / "dataset" / f"{DELETE}/0000{number}{end}" for end in ends]
        source, _, mask = map(decode, files)
        blocks = cv2.erode(widest_region(mask), np.ones((5, 5), np.uint8))
        region = blocks if number == 1 else grown(mask, 40)
        edited = np.where(region[..., None] > 0, 255 - source, source)
        files[0].write_bytes(encode_jpeg(source, 95))
        files[1].write_bytes(encode_jpeg(edited, 95))
    report = check_dataset(outputs / "dataset")
    within, beyond = (verdict(report, f"{DELETE}/0000{number}") for number in (1, 2))
    assert not within["passed"]
    assert not set(within["failed_checks"]) & set(OUTSIDE)
    assert within["not_run"] == [*MAKING, "instruction", *CONSISTENCY_CHECKS]
    assert beyond["not_run"] == [*MAKING, "instruction"]
    assert {*CONSISTENCY_CHECKS, "exact_outside"} <= set(beyond["failed_checks"])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 9)])
def test_pictures_of_any_size_are_inspected_without_an_exception(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = tmp_path / DELETE
    folder.mkdir(parents=True)
    picture = np.full((*size, 3), 80, np.uint8)
    mask = np.zeros(size, np.uint8)
    mask[: size[0] // 2] = 255
    for name, data in {
        "00001.jpg": encode_jpeg(picture, 90),
        "00001_result.jpg": encode_jpeg(picture, 90),
        "00001_mask.png": encode_png(mask),
        "00001_mask-1.png": encode_png(~mask),
        "00001_CH.txt": "把它删掉".encode(),
        "00001_EN.txt": b"Remove it.",
    }.items():
        (folder / name).write_bytes(data)
    inspection = inspect_sample(tmp_path, SampleKey.parse(f"{DELETE}/00001"), Known())
    assert inspection.issues == ()
    assert inspection.scores is not None


def test_only_files_that_changed_are_opened_again(outputs: Path) -> None:
    layout = Layout(outputs, outputs, outputs, outputs)
    keys = [f"{IDENTITY}/00001", f"{DELETE}/00001", f"{DELETE}/00002"]
    rows = ({"slot": key, "sample_key": key, "edit_id": key, "status": "published"} for key in keys)
    write_table(frame(rows, "dataset"), layout.manifest("dataset", "x"))
    opened: list[tuple[int, int]] = []

    def count(done: int, total: int) -> None:
        opened.append((done, total))

    def inspected() -> list[Inspection]:
        return list(inspect_published(layout, "x", 2, count))

    first = inspected()
    assert opened == [(1, 3), (2, 3), (3, 3)]
    opened.clear()
    assert inspected() == first
    assert opened == []
    truncate(layout.dataset / SampleKey.parse(keys[1]).file("result"))
    found = inspected()
    assert opened == [(1, 1)]
    assert [len(inspection.issues) for inspection in found] == [0, 1, 0]
    assert inspected() == found
    assert opened == [(1, 1)]
    (layout.manifests / "inspections/x.parquet").write_bytes(b"rubbish")
    assert inspected() == found


def test_what_a_person_accepts_passes_unless_its_files_are_broken(outputs: Path) -> None:
    sample, folder = f"{DELETE}/00001", outputs / "dataset"
    edit_id = next(
        row["edit_id"]
        for row in map(json.loads, (outputs / "reports/index.jsonl").read_text("utf-8").splitlines())
        if row["sample_key"] == sample
    )
    shutil.copy(folder / f"{sample}.jpg", folder / f"{sample}_result.jpg")
    assert not verdict(check_dataset(folder), sample)["passed"]
    said = {"edit_id": edit_id, "verdict": "accept", "note": "", "reviewed_at": "2026-01-01T00:00:00+00:00"}
    (outputs / "reports/reviews.jsonl").write_text(json.dumps(said) + "\n", "utf-8")
    report = check_dataset(folder)
    assert report.clean
    assert report.as_json()["summary"]["accepted"] == 1
    assert "no_op" in verdict(report, sample)["failed_checks"]
    (folder / f"{sample}_mask.png").unlink()
    assert not verdict(check_dataset(folder), sample)["passed"]


@pytest.mark.parametrize("odd", [{}, {"of": 3, "scores": {}}, {"of": "x"}])
def test_what_an_index_of_others_says_of_masks_is_left_alone(outputs: Path, odd: dict[str, Any]) -> None:
    edit_index(outputs, f"{MOVE}/00001", lambda row: row["metadata"].update(measured=odd))
    assert check_dataset(outputs / "dataset").clean


def test_a_mask_that_an_index_names_by_no_path_is_told(outputs: Path) -> None:
    edit_index(outputs, f"{MOVE}/00001", lambda row: row["metadata"].update(result_mask_path="x" * 5000))
    assert codes(check_dataset(outputs / "dataset")) == [(f"{MOVE}/00001.jpg", "path_outside")]
    edit_index(outputs, f"{MOVE}/00001", lambda row: row["metadata"].update(result_mask_path=5))
    with pytest.raises(StorageError, match="result_mask_path of 00001 is no path"):
        check_dataset(outputs / "dataset")
