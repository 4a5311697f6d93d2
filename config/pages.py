"""Loading what the web process serves, which other processes have no use for.

The panel's pages are half of all modules: a second of a start, and of memory some tens of MB.
"""

from __future__ import annotations

from importlib import import_module

from django.conf import settings


def load() -> None:
    """Load all that has an address, before the first request waits for it."""
    for name in (settings.ROOT_URLCONF, settings.PUBLIC_SCHEMA_URLCONF):
        import_module(name)
