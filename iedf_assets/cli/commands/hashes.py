"""`iedf hashes`: a list of the pictures in a folder, to be held out by `sources.exclude`."""

import json
from pathlib import Path

import click

from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.exclusions import hashed


def print_hashes(profile: Profile, folder: Path) -> None:
    """Print the list, and on standard error what is not in it."""
    left_out = []
    for found in hashed(folder, profile):
        if found.phash:
            click.echo(json.dumps({"name": found.path, "phash": found.phash, "look": found.look}))
        else:
            left_out.append(found.path)
    if left_out:
        shown = ", ".join(left_out[:3])
        click.echo(f"{len(left_out)} files are no pictures, or flat ones: {shown}", err=True)
