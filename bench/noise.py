"""The same questions as hurried people type them, the same way each time.

Three levels: without accents, capitals and signs; with the abbreviations of chats as well; and with
a slip of the finger in about three of ten long words. Each word always gets the same slip, so that
two runs ask the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from knowledge import text

SLIPS_IN_TEN = 3
MIN_LETTERS = 5

_SHORT = {
    "voce": "vc",
    "voces": "vcs",
    "que": "q",
    "tambem": "tb",
    "porque": "pq",
    "quando": "qnd",
    "quanto": "qto",
    "quantos": "qtos",
    "quantas": "qtas",
    "nao": "n",
    "para": "pra",
    "esta": "ta",
    "com": "c",
    "hoje": "hj",
    "muito": "mto",
    "mesmo": "msm",
    "tudo": "td",
    "depois": "dps",
    "agora": "agr",
    "de": "d",
    "quero": "qro",
    "qualquer": "qlqr",
    "comigo": "cmg",
    "onde": "ond",
    "minutos": "min",
    "horas": "hrs",
    "pode": "pd",
    "aqui": "aki",
    "nada": "nd",
}
_BESIDE = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuiopoasdfghjklkxcvbnmn", strict=False))


def bare(question: str) -> str:
    """Return a question without accents, capitals and signs."""
    return " ".join(re.sub(r"[^\w\s/%$-]", " ", text.fold(question)).split())


def short(question: str) -> str:
    """Return a bare question with the abbreviations of chats."""
    return " ".join(_SHORT.get(word, word) for word in bare(question).split())


def slipped(question: str) -> str:
    """Return a short question with slips in some of its long words."""
    return " ".join(_slip(word) for word in short(question).split())


LEVELS: dict[str, Callable[[str], str]] = {
    "no accents": bare,
    "abbreviations": short,
    "typos": slipped,
}


def _slip(word: str) -> str:
    if len(word) < MIN_LETTERS or not word.isalpha():
        return word
    draw = int(hashlib.sha256(word.encode()).hexdigest(), 16)
    if draw % 10 >= SLIPS_IN_TEN:
        return word
    at = 1 + draw // 10 % (len(word) - 2)
    match draw // 1_000 % 4:
        case 0:  # left out
            return word[:at] + word[at + 1 :]
        case 1:  # swapped
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 2:  # doubled
            return word[:at] + word[at] + word[at:]
        case _:  # the key beside it
            return word[:at] + _BESIDE.get(word[at], word[at]) + word[at + 1 :]
