"""Each service's README shows the states that its `states.py` has."""

import pytest

from services.runtime.diagrams import SERVICES, drawn, services_with_states, tables_of
from services.runtime.states import StateTable


@pytest.mark.parametrize("service", services_with_states())
def test_the_readme_shows_the_states(service: str) -> None:
    readme = (SERVICES / service / "README.md").read_text(encoding="utf-8")

    assert drawn(readme, tables_of(service), f"services/{service}/README.md") == readme, (
        "run python -m services.runtime.diagrams"
    )


@pytest.mark.parametrize("service", services_with_states())
def test_a_service_says_only_its_own_facts(service: str) -> None:
    """What an edge emits is on the service's own topic, or is a command to Stripe."""
    own = "stripe" if service == "stripe_gateway" else service

    def foreign(table: StateTable) -> list[str]:
        said = [edge.emits for edge in table.edges if edge.emits]
        return [name for name in said if name.split(".")[0] not in {own, "stripe"}]

    assert [name for table in tables_of(service) for name in foreign(table)] == []
