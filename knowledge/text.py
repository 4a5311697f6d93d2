"""Folding, stemming and 4-letter pieces: one way for what is indexed and for what is asked."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from itertools import filterfalse
from typing import Any

N_GRAM = 4

# Words that say nothing about the subject, folded. Question words are among them: "quanto" tells
# what is wanted, and the normaliser adds the words by which documents name that.
STOP_WORDS = frozenset(
    """
    a o as os um uma uns umas ao aos de do da dos das d no na nos nas em num numa por pelo pela
    pelos pelas para pra pro pras pros p com c sem e ou mas se que q ja so la ai ha eh ser sao
    foi era estao esta estou ta tao to tem ter tenho temos meu minha meus minhas seu sua seus
    suas eu ele ela eles elas vc vcs voces voce me te lhe isso isto esse essa este aquele aquela
    n nao sim the qual quais quando onde como quem quanto quantos quanta quantas qto qts qtos
    qnd ond porque pq oi ola favor obrigado obrigada gostaria saber queria quero
    """.split()  # noqa: SIM905 - a hundred quoted words would be harder to read
)

_WORD = re.compile(r"[^\W_]+")
_KEPT_SIGNS = re.compile("([ªº²³½¼¾…])")
_KEPT = frozenset("\n\t\u200d")  # the last one joins the parts of an emoji
# Control and format characters, surrogates, and what no standard has assigned yet.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn"})
# Folded before it is stemmed, "promoções" would part from "promoção".
_PLURAL = re.compile("oes$")
_stemmer_lock = threading.Lock()


def fold(text: str) -> str:
    """Return `text` lower-case and without accents; compatibility forms become plain letters."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(filterfalse(unicodedata.combining, decomposed)).lower()


def words(text: str) -> list[str]:
    """Return the folded words and numbers of `text` in order, stop words left out."""
    return [word for word in _WORD.findall(fold(text)) if word not in STOP_WORDS]


@lru_cache(maxsize=1)
def _portuguese() -> Any:
    # Imported here: the process that reads a file starts anew for each, and stems nothing.
    import snowballstemmer

    return snowballstemmer.stemmer("portuguese")


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the Portuguese stem of a folded word."""
    # The stemmer keeps the word that it works on in itself: two threads would mix theirs.
    with _stemmer_lock:
        return str(_portuguese().stemWord(_PLURAL.sub("ao", word)))


def lexemes(text: str) -> list[str]:
    """Return the stems of `text` in order.

    Folding comes first: people leave accents out, and a stem taken before folding differs then.
    """
    return [stem(word) for word in words(text)]


def grams(text: str) -> list[str]:
    """Return the 4-letter pieces of the words of `text` in order; shorter words stay whole."""
    pieces: list[str] = []
    for word in words(text):
        if len(word) <= N_GRAM:
            pieces.append(word)
        else:
            pieces.extend(word[i : i + N_GRAM] for i in range(len(word) - N_GRAM + 1))
    return pieces


def clean(text: str) -> str:
    """Return `text` composed, with plain letters for ligatures, without control characters.

    Line breaks and tabs stay, and so do signs that a person reads better as they are (1º, m²).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts = _KEPT_SIGNS.split(text)  # kept signs are at the odd places
    parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
    text = unicodedata.normalize("NFC", "".join(parts))
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _UNSEEN)


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space."""
    return " ".join(text.split())
