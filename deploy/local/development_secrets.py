"""Secrets of a development platform: made at random once, kept in one file that only its owner may read."""

import os
import secrets
from pathlib import Path


def ensure_secrets(path: Path) -> dict[str, str]:
    """The secrets by variable name; those that the file lacks are made and added. Never printed or logged."""
    kept = read_secrets(path)
    made = {
        "TRANCHE_AUTH_SECRET": secrets.token_hex(32),
        "TRANCHE_STRIPE_API_KEY": f"sk_test_{secrets.token_hex(24)}",
        "TRANCHE_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
        "TRANCHE_STRIPE_CONNECT_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
    }
    if made.keys() - kept.keys():
        made |= kept
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        # Its mode is right from the first byte on.
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in made.items())
        aside.replace(path)
        return made
    return kept


def read_secrets(path: Path) -> dict[str, str]:
    """The secrets that were made before; empty when there are none yet."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)
