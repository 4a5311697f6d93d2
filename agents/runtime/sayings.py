"""Finding words and phrases of a list in a text, whatever their case, accents and plural."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

from agents.runtime import routing
from integrations.llm import words

MAX_COURTESY = 14
"""Words of a courtesy; a longer sentence says something beside it."""

FOLDER = Path(__file__).resolve().parent.parent / "words"


def named(text: str, phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the phrases that `text` holds as whole words, as they stand in the list."""
    if not phrases:
        return ()
    plain = plain_words(text)
    return tuple(
        dict.fromkeys(
            known
            for match in _pattern(tuple(phrases)).finditer(plain)
            if (known := _written(tuple(phrases)).get(match[1]))
        )
    )


_COURTESY = re.compile(
    r"\b(?:disposicao|ajud[aeo]r?|prazer|contato|sinto muito|desculpas?|obrigad[oa]|agradec\w+|"
    r"bem[ -]?vind[oa]s?|otim[oa] (?:dia|tarde|noite|semana)|boas? (?:compras?|festas?)|"
    r"fico feliz|claro|chamar|anotad[oa]s?|anotei|"
    r"(?:nao (?:consegui|foi possivel)) (?:consultar|verificar|acessar)|"
    r"happy to help|welcome|sorry)\b"
)


def is_courtesy(sentence: str) -> bool:
    """Test for what is said in every chat and of nothing in particular."""
    plain = plain_words(sentence)
    return routing.small_talk(sentence) is not None or (
        len(plain.split()) <= MAX_COURTESY and _COURTESY.search(plain) is not None
    )


def plain_words(text: str) -> str:
    """Return the folded words of a text with single spaces."""
    return " ".join(words.WORD.findall(words.fold(text)))


@cache
def listed(name: str) -> tuple[str, ...]:
    """Return the lines of a list in `agents/words`, without its remarks."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


@lru_cache(maxsize=256)
def _written(phrases: tuple[str, ...]) -> dict[str, str]:
    return {plain_words(phrase): phrase for phrase in phrases}


@lru_cache(maxsize=256)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(
        re.escape(plain) for plain in sorted(_written(phrases), key=len, reverse=True) if plain
    )
    return re.compile(rf"\b({either or '(?!)'})(?:s|es)?\b")
