"""Reconciliation that runs every night by itself: freezes what differs, keeps its report, raises the alarm."""
