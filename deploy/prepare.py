"""Before the services start: a database for each, and every topic of the catalogue. `python -m deploy.prepare`.

For compose and Kubernetes, where no `tranche up` does it. Safe to run again: what is there stays as it is.
"""

from deploy.local.kafka import create_topics
from deploy.local.postgres import create_databases
from deploy.local.services import SERVICES
from schemas.catalogue import TOPICS
from services.runtime.settings import Settings


def main() -> None:
    """Create what is missing. Raises what the broker or the database server answers when they refuse."""
    settings = Settings()
    create_databases(settings.database_url, [f"tranche_{service.name}" for service in SERVICES if service.has_database])
    create_topics(settings.kafka_bootstrap, TOPICS)
    print(f"{len(TOPICS)} topics and the services' databases are there")


if __name__ == "__main__":
    main()
