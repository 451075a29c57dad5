"""Approvals: the review of the work, round by round, and the releases that the employer approves."""
