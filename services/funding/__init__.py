"""Funding: payment methods, charges and the held-funds ledger."""
