"""Comparing what people write with what documents say: folded words, stems, near misses."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer
from rapidfuzz.distance import Levenshtein

WORD = re.compile(r"[^\W_]+")

STOP_WORDS = frozenset(
    """
    a o as os um uma uns umas ao aos de do da dos das d no na nos nas em num numa por pelo
    pela pelos pelas para pra pro pras pros p com c sem e ou mas se que q ja so la ai ha eh
    ser sao foi era estao esta estou ta tao to tem ter tenho temos meu minha meus minhas seu
    sua seus suas eu ele ela eles elas vc vcs voces voce me te lhe isso isto esse essa este
    aquele aquela n nao sim qual quais quando onde como quem quanto quantos quanta quantas
    qto qts qtos qnd ond porque pq oi oie ola bom boa dia tarde noite favor obrigado
    obrigada gostaria saber queria quero preciso posso pode podem fazem faz fica ficam sai
    custa custam mim gente tudo bem dps depois ainda the an of to in on for is are do does
    you your my i we can how much what when where who which it have has with and or hi hello
    please good morning
    """.split()  # noqa: SIM905 - a hundred quoted words would be harder to read
)
"""Words, folded, that do not name a subject; question words among them."""

_SHORT = {"qto": "quanto", "qnto": "quanto", "qt": "quanto", "vlr": "valor", "obg": "obrigado"}

SLIP_FROM = 5
"""Letters of a stem from which one wrong letter still means the same word; from twice as many less
two, two do. In shorter ones a letter makes another word ("casa", "cada")."""

_stemmer = snowballstemmer.stemmer("portuguese")
_stemmer_lock = threading.Lock()


class _Marks(dict[int, int | None]):
    """For `str.translate`: signs that combine with the one before go, all others stay."""

    def __missing__(self, code: int) -> int | None:
        kept = None if unicodedata.combining(chr(code)) else code
        self[code] = kept
        return kept


_marks = _Marks()


def fold(text: str) -> str:
    """Return `text` in lower case and without accents."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text).translate(_marks).lower()


def words(text: str) -> list[str]:
    """Return the folded words and numbers of `text` in order, common abbreviations written out."""
    return [_SHORT.get(word, word) for word in WORD.findall(fold(text))]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the Portuguese stem of a folded word."""
    # The stemmer keeps the word that it works on in itself: two threads would mix theirs.
    with _stemmer_lock:
        return str(_stemmer.stemWord(word))


def terms(text: str) -> list[str]:
    """Return the stems of the words that name a subject, each once, in order."""
    return list(_terms(text))


@lru_cache(maxsize=2_048)  # a reply is compared with the same passages sentence by sentence
def _terms(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stem(word) for word in words(text) if word not in STOP_WORDS))


@lru_cache(maxsize=50_000)
def likeness(term: str, other: str) -> float:
    """Return how well two stems mean the same word, 0 to 1."""
    if term == other:
        return 1.0
    shorter = min(len(term), len(other))
    if shorter < 4 or term.isdigit() or other.isdigit():
        return 0.0
    if term[:shorter] == other[:shorter] and shorter >= SLIP_FROM:
        return 0.8
    if shorter < SLIP_FROM or term[0] != other[0]:
        return 0.0
    slips = 1 if shorter < 2 * SLIP_FROM - 2 else 2
    return 0.7 if Levenshtein.distance(term, other, score_cutoff=slips) <= slips else 0.0
