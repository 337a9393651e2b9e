"""Fixtures of what Dagster sees."""

from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that nothing was recorded in."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
