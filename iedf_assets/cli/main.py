"""The command `iedf` and its subcommands."""

import os
import signal
import sys
from pathlib import Path
from typing import Any, get_args

import click

from iedf_assets.cli.listening import PORT
from iedf_assets.cli.options import (
    COUNT,
    config_option,
    folder_settings,
    load,
    origin_options,
    profile_options,
    profile_path,
    service_options,
    settings_option,
    stopped,
)
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.profile.exports import Export, Format
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.subtypes import Tier
from iedf_assets.core.storage.naming import printable
from iedf_assets.core.unforeseen import last_words

EXIT_FAILED, EXIT_USAGE = 1, 2
BACKENDS = ("classical", "diffusers", "qwen")
FOLDER = click.Path(file_okay=False, path_type=Path)
STAGES = ("source_images", "image_layers", "edited_images", "edit_pairs", "dataset")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="image-edit-dataset-factory")
def cli() -> None:
    """Image Edit Dataset Factory: photos in, a checked image-editing dataset out."""


@cli.command()
@profile_options
@click.option("--category", "categories", multiple=True, metavar="NAME", help="Only this one (repeatable).")
@click.option("--force", type=click.Choice(STAGES), help="Make this stage, and what follows from it, anew.")
@click.option("--retry-failed", is_flag=True, help="Try rows again that failed too often.")
@click.option("--withdraw", is_flag=True, help="Even if it takes away much of what is published.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and about how long it would take.")
def run(
    *,
    profile: Profile,
    categories: tuple[str, ...],
    force: str | None,
    retry_failed: bool,
    withdraw: bool,
    dry_run: bool,
) -> None:
    """Take everything pending through all stages, category by category.

    Exits 0 when all went through (rejects are no error), 1 when rows or categories failed, 2 for bad usage.
    """
    names = [profile.category_name(name) for name in categories] or list(profile.categories)
    if dry_run:
        from iedf_assets.cli.commands.status import show_plan  # noqa: PLC0415

        if force or retry_failed or withdraw:
            raise click.UsageError("--dry-run says what a plain run would do: leave other options out")
        show_plan(profile, names)
        return
    from iedf_assets.cli.commands.run import letting_go, run_all  # noqa: PLC0415

    profile = letting_go(profile) if withdraw else profile
    if not run_all(profile, names, force=force, retry=retry_failed):
        sys.exit(EXIT_FAILED)


