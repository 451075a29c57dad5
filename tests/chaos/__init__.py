"""Faults on the real stack, with load running: `make chaos` (README.md, "make chaos")."""
