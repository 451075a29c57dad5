"""Reads the live databases of all services and says whether what must always hold does hold."""