@cli.command()
@profile_options
@click.option("--category", "categories", multiple=True, metavar="NAME", help="Only this one (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option("--rows", type=click.Choice(STAGES), help="Print a stage's manifest, a row a line, as JSON.")
def status(*, profile: Profile, categories: tuple[str, ...], as_json: bool, rows: str | None) -> None:
    """Say for each category and stage what is done, pending, stale (and why), rejected and failed."""
    from iedf_assets.cli.commands.status import show_rows, show_status  # noqa: PLC0415

    names = [profile.category_name(name) for name in categories] or list(profile.categories)
    if rows is None:
        show_status(profile, names, as_json=as_json)
    else:
        show_rows(profile, names, rows)


@cli.command()
@profile_options
@click.option("--superseded", is_flag=True, help="Also what belongs to earlier settings and photos.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
def clean(*, profile: Profile, superseded: bool, yes: bool) -> None:
    """Show what no manifest refers to any more, and delete it when you say so.

    Staged items, rejects and temporary files of killed processes. Published samples are never touched.
    """
    from iedf_assets.cli.commands.clean import clean_up  # noqa: PLC0415

    clean_up(profile, superseded=superseded, sure=yes)


@cli.command()
@profile_options
def demo(profile: Profile) -> None:
    """Put sample photos into data/ where it holds none, run everything, and say where to look."""
    from iedf_assets.cli.commands.demo import run_demo  # noqa: PLC0415

    if not run_demo(profile):
        sys.exit(EXIT_FAILED)


@cli.command()
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", required=True, type=FOLDER, help="Results go here.")
@click.option("--subtype", metavar="NAME", help="The kind of edit; else move, or replace for --instruction.")
@click.option("--instruction", metavar="TEXT", help="What to do, in words; for backends that follow words.")
@click.option("--backend", type=click.Choice(BACKENDS), help="What does the work; else the profile's.")
@click.option("--layered-model-dir", type=FOLDER, help="A local layered model, for the backend diffusers.")
@click.option("--edit-model-dir", type=FOLDER, help="A local editing model, for the backend diffusers.")
@click.option("--skip-layered", is_flag=True, help="Find the object without a layered model.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1.")
@config_option
@settings_option
def edit(
    *,
    image: Path,
    output: Path,
    config: Path | None,
    settings: tuple[str, ...],
    **trial: Any,
) -> None:
    """Edit one IMAGE end to end, for trying things.

    The pair goes to --output, every intermediate picture to a folder beside it, with a contact sheet. Exits 1
    when the pair was rejected; its reasons are printed and the pictures are there all the same.
    """
    from iedf_assets.cli.commands.edit import Trial, edit_one  # noqa: PLC0415

    asked = Trial(**trial)
    if not edit_one(load(config, None, None, (*asked.settings(), *settings)), image, output, asked):
        sys.exit(EXIT_FAILED)


@cli.command()
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=FOLDER, default=Path("trial"), show_default=True, help="All of it goes here.")
@click.option("--layered-model-dir", type=FOLDER, help="A local Qwen-Image-Layered; else the profile's.")
@click.option("--edit-model-dir", type=FOLDER, help="A local editing model; else the profile's.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1.")
@click.option("--most", type=COUNT, default=30, show_default=True, help="At most so many photos.")
@click.option("--subtype", "subtypes", multiple=True, metavar="NAME", help="This one alone (repeatable).")
@config_option
@settings_option
def trial(
    *,
    photos: tuple[Path, ...],
    output: Path,
    most: int,
    subtypes: tuple[str, ...],
    config: Path | None,
    settings: tuple[str, ...],
    **models: Any,
) -> None:
    """The first hour with a model: PHOTOS (else sample photos) through every kind of edit, told in a folder.

    Models, disk and one step at full size are looked at beforehand. Called again, it goes on where it was.
    """
    from iedf_assets.cli.commands.edit import Trial  # noqa: PLC0415
    from iedf_assets.cli.commands.trial import Asked, try_models  # noqa: PLC0415

    chosen = Trial(subtype=None, instruction=None, backend=None, skip_layered=False, **models)
    changes = chosen.settings() if any(models.values()) else []
    asked = Asked(photos, output, most, subtypes)
    if not try_models(load(config, None, None, (*changes, *settings)), asked):
        sys.exit(EXIT_FAILED)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option("--tier", type=click.Choice(get_args(Tier)), help="Judge all pairs in it.")
@click.option("--index", type=click.Path(path_type=Path), help="The index; else ../reports/index.jsonl.")
@click.option("--deep", is_flag=True, help="Ask the network about every mask, whatever the index says.")
@config_option
@settings_option
def check(
    *,
    dataset: Path,
    as_json: bool,
    tier: str | None,
    index: Path | None,
    deep: bool,
    config: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Lint and judge any DATASET tree in the naming spec. Exits 0 clean, 1 with findings, 2 for bad usage."""
    from iedf_assets.cli.commands.check import check_tree  # noqa: PLC0415

    if not check_tree(load(config, None, None, settings), dataset, index, tier, as_json=as_json, deep=deep):
        sys.exit(EXIT_FAILED)


@cli.command()
@profile_options
@click.option("--per-class", type=COUNT, default=8, show_default=True, help="So many get each fault.")
@click.option("--judge", is_flag=True, help="Ask workers.edit.judge instead: how often is it right?")
def prove(*, profile: Profile, per_class: int, judge: bool) -> None:
    """Put known faults into copies of the dataset's samples and say what share of them the judge finds.

    Exits 0 when every fault was found and no good sample rejected, else 1.
    """
    from iedf_assets.cli.commands.prove import prove_judge, prove_other_judge  # noqa: PLC0415

    if not (prove_other_judge if judge else prove_judge)(profile, per_class):
        sys.exit(EXIT_FAILED)


@cli.command("export")
@click.argument("form", metavar="FORMAT", type=click.Choice(get_args(Format)))
@click.argument("target", type=FOLDER)
@profile_options
@click.option("--language", type=click.Choice(["en", "zh", "both"]), help="Else both, or English for one.")
@click.option(
    "--size",
    type=click.Choice(["native", "grid"]),
    default="native",
    show_default=True,
    help="grid: cropped and scaled once to sizes that no trainer resamples.",
)
@click.option("--split", type=click.Choice(["train", "validation"]), help="Only this one.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only samples whose row of the index says so (repeatable).",
)
@click.option("--masks", is_flag=True, help="With masks, where the form has them only when asked.")
@click.option("--link", is_flag=True, help="Hard links instead of copies; a trainer may write into them.")
def export_command(
    *, profile: Profile, form: Format, target: Path, conditions: tuple[str, ...], **asked: Any
) -> None:
    """Write the dataset to TARGET in a FORMAT that a trainer loads, and prove it by reading it back.

    What is there already is not made again; samples that were withdrawn leave. Exits 0 when the export is the
    dataset, 1 when it is not or cannot be made, 2 for bad usage.
    """
    from iedf_assets.core.memory import importing  # noqa: PLC0415

    with importing():
        from iedf_assets.cli.commands.export import export_dataset  # noqa: PLC0415

    where = dict(condition.partition("=")[::2] for condition in conditions)
    if not export_dataset(profile, Export(format=form, target=target.absolute(), where=where, **asked)):
        sys.exit(EXIT_FAILED)


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@config_option
@settings_option
def hashes(*, folder: Path, config: Path | None, settings: tuple[str, ...]) -> None:
    """Print a list of the pictures in FOLDER: what `sources.exclude` holds out of a dataset."""
    from iedf_assets.cli.commands.export import print_hashes  # noqa: PLC0415

    print_hashes(load(config, None, None, settings), folder)


@cli.command()
@profile_options
@click.option("--serve", is_flag=True, help="Serve it on 127.0.0.1, with buttons to accept and reject pairs.")
@click.option("--port", type=PORT, default=8100, show_default=True, help="With --serve.")
@click.option("--browse", is_flag=True, help="With --serve: open it in the browser.")
def report(*, profile: Profile, serve: bool, port: int, browse: bool) -> None:
    """Build the HTML report of all pairs: pictures, scores, reasons, accounts. It opens from disk."""
    from iedf_assets.cli.commands.report import make_report, serve_reviews  # noqa: PLC0415

    make_report(profile)
    if serve:
        serve_reviews(profile, port, browse=browse)


@cli.command()
@click.argument("kind", type=click.Choice(["layered", "edit"]))
@service_options
@config_option
@settings_option
def serve(*, kind: Any, config: Path | None, settings: tuple[str, ...], **flags: Any) -> None:
    """Serve a warm model over HTTP: the layered one or the edit one. Ctrl-C ends it.

    What a flag does not say, the environment variables LAYERED_... and EDIT_... do (LAYERED_MAX_QUEUE and so
    on), then the profile. A token that callers must send comes from LAYERED_TOKEN or EDIT_TOKEN.
    """
    from iedf_assets.cli.commands.serve import serve_models  # noqa: PLC0415

    changes = []
    if flags["model_dir"]:
        changes = [
            f"workers.{kind}.backend=diffusers",
            f"workers.{kind}.model_dir={flags['model_dir'].absolute()}",
        ]
    profile = load(config, None, None, (*settings, *changes))
    serve_models(profile, kind, {**flags, "roots": flags["roots"] or None})


@cli.command("profile")
@origin_options
@click.option("--category", metavar="NAME", help="What holds for this one, all of its own settings included.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a profile and nothing else.")
def show(
    *,
    config: Path | None,
    data: Path | None,
    outputs: Path | None,
    settings: tuple[str, ...],
    category: str | None,
    as_json: bool,
    schema: bool,
) -> None:
    """Print every key of the profile with its value, and where that comes from.

    That is the default, a line of the file, or --set, as which --data and --outputs count. The output can be
    saved and used as a profile.
    """
    from iedf_assets.cli.commands.profile import schema_text, show_profile  # noqa: PLC0415

    if schema:
        click.echo(schema_text())
        return
    changes = (*settings, *folder_settings(data, outputs))
    show_profile(profile_path(config), changes, category, as_json=as_json)


@cli.command()
@profile_options
@click.option("--classes", is_flag=True, help="List the editing classes that are known, and nothing else.")
def doctor(profile: Profile, *, classes: bool) -> None:
    """Say what works here, what is missing, and what to do about it. Exits 1 when something needs mending."""
    from iedf_assets.cli.commands.doctor import examine, list_classes  # noqa: PLC0415

    if classes:
        list_classes()
    elif not examine(profile):
        sys.exit(EXIT_FAILED)


@cli.command()
@config_option
@click.option("--port", type=PORT, default=3000, show_default=True, help="Of the UI, on 127.0.0.1.")
def dev(*, config: Path | None, port: int) -> None:
    """Open the Dagster UI, with its daemon, on the outputs of the profile. Ctrl-C ends it."""
    from iedf_assets.cli.commands.dev import serve_ui  # noqa: PLC0415

    sys.exit(serve_ui(load(config, None, None, ()), config, port))


@cli.group()
def category() -> None:
    """Change which categories the profile has."""


@category.command("add")
@click.argument("name")
@click.option("--like", required=True, metavar="OTHER", help="The category whose settings it gets.")
@config_option
def add(*, name: str, like: str, config: Path | None) -> None:
    """Add the category NAME, a folder below the data, to the profile; its comments stay."""
    from iedf_assets.cli.commands.category import add_category  # noqa: PLC0415

    add_category(profile_path(config), name, like)


def main() -> None:
    """The entry point: errors become one clear message and an exit code."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo(stopped(*sys.argv[1:2]), err=True)
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:  # noqa: BLE001  # one message, whatever is broken below
        click.echo("error: " + printable(last_words(error), kept="\n"), err=True)
        sys.exit(EXIT_USAGE if isinstance(error, ProfileError) else EXIT_FAILED)
