"""Looks at what counts and the index say of all there is."""

import json

from iedf_assets.core.exporting.export import proof_of
from iedf_assets.core.judging.lint import list_tree
from iedf_assets.core.judging.proving import UNTOUCHED
from iedf_assets.core.planning.accounts import HELD, accounts_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout
from iedf_assets.defs.checks.verdict import Verdict
from iedf_assets.defs.metadata import accounts_table


def accounts_add_up(book: Book) -> Verdict:
    """Each source found was published, rejected, filtered or failed. Protects from photos that get lost."""
    accounts = accounts_of(book)
    waiting = [account for account in accounts if account.outcome == "pending" and account.reason != HELD]
    cases = [(f"{account.sources} sources", account.reason or "no stage has said anything of them")
             for account in waiting]  # fmt: skip
    total = sum(account.sources for account in accounts)
    if total != len(book.sources):
        cases.append((book.name, f"{len(book.sources)} sources were found, {total} are accounted for"))
    return Verdict(len(book.sources), cases, {"accounts": accounts_table(accounts)})


def index_matches_dataset(layout: Layout) -> Verdict:
    """The index names exactly the samples in the dataset, where nothing else lies. Protects from orphans."""
    listing = list_tree(layout.dataset)
    indexed = {row["sample_key"] for row in read_journal(layout.index)}
    lying = {str(sample) for sample in listing.samples}
    cases = [(issue.path, f"{issue.code}: {issue.message}") for issue in listing.issues]
    cases += [(sample, "in the index, but not in the dataset") for sample in sorted(indexed - lying)]
    cases += [(sample, "in the dataset, but not in the index") for sample in sorted(lying - indexed)]
    return Verdict(len(lying | indexed), cases)


def export_loads(profile: Profile, layout: Layout, asked: Export) -> Verdict:
    """The export is read back, by its readers' rules, as the dataset. Protects from training on others."""
    proof = proof_of(profile, layout, asked)
    told = {"compared": proof.compared, "compared by datasets": proof.by_datasets}
    return Verdict(proof.rows, proof.faults, told)


def canaries_caught(layout: Layout) -> Verdict:
    """Every class of known faults is found and no good sample rejected. Protects from a blind judge."""
    found = json.loads(layout.canaries.read_text("utf-8")) if layout.canaries.exists() else []
    if not found:
        return Verdict(0, [("canaries", "not run: there is no sample to put a fault into")])
    cases = []
    for detection in found:
        wrong = sorted({*detection["missed"], *detection["missed_bare"]})
        what = (
            "rejected without a fault" if detection["name"] == UNTOUCHED else f"{detection['name']} not found"
        )
        cases += [(sample, what) for sample in wrong]
    return Verdict(sum(detection["injected"] for detection in found), cases)
