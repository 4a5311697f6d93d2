"""The language of a text, by the small words that every sentence needs."""

from __future__ import annotations

import re
from collections import Counter

MAX_CHARACTERS = 50_000  # of the text that is looked at; more says nothing new
MIN_FOUND = 3  # small words, for a text to be of any language
MIN_SHARE = 0.06  # of all words; a table of names has fewer
MIN_LEAD = 1.15  # over the second language

_WORD = re.compile(r"[^\W\d_]+")
# What two languages share tells them apart as little as what none has: only words that one of
# them writes so, or writes far more often, stand here. Accents are kept: they tell the most.
_SMALL_WORDS = {
    "pt": """não são você vocês com uma um do da dos das no na nos nas ao aos à às pelo pela pelos
        pelas em ou seu sua seus suas também já até mais é está estão foi ser ter tem têm isso este
        esta esse essa quando onde qual quais quem depois antes sem sob sobre entre cada nosso
        nossa por para que os as o a e de se""",
    "es": """no son usted ustedes con una un del de la el los las en y o su sus también ya hasta
        más es está están fue ser tener tiene tienen eso este esta ese esa cuando donde cuál quién
        después antes sin sobre entre cada nuestro nuestra por para que se lo al muy pero""",
    "en": """the and of to in is are you your we our for with on at by from this that these those
        it its be been was were has have had not or as an a if can will would may must all any
        each which when where who what how do does""",
    "fr": """le la les des du un une et est sont vous votre nous notre pour avec dans sur par ce
        cette ces il elle ne pas ou au aux qui que quand où plus être avoir leur de en""",
    "it": """il lo la gli le dei della delle di un una e è sono con per nel nella sul da al alla
        che non si più questo questa come dove quando anche ma o essere avere suo loro i""",
    "de": """der die das und ist sind sie ihr wir unser für mit auf von zu im in nicht ein eine
        einen den dem des oder als auch bei nach wenn wie was wer aus es werden wird kann""",
}
_LANGUAGES_OF = {
    word: tuple(code for code, words in _SMALL_WORDS.items() if word in words.split())
    for words in _SMALL_WORDS.values()
    for word in words.split()
}
# Letters and ends of words that one language alone writes.
_SIGNS = (
    ("pt", re.compile(r"ção$|ções$|ã|õ|lh[aeo]s?$|nh[aeo]s?$")),
    ("es", re.compile(r"ñ|ción$|ciones$|¿|ll[aeo]s?$")),
    ("de", re.compile(r"ß|ung$|ungen$")),
)


def detect(words: str) -> str:
    """Return the language of a text, as in ISO 639-1; empty where too little says so."""
    found = [word.lower() for word in _WORD.findall(words[:MAX_CHARACTERS])]
    scores: Counter[str] = Counter()
    for word in found:
        languages = _LANGUAGES_OF.get(word, ())
        for code in languages:
            scores[code] += 12 // len(languages)
        for code, sign in _SIGNS:
            if not languages and sign.search(word):
                scores[code] += 6
    ranked = scores.most_common(2)
    if not ranked or ranked[0][1] < 12 * MIN_FOUND:
        return ""
    best, score = ranked[0]
    is_clear = len(ranked) < 2 or score >= ranked[1][1] * MIN_LEAD
    return best if is_clear and score >= 12 * MIN_SHARE * len(found) else ""
