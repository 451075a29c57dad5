"""Tranche beside what else one could write, on real Kafka and PostgreSQL, in one run: `make bench`."""
