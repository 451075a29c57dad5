"""What the facts add up to, per minute and currency."""
