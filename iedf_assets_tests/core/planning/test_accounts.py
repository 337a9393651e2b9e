from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.planning.accounts import OUTCOMES, accounts_of, survival_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.storage.journal import Row
from iedf_assets.core.storage.manifests import Rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.profiles import CLASSICAL

CATEGORY = "物理变化"
PROFILE = load_profile(CLASSICAL)
LAYOUT = Layout.of(PROFILE)
SLOT_STATUSES = ("published", "rejected", "failed", "pending", None)
FATES = st.tuples(
    st.sampled_from(["accepted", "filtered", "failed", "pending"]),
    st.sampled_from(["done", "filtered", "failed", None]),
    st.tuples(st.sampled_from(SLOT_STATUSES), st.sampled_from(SLOT_STATUSES)),
)


def book_of(fates: list[tuple[str, str | None, tuple[str | None, ...]]]) -> Book:
    book = Book.open(PROFILE, LAYOUT, CATEGORY)
    sources: dict[str, Row] = {}
    layers: dict[str, Row] = {}
    verdicts: dict[str, Row] = {}
    for number, (status, layered, slot_statuses) in enumerate(fates):
        source_id = f"{number:032x}"
        row: Row = {"path": f"{number}.jpg", "source_id": source_id, "status": status, "reason": None}
        sources[row["path"]] = row | ({"reason": "truncated"} if status == "filtered" else {})
        key = book.keys.layers_key(source_id)
        if layered:
            layers[key] = {"key": key, "status": layered, "reason": "no_salient_object"}
        for slot, slot_status in zip(book.keys.slots(source_id), slot_statuses, strict=True):
            if slot_status:
                verdicts[slot.name] = {
                    "slot": slot.name, "source_id": source_id, "status": slot_status, "reason": "seam",
                }  # fmt: skip
    tables = {
        "source_images": sources,
        "image_layers": layers,
        "dataset": verdicts,
        "edited_images": {},
        "edit_pairs": {},
    }
    for stage, rows in tables.items():
        book = book.with_rows(stage, Rows.of(rows.values(), stage))
    return book


@given(st.lists(FATES, max_size=12))
@settings(deadline=None)
def test_every_source_has_one_outcome(fates: list[tuple[str, str | None, tuple[str | None, ...]]]) -> None:
    accounts = accounts_of(book_of(fates))
    assert sum(account.sources for account in accounts) == len(fates)
    assert {account.outcome for account in accounts} <= set(OUTCOMES)
    assert len(set(accounts)) == len(accounts)


@given(st.lists(FATES, max_size=12))
@settings(deadline=None)
def test_no_stage_has_more_sources_than_the_one_before(
    fates: list[tuple[str, str | None, tuple[str | None, ...]]],
) -> None:
    survival = survival_of(book_of(fates))
    assert survival.found == len(fates) >= survival.accepted >= survival.decomposed
    assert survival.planned == 2 * survival.decomposed


def test_the_best_of_a_sources_edits_counts_and_reasons_are_told() -> None:
    book = book_of([
        ("accepted", "done", ("published", "rejected")),
        ("accepted", "done", ("rejected", "rejected")),
        ("accepted", "filtered", (None, None)),
        ("accepted", "done", ("rejected", "failed")),
        ("filtered", None, (None, None)),
        ("accepted", None, (None, None)),
    ])  # fmt: skip
    found = Counter((account.outcome, account.reason) for account in accounts_of(book))
    assert found == {
        ("published", "seam"): 1, ("rejected", "seam"): 1, ("filtered", "no_salient_object"): 1,
        ("failed", "seam"): 1, ("filtered", "truncated"): 1, ("pending", ""): 1,
    }  # fmt: skip
    assert survival_of(book)[1:4] == (6, 5, 3)
