"""Names for what a budget or a call is for; the apps above this one know them.

`settings.SPENDING_SUBJECTS` names the module that does.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from django.conf import settings


@dataclass(frozen=True, slots=True)
class AgentName:
    """An agent.

    Args:
        own: the purposes for which it asks a model of its own, not the one that was chosen.
    """

    uuid: uuid.UUID
    name: str
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Link:
    """The name of something and where its page is."""

    label: str
    url: str


class Subjects(Protocol):
    """What this app asks the apps above it."""

    def agents(self) -> Sequence[AgentName]:
        """Return all agents that models answer for, by name."""

    def conversations(self, refs: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Link]:
        """Return the conversations that there still are."""

    def contacts(self, refs: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Link]:
        """Return the contacts that there still are."""


def known() -> Subjects:
    """Return who knows the names."""
    return cast("Subjects", import_module(settings.SPENDING_SUBJECTS))
