"""What contacts give of themselves in their own words: name, e-mail, phone, documents, address.

Found by rules only. Each value stands in the contact's message; a model has no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.runtime import briefing, claims, prompts, routing, slots
from integrations.llm import pii, words

MAX_VALUE = 200


@dataclass(frozen=True, slots=True)
class Given:
    """One value that a contact gave.

    Args:
        kind: of `conversations.models.ContactFact`.
    """

    kind: str
    value: str


_SAYS_NAME = re.compile(
    r"(?i:\b(?:meu nome (?:é|eh|e)|me chamo|my name is|i am called)\s+)"
    r"([^\W\d_][\w'-]+(?:\s+(?:d[aeo]s?\s+)?[A-ZÀ-Ý][\w'-]+){0,4})"
)
_LONE_NAME = re.compile(
    r"[^\W\d_][^\W\d_'-]+(?: (?:d[aeo]s? )?[^\W\d_][^\W\d_'-]+){0,4}", re.UNICODE
)
_NO_NAME = frozenset(
    ("nao", "sim", "ok", "nada", "ninguem", "prefiro", "depois", "agora", "porque", "claro")
)
_OF_OTHERS = re.compile(
    r"\b(?:del[ea]s?|(?:da|do|de|pr[oa]|para (?:o|a)|a|o) (?:minha|meu) "
    r"(?:mae|pai|marido|mulher|esposa|esposo|filh[oa]|irma|irmao|amig[oa]|namorad[oa]|vizinh[oa]|"
    r"chefe|soci[oa]|av[oa]|ti[oa]|sobrinh[oa]|client[ea]|funcionari[oa]))\b"
)
"""Somebody else's: what follows is not kept as the contact's own."""

_OWN_PHONE = re.compile(
    r"\b(?:meu|minha|my)\b[^.!?\n]{0,30}\b(?:numero|telefone|celular|fone|whats\w*|zap|contato|"
    r"phone|number)\b|\b(?:me )?(?:liga|ligue|liguem|chama|chame|call me)\b"
)
_OWN_ADDRESS = re.compile(
    r"\b(?:moro|meu endereco|endereco|entreg\w+|resido|my address|i live|deliver)\b"
)
_BIRTH = re.compile(
    r"\b(?:nasci\w*|nascimento|aniversario|born|birthday)\b[^.!?\n\d]{0,25}"
    r"(\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2} de [a-z]+ de \d{4})"
)
_ORDER = re.compile(
    r"\b(?:pedido|protocolo|order|ticket)\b\W{0,3}(?:(?:numero|num|n[ºo°]?|no|number|e|eh|é)\b\W{0,3})*"
    r"([a-z]{0,4}-?\d[\w-]{2,19})\b"
)
_DIGITS_ONLY = re.compile(r"\s*[\d\s()+.-]{8,}\s*")


def given(text: str, *, asked: Sequence[str] = ()) -> list[Given]:
    """Return what a message gives, one of each kind.

    Args:
        asked: the kinds that our message before it asked for; see `asked_kinds`.
    """
    shown = prompts.visible(text)
    plain = words.fold(shown)
    found: dict[str, str] = {}
    for kind, value, start in _all(shown, plain, asked):
        before = words.fold(shown[max(0, start - 40) : start]).rpartition("\n")[2]
        if not _OF_OTHERS.search(before):
            found.setdefault(kind, " ".join(value.split())[:MAX_VALUE])
    return [Given(kind, value) for kind, value in found.items()]


def asked_kinds(text: str) -> tuple[str, ...]:
    """Return what a message of ours asks the contact for."""
    return tuple(kind for kind in slots.KINDS if slots.asked_again(text, {kind: "\0"}))


def _all(shown: str, plain: str, asked: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield kind, value and where it begins."""
    for name in (_SAYS_NAME.search(shown), briefing.NAME.search(shown)):
        if name and words.fold(name[1]) not in _NO_NAME:
            yield "name", name[1], name.start()
            break
    else:
        alone = shown.strip(" .!,\n")
        is_name = _LONE_NAME.fullmatch(alone) and not _NO_NAME & set(words.fold(alone).split())
        if "name" in asked and is_name and routing.small_talk(alone) is None:
            yield "name", alone, 0
    pieces = pii.find(shown)
    for kind in (pii.Kind.EMAIL, pii.Kind.PHONE, pii.Kind.CPF, pii.Kind.CNPJ):
        of_kind = [one for one in pieces if one.kind is kind]
        if len(of_kind) != 1:  # of several nobody knows which is theirs
            continue
        one = of_kind[0]
        value = shown[one.start : one.end].strip()
        if kind is pii.Kind.PHONE and not (
            "phone" in asked or _OWN_PHONE.search(plain) or _DIGITS_ONLY.fullmatch(shown)
        ):
            continue
        yield kind.name.lower(), masked(value) if kind is pii.Kind.CPF else value, one.start
    streets = [one.shown for one in claims.claims(shown) if one.kind == "address"]
    if len(streets) == 1 and ("address" in asked or _OWN_ADDRESS.search(plain)):
        yield "address", streets[0], max(0, shown.find(streets[0]))
    if birth := _BIRTH.search(plain):
        yield "birthday", birth[1], birth.start()
    if order := _ORDER.search(plain):
        yield "order", order[1].upper(), order.start()


def masked(cpf: str) -> str:
    """Return a CPF as it may be shown: the six digits in the middle."""
    digits = re.sub(r"\D", "", cpf)
    return f"***.{digits[3:6]}.{digits[6:9]}-**"
