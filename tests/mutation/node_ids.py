"""A pytest plugin for runs under mutmut.

mutmut 3.7, the last that goes with this click, reads `_nodeid`, which pytest 9 has not. And a property that fails is
enough here: hypothesis need not look for the smallest example, nor remember it.
"""

import pytest
from hypothesis import Phase, settings


def pytest_configure() -> None:
    """After the conftest has chosen its profile, before a test module is imported."""
    settings.register_profile(
        "mutation", settings(), derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item._nodeid = item.nodeid  # type: ignore[attr-defined]
