"""Healthy books for each test."""

import pytest

from tests.integration.auditor.books import Books, copy
from tests.platform.backing import Backing


@pytest.fixture
def books(platform: Backing) -> Books:
    """Five databases of the test's own, with the healthy story."""
    return copy(platform.database_url)
