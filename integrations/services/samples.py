"""Real leads by which a mapping is tried; the apps above this one have them.

`settings.LEAD_SAMPLES` names the module that does.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from django.conf import settings


class Samples(Protocol):
    """What this app asks the app above it."""

    def offered(self) -> Sequence[tuple[uuid.UUID, str]]:
        """Return some leads by reference, each with a name, the newest first."""

    def sample(self, ref: uuid.UUID) -> Mapping[str, Any] | None:
        """Return the `data` of an event of a lead; None where it is gone."""


def known() -> Samples:
    """Return who has the leads."""
    return cast("Samples", import_module(settings.LEAD_SAMPLES))
