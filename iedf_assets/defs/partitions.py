"""The partitions of every stage: the profile's categories."""

import dagster as dg

from iedf_assets.core.profile.schema import Profile


def category_partitions(profile: Profile) -> dg.StaticPartitionsDefinition:
    """One partition per category of the profile, in its order."""
    return dg.StaticPartitionsDefinition(list(profile.categories))
