"""Which passage supports which sentence of a reply, for the people who read the conversation."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from agents.runtime.evidence import TOOL_REF
from conversations.models import TurnStep
from integrations.llm import quoting
from knowledge.models import Document


@dataclass(frozen=True)
class SourceView:
    """A passage behind a sentence.

    Attributes:
        name: of the document, with the page where there is one.
        version: of the document that was quoted, which may be older than the present one.
        document_pk: None where the document is gone.
    """

    name: str
    title: str
    text: str
    version: str
    document_pk: int | None


@dataclass(frozen=True)
class SentenceView:
    """One sentence of a reply; `missing` are its facts that nothing supports."""

    text: str
    sources: tuple[SourceView, ...]
    origin: str
    is_unsupported: bool
    missing: tuple[str, ...]


def document_pks(steps: Iterable[TurnStep]) -> dict[str, int]:
    """Return the documents that these steps quote, by their UUID; one query, or none."""
    wanted = set()
    for step in steps:
        for passage in _dicts(_data(step).get("passages")):
            with suppress(ValueError):
                wanted.add(uuid.UUID(str(passage.get("ref", "")).split("/")[0]))
    if not wanted:
        return {}
    found = Document.objects.filter(uuid__in=wanted, deleted_at=None).values_list("uuid", "pk")
    return {str(one): pk for one, pk in found}


def sentences(steps: Iterable[TurnStep], *, documents: Mapping[str, int]) -> list[SentenceView]:
    """Return the last draft of a turn, sentence by sentence; empty where none was checked."""
    passages: dict[str, dict[str, Any]] = {}
    examined: list[dict[str, Any]] = []
    for step in steps:
        data = _data(step)
        passages |= {str(one.get("ref", "")): one for one in _dicts(data.get("passages"))}
        examined = _dicts(data.get("evidence")) or examined
    return [_sentence(one, passages, documents) for one in examined]


def refs(steps: Iterable[TurnStep]) -> set[str]:
    """Return the passages that support a sentence of the last draft."""
    found: set[str] = set()
    for step in steps:
        if examined := _dicts(_data(step).get("evidence")):
            found = {str(ref) for one in examined for ref in _list(one.get("refs"))}
    return found


def _sentence(
    one: Mapping[str, Any],
    passages: Mapping[str, Mapping[str, Any]],
    documents: Mapping[str, int],
) -> SentenceView:
    facts = _dicts(one.get("facts"))
    held = {str(ref) for fact in (one, *facts) for ref in _list(fact.get("refs"))}
    origins = {
        "said": _("said earlier in this conversation"),
        "business": _("from the agent's instructions or the facts about the business"),
        "contact": _("as the contact wrote it"),
    }
    sources = tuple(
        _source(passages[ref], documents)
        for ref in map(str, _list(one.get("refs")))
        if ref in passages
    )
    return SentenceView(
        text=str(one.get("sentence", "")),
        sources=sources,
        origin="" if sources else ", ".join(origins[key] for key in origins if key in held),
        is_unsupported=not one.get("supported", True),
        missing=tuple(str(fact.get("text", "")) for fact in facts if not fact.get("supported")),
    )


def _source(passage: Mapping[str, Any], documents: Mapping[str, int]) -> SourceView:
    text = str(passage.get("text", ""))
    ref = str(passage.get("ref", ""))
    document, _slash, rest = ref.partition("/")
    return SourceView(
        name=str(passage.get("source", "")),
        # Of a row its own name: all rows of a table stand under one title.
        title=quoting.row_name(text) or str(passage.get("title", "")),
        text=text,
        version="" if ref.startswith(TOOL_REF) else rest.partition("/")[0],
        document_pk=documents.get(document),
    )


def _data(step: TurnStep) -> dict[str, Any]:
    return step.data if isinstance(step.data, dict) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]
