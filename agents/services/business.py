"""What every agent may say of the business."""

from __future__ import annotations

from agents.models import BusinessFacts
from agents.types import Business
from tenants.remembering import Remembered

FIELDS = ("name", "about", "address", "site", "phone", "email", "facts")


def row() -> BusinessFacts:
    """Return the tenant's row as it is stored; an empty one, unsaved, before the first."""
    return BusinessFacts.objects.filter(pk=1).first() or BusinessFacts(pk=1)


def _read() -> Business:
    stored = row()
    texts = {name: getattr(stored, name) for name in FIELDS if name != "facts"}
    return Business(**texts, facts=tuple(stored.facts))


_remembered = Remembered(_read)


def current() -> Business:
    """Return the facts of the current schema, some seconds old at most."""
    return _remembered.get()


def forget() -> None:
    """Have the next answer read them: they were changed here."""
    _remembered.forget()
