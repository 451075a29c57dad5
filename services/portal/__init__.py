"""Portal: the one public front door, `/v1`, and where pages for people will live."""
