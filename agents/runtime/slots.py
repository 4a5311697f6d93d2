"""What the contact has given already, and drafts that ask for it again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.types import Brief, RunRequest
from integrations.llm import words

_NAMED = {
    "name": r"nome(?: completo)?|name",
    "email": r"e-?mail",
    "phone": r"(?:numero (?:de|do) )?(?:telefone|celular|whats(?:app)?)|phone(?: number)?",
    "cpf": r"cpf",
    "cnpj": r"cnpj",
    "address": r"endereco(?: completo)?|address",
    "birthday": r"(?:data de )?nascimento|date of birth|birthday",
    "order": r"(?:numero|codigo) do (?:pedido|protocolo)|order number",
}
KINDS = tuple(_NAMED)

_YOUR = r"(?:(?:o|a|os|as) )?(?:seu|sua|teu|tua|your)\s+"
_ASKS = re.compile(
    r"\?\s*$|\b(?:me (?:inform|pass|diz|diga|envi|mand|confirm)\w*|inform(?:e|ar)|envi(?:e|ar)|"
    r"mand(?:e|ar)|preciso (?:do|da|de)|tell me|send me|please (?:give|send|tell))\b"
)
_SENTENCE = re.compile(r"[^\n.!?]*(?:[.!?](?=\S)[^\n.!?]*)*[.!?]*[ \t]*\n*")
"""A sentence with what follows it; a sign within a word, as in an address, ends none."""


def known(request: RunRequest, brief: Brief | None) -> Mapping[str, str]:
    """Return what the contact has given, by kind."""
    given = {fact.kind: fact.text for fact in (brief.facts if brief else ())}
    return {**given, **dict(request.contact_facts)}


def asked_again(text: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sentences of a draft that ask for something given, as they stand there.

    A sentence that names the value asks whether it is right, which is another question.
    """
    wanted = "|".join(_NAMED[kind] for kind in given if kind in _NAMED)
    if not wanted:
        return ()
    slot = re.compile(rf"\b{_YOUR}(?:{wanted})\b")
    return tuple(
        part
        for part in _sentences(text)
        if slot.search(plain := words.fold(part))
        and _ASKS.search(plain.strip())
        and not any(words.fold(value) in plain for value in given.values())
    )


def without(text: str, asked: Sequence[str]) -> str:
    """Return a draft without some of its sentences."""
    return "".join(part for part in _sentences(text) if part not in asked).strip()


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCE.findall(text) if part]
