"""Looks at what counts and the index say of all there is."""

from collections.abc import Iterable

from iedf_assets.core.exporting.export import proof_of
from iedf_assets.core.judging.lint import list_tree
from iedf_assets.core.judging.proving import UNTOUCHED
from iedf_assets.core.planning.accounts import HELD, accounts_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.storage.files import read_json
from iedf_assets.core.storage.journal import read_journal
from iedf_assets.core.storage.naming import Layout, SampleKey
from iedf_assets.defs.checks.samples import sample_pictures
from iedf_assets.defs.checks.stored import latest
from iedf_assets.defs.checks.verdict import Case, Verdict
from iedf_assets.defs.metadata import accounts_table
from iedf_assets.defs.resources import Factory


def accounts_add_up(book: Book) -> Verdict:
    """Each source found was published, rejected, filtered or failed. Protects from photos that get lost."""
    accounts = accounts_of(book)
    waiting = [account for account in accounts if account.outcome == "pending" and account.reason != HELD]
    cases = [Case(f"{account.sources} sources", account.reason or "no stage has said anything of them")
             for account in waiting]  # fmt: skip
    total = sum(account.sources for account in accounts)
    if total != len(book.sources):
        cases.append(Case(book.name, f"{len(book.sources)} sources were found, {total} are accounted for"))
    return Verdict(len(book.sources), cases, {"accounts": accounts_table(accounts)})


def index_matches_dataset(factory: Factory) -> Verdict:
    """The index names exactly the samples in the dataset, where nothing else lies. Protects from orphans."""
    layout = factory.layout
    listing = list_tree(layout.dataset)
    indexed = {row["sample_key"] for row in read_journal(layout.index)}
    lying = {str(sample) for sample in listing.samples}
    cases = [Case(issue.path, f"{issue.code}: {issue.message}") for issue in listing.issues]
    cases += [_of(layout, key, "in the index, but not in the dataset") for key in sorted(indexed - lying)]
    cases += [_of(layout, key, "in the dataset, but not in the index") for key in sorted(lying - indexed)]
    return Verdict(len(lying | indexed), cases)


def export_loads(profile: Profile, layout: Layout, asked: Export) -> Verdict:
    """The export is read back, by its readers' rules, as the dataset. Protects from training on others."""
    proof = proof_of(profile, layout, asked)
    told = {"compared": proof.compared, "compared by datasets": proof.by_datasets}
    return Verdict(proof.rows, [Case(subject, fault) for subject, fault in proof.faults], told)


def canaries_caught(factory: Factory) -> Verdict:
    """Every class of known faults is found and no good sample rejected. Protects from a blind judge."""
    layout = factory.layout
    found = read_json(layout.canaries)
    if not found:
        return Verdict(0, [Case("canaries", "not run: there is no sample to put a fault into")])
    cases = []
    for detection in found:
        wrong = sorted({*detection["missed"], *detection["missed_bare"]})
        what = (
            "rejected without a fault" if detection["name"] == UNTOUCHED else f"{detection['name']} not found"
        )
        cases += [_of(layout, sample, what) for sample in wrong]
    return Verdict(sum(detection["injected"] for detection in found), cases)


def look_at_verdicts(factory: Factory, checks: Iterable[str]) -> Verdict:
    """What the latest verdicts say of all categories of the profile; those of warnings are only counted."""
    checks, verdict = list(checks), Verdict(0)
    warnings = 0
    for category in factory.profile.categories:
        stored = [one for check in checks if (one := latest(factory.layout, check, category))]
        verdict.looked_at += len(stored)
        if not stored:
            verdict.left_out.append(f"{category}, which no check has judged yet")
        red = [one for one in stored if one.findings and one.blames]
        verdict.cases += [Case(f"{category}, {one.check}", one.first) for one in red]
        warnings += sum(1 for one in stored if one.findings and not one.blames)
        verdict.more[f"red checks of {category}"] = len(red)
        verdict.more |= {f"{key} of {category}": value for one in stored for key, value in one.worst.items()}
    verdict.more["warnings"] = warnings
    return verdict


def _of(layout: Layout, sample: str, finding: str) -> Case:
    pictures = sample_pictures(layout, SampleKey.parse(sample)) if SampleKey.is_key(sample) else ()
    return Case(sample, finding, pictures)
