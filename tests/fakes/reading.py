"""Models that read: what `tests.fakes.llm` answers in its modes READER, INVENTIVE and KEY.

They see the prompt and nothing else, and share no code with the product, so that its own reading is
not measured with itself.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NO_ANSWER = "[[SEM_RESPOSTA]]"

INVENTIONS = (
    "Hoje sai por R$ 37,91.",
    "Com 43% de desconto!",
    "Vale até 29/02/2031.",
    "Atendemos às 4h17.",
    "Veja em https://oferta-imperdivel.example/agora.",
    "Escreva para vendas@inventado.example.",
    "Ligue (99) 98765-4321.",
    "Fica na Rua Inventada do Sul, 7391.",
    "Em dezenove semanas fica pronto.",
    "Custa setenta e três reais.",
)

LEAST_SHARED = 0.34
"""Share of the question's words below which the reader says that it does not know. A third: a
weaker reader than any language model, which is the point of it."""

_PASSAGE = re.compile(r"<passage n=\"\d+\" source=\"[^\"]*\">\n(.*?)\n</passage>", re.DOTALL)
_MESSAGE = re.compile(r"<message>(.*?)</message>", re.DOTALL)
_LINE = re.compile(r"<line from=\"contact\">(.*?)</line>", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_SMALL = frozenset(
    """
    a o as os um uma de da do das dos em no na nos nas por pelo pela para pra pro com sem e ou mas
    se que q ja so la ai ha eh ser tem ter meu minha seu sua eu ele ela vc vcs voce voces me isso
    esse essa este esta n nao sim qual quais quando onde como quem quanto quantos quanta quantas
    qto oi ola bom boa dia tarde noite favor posso pode custa fica faz ta to tb mais
    """.split()  # noqa: SIM905 - reads better than quoted words
)
_serial = itertools.count()


def reply(
    messages: Sequence[Mapping[str, Any]],
    *,
    known: Mapping[str, tuple[str, ...]] | None,
    invents: bool,
) -> str:
    """Return a reply to the prompt's contact.

    Args:
        known: quotes that answer a message; None reads by words.
        invents: adds what no passage says, something else each time.
    """
    prompt = next(str(one["content"]) for one in messages if one["role"] == "user")
    passages = [found[1] for found in _PASSAGE.finditer(prompt)]
    asked = [found[1] for found in _MESSAGE.finditer(prompt)]
    if known is not None:
        return _by_key(asked, _LINE.findall(prompt), passages, known)
    text = _by_words(" ".join(asked), passages)
    if invents:
        made_up = INVENTIONS[next(_serial) % len(INVENTIONS)]
        return made_up if text == NO_ANSWER else f"{text} {made_up}"
    return text


def _by_key(
    asked: Sequence[str],
    before: Sequence[str],
    passages: Sequence[str],
    known: Mapping[str, tuple[str, ...]],
) -> str:
    # The contact's last words may only choose among what was asked before.
    quotes = next((known[one] for one in (*asked, *reversed(before)) if one in known), ())
    for passage in passages:
        if any(_plain(quote) in _plain(passage) or _row(quote, passage) for quote in quotes):
            return passage
    return NO_ANSWER


def _row(quote: str, passage: str) -> bool:
    """Test for nearly all words of a table's row."""
    if ": " not in passage:
        return False
    wanted, held = _all_words(quote), set(_all_words(passage))
    return bool(wanted) and sum(one in held for one in wanted) >= 0.9 * len(wanted)


def _by_words(question: str, passages: Sequence[str]) -> str:
    wanted = _words(question)
    best = max(passages, key=lambda passage: _shared(wanted, passage), default="")
    if not wanted or _shared(wanted, best) < LEAST_SHARED:
        return NO_ANSWER
    sentences = [one.strip() for one in _SENTENCE.split(best) if one.strip()]
    ranked = sorted(sentences, key=lambda one: -_shared(wanted, one))[:3]
    return " ".join(one for one in sentences if one in ranked)


def _shared(wanted: Sequence[str], text: str) -> float:
    held = {word[:5] for word in _words(text)}
    return sum(word[:5] in held for word in wanted) / max(1, len(wanted))


def _words(text: str) -> list[str]:
    return [word for word in _all_words(text) if word not in _SMALL]


def _all_words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text).lower()
    folded = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return re.findall(r"[a-z0-9]+", folded)


def _plain(text: str) -> str:
    return "".join(_all_words(text))
