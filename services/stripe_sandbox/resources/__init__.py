"""One module per Stripe resource; each registers its operations when it is imported."""

import importlib
import pkgutil


def load_all() -> None:
    """Import every resource, so that the table of operations is complete."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
