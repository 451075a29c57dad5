"""Contracts: who hired whom, the milestones and their terms, and the status everybody sees."""
