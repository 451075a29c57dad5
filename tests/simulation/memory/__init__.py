"""Stand-ins in memory for PostgreSQL and Kafka: as little as the runtime asks of them, as nasty as they may be."""
