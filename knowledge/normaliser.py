"""Understanding hurried questions in Portuguese: "qto ta a limpesa" is "quanto está a limpeza?".

Accents come back from the tenant's own words first, then from a general list. Typos are resolved
only towards the tenant's own words: a general list turns names and cities into something else.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from knowledge import text

# In characters; what is longer is cut, for no question needs it and the model reads 512 tokens.
MAX_QUERY = 1_000
# Shorter words have too many neighbours, in letters; of the word that was meant.
MIN_TYPO_LENGTH = 5
TWO_TYPOS_LENGTH = 9
TOO_FAR = 99  # a distance that no typo has
# The general list gives this count to everything that its source had only once or twice.
GENERAL_FLOOR = 60
# And words so much more common are what somebody meant who swapped two of their letters.
SLIP_FLOOR = 150
# An unaccented form so much rarer than the accented one is a missing accent ("voce").
AMBIGUOUS_SHARE = 0.1

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
_SPACE_BEFORE_SIGN = re.compile(r"\s+([?.!,;:%)])|(?<=[(])\s+")
_DECIMAL_GAP = re.compile(r"(?<=\d)\s*([.,:/-])\s*(?=\d)")

_GREETING = (
    r"(?:oi+e?|ol[aá]|opa|al[oô]|e a[ií]|hey|hello|bo[mn] ?di+a+|boa ?tarde|boa ?noite|"
    r"tudo (?:bem|bom|certo)|td (?:bem|bom)|como vai|blz|beleza|por favor|por gentileza|pfv?|"
    r"(?:eu )?(?:gostaria|queria|quero) (?:de )?saber(?: se)?|(?:voc[eê]s? )?(?:pode|poderia)m? me "
    r"(?:dizer|falar|informar)|me (?:diz|fala|informa)|(?:tenho )?uma d[uú]vida|s[oó] uma pergunta)"
)
_GREETINGS = re.compile(rf"^(?:\W*{_GREETING}\b)+[\s,!.?;:-]*", re.IGNORECASE)

# What people type for it: each form is unambiguous in a chat, whatever the business.
_SHORT_FORMS = {
    form: full
    for full, forms in {
        "você": "vc ce voce",
        "vocês": "vcs ces voces",
        "com": "c",
        "que": "q",
        "o que": "oq oque",
        "também": "tb tbm tbem tambem",
        "por que": "pq pqe",
        "quando": "qnd qndo qdo qd",
        "quanto": "qto qnto qt",
        "quantos": "qtos qts",
        "quanta": "qta",
        "quantas": "qtas",
        "qual": "ql",
        "não": "n nao ñ naum",
        "para": "p pra",
        "para o": "pro",
        "para os": "pros",
        "para as": "pras",
        "está": "ta tá",
        "estão": "tao tão",
        "estou": "to tô",
        "estava": "tava",
        "hoje": "hj",
        "amanhã": "amanha amnh",
        "muito": "mt mto",
        "muita": "mta",
        "muitos": "mtos mts",
        "mesmo": "msm",
        "tudo": "td",
        "todos": "tds",
        "depois": "dps dpois",
        "agora": "agr",
        "de": "d",
        "quero": "qro",
        "qualquer": "qlqr qq",
        "comigo": "cmg",
        "onde": "ond aonde",
        "cadê": "kd cade",
        "mensagem": "msg",
        "informação": "info",
        "informações": "infos",
        "professor": "prof",
        "professora": "profa",
        "fim de semana": "fds",
        "pode": "pd",
        "falar": "flr",
        "aqui": "aki",
        "nada": "nd",
        "demais": "dms",
        "horas": "hrs hs",
        "hora": "hr",
        "minutos": "mins",
        "é": "eh",
        "telefone": "tel fone",
        "celular": "cel",
        "endereço": "end",
        "quem": "qm",
        "verdade": "vdd",
        "valor": "vlr vl",
        "parcela": "parc",
        "documento": "doc",
        "documentos": "docs",
        "segunda": "seg",
        "sexta": "sex",
        "sábado": "sab sáb sabado",
        "domingo": "dom",
        "promoção": "promo",
        "são": "sao",
        "até": "ate",
        "já": "ja",
        "só": "so",
        "aí": "ai",
        "então": "entao",
        "horário": "horario",
        "preço": "preco",
        "preços": "precos",
        "cartão": "cartao",
        "crédito": "credito",
        "débito": "debito",
        "mês": "mes",
    }.items()
    for form in forms.split()
}

# How documents name what a question word asks for; for the words only, not for the meaning.
_INTENTS = (
    (
        r"quanto (?!tempo)|preços?|valor|valores|custa\w*|custo|sai por|cobra\w*|taxa|mensalidade",
        "preço valor",
    ),
    (r"que horas|horários?|abre\w*|fecha\w*|funciona\w*", "horário"),
    (r"onde|endereço|localiza\w*|fica em", "endereço rua"),
    (r"quanto tempo|demora\w*|prazo|quantos dias|quando", "prazo dias"),
    (r"parcel\w+|vezes|cartão|pix|boleto", "pagamento"),
)
_INTENT_RULES = tuple((re.compile(rf"\b(?:{rule})\b"), added) for rule, added in _INTENTS)

# Words as they are without an accent, whatever form the documents have more often.
_LEFT_ALONE = frozenset("a as e o os da de do esta este por pais vem tem nos mas se la".split())  # noqa: SIM905

_FOLLOW_UP_START = re.compile(r"^\W*(?:e|mas|entao|e se|e no|e na|ah|tambem)\b", re.IGNORECASE)
_POINTING_BACK = re.compile(
    r"\b(?:dele|dela|deles|delas|nele|nela|disso|nisso|isso|esse|essa|esses|essas|desse|dessa|"
    r"nesse|nessa|outro|outra|outros|outras|mesmo|mesma)\b"
)
# A question of so few words leans on what was said before.
MIN_OWN_WORDS = 3


class Vocabulary:
    """The words of one tenant's documents, and how they are written there."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read the words of `texts`."""
        self._written: dict[str, Counter[str]] = {}
        self._by_start: dict[tuple[int, int, str], list[str]] = defaultdict(list)
        self._read(texts)

    def __contains__(self, folded: str) -> bool:
        return folded in self._written

    def extended(self, texts: Iterable[str]) -> Vocabulary:
        """Return this vocabulary with the words of `texts` added to it.

        It is the same object: a search that reads it meanwhile may see some of them already.
        """
        self._read(texts)
        return self

    def form(self, folded: str) -> str:
        """Return how the documents write a word, most often.

        Raises:
            KeyError: they do not hold it.
        """
        return max(self._written[folded].items(), key=lambda form: form[1])[0]

    def nearest(self, folded: str) -> str | None:
        """Return the word that `folded` is a typo of: one letter off, or two in a long word.

        Words that differ in both their first and their second letter are not compared.
        """
        n_typos = 2 if len(folded) >= TWO_TYPOS_LENGTH else 1
        lengths = range(
            # Of a short word nothing but a letter left out is resolved.
            max(len(folded) - n_typos, MIN_TYPO_LENGTH),
            len(folded) + n_typos + 1,
        )
        like = {
            word
            for length in lengths
            for place in (0, 1)
            for word in list(self._by_start.get((length, place, folded[place : place + 1]), ()))
        }
        near = process.extract(
            folded, like, scorer=DamerauLevenshtein.distance, score_cutoff=n_typos, limit=None
        )
        best = min((self._distance(folded, word) for word, _, _ in near), default=None)
        return best[-1] if best is not None and best[0] < TOO_FAR else None

    def _distance(self, folded: str, word: str) -> tuple[int, bool, int, str]:
        distance = DamerauLevenshtein.distance(folded, word)
        if distance == 2 and (word[0], word[-1]) != (folded[0], folded[-1]):
            distance = TOO_FAR
        return distance, word[0] != folded[0], -self._written[word].total(), word

    def _read(self, texts: Iterable[str]) -> None:
        for one in texts:
            for word in _TOKEN.findall(one.lower()):
                if word.isalpha():
                    self._add(text.fold(word), word)

    def _add(self, folded: str, word: str) -> None:
        written = self._written.get(folded)
        if written is not None:
            written[word] += 1
            return
        self._written[folded] = Counter({word: 1})
        if len(folded) >= MIN_TYPO_LENGTH - 1:
            for place in (0, 1):
                self._by_start[len(folded), place, folded[place]].append(folded)


def normalise(query: str, vocabulary: Vocabulary) -> str:
    """Return a question as it would be written with care, ending in a question mark.

    Args:
        query: what a person typed; may be several messages, one a line.
    """
    cleaned = text.one_line(text.clean(query)[: MAX_QUERY * 4])[:MAX_QUERY]
    rest = _GREETINGS.sub("", cleaned)
    if not _TOKEN.search(rest) or len(rest) < 3:
        rest = cleaned
    written = " ".join(_resolve(token, vocabulary) for token in _TOKEN.findall(rest))
    written = _DECIMAL_GAP.sub(r"\1", _SPACE_BEFORE_SIGN.sub(r"\1", written))
    written = written.rstrip(" .!?,;")
    return f"{written}?" if written else ""


def expansion(normalised: str) -> str:
    """Return words to look for beside those of the question, such as "preço valor" for "quanto"."""
    lowered = normalised.lower()
    return " ".join(added for rule, added in _INTENT_RULES if rule.search(lowered))


def looks_like_follow_up(query: str, normalised: str) -> bool:
    """Test whether a message may need the one before it to be understood."""
    folded = text.fold(normalised)
    return bool(
        _FOLLOW_UP_START.match(text.fold(_GREETINGS.sub("", query)))
        or _POINTING_BACK.search(folded)
        or _is_bare(normalised)
    )


def _is_bare(normalised: str) -> bool:
    """Test whether a question is too short to stand alone.

    "Quanto custa a limpeza?" is short and whole: it says what is asked and about what.
    """
    if len(text.words(normalised)) >= MIN_OWN_WORDS:
        return False
    subject = normalised.lower()
    for rule, _ in _INTENT_RULES:
        subject = rule.sub(" ", subject)
    return subject == normalised.lower() or not text.words(subject)


def _resolve(token: str, vocabulary: Vocabulary) -> str:
    lowered = token.lower()
    if lowered in _SHORT_FORMS:
        return _SHORT_FORMS[lowered]
    folded = text.fold(lowered)
    if not folded.isalpha() or folded != lowered or folded in _LEFT_ALONE:
        return token  # a number, a sign, or a word with the accents that its writer meant
    if folded in vocabulary:
        return vocabulary.form(folded)
    general = _general()
    if folded in general.counts:
        return general.restored.get(folded, token)
    if len(folded) < MIN_TYPO_LENGTH - 1:
        return token
    nearest = vocabulary.nearest(folded)
    if _is_rare_word(folded):
        # No typo of another word; "panoramico" is the "panorâmica" of the documents all the same.
        is_form = nearest is not None and text.lexemes(nearest) == text.lexemes(folded)
        return vocabulary.form(nearest) if nearest and is_form else token
    return vocabulary.form(nearest) if nearest else _without_slip(folded) or token


def _without_slip(folded: str) -> str | None:
    """Return the everyday word that comes of it when two letters are swapped or one is typed once.

    Only these slips are undone towards words that the tenant does not use: a letter more, less or
    other turned names of cities into words.
    """
    general = _general()
    undone = {
        folded[:at] + folded[at + 1] + folded[at] + folded[at + 2 :]
        for at in range(len(folded) - 1)
        if folded[at] != folded[at + 1]
    } | {
        folded[:at] + folded[at + 1 :]
        for at in range(len(folded) - 1)
        if folded[at] == folded[at + 1]
    }
    best = max(undone, key=lambda word: (general.counts.get(word, 0), word), default="")
    return general.restored.get(best, best) if general.counts.get(best, 0) >= SLIP_FLOOR else None


def warm_up() -> None:
    """Load the list of words."""
    _general()


def _is_rare_word(folded: str) -> bool:
    """Test whether something is a word that people seldom write: "gestante" is no "restante"."""
    rare = _general().rare
    hashed = hash(folded)
    at = int(np.searchsorted(rare, hashed))
    return at < len(rare) and int(rare[at]) == hashed


@dataclass(frozen=True, slots=True)
class _Words:
    """A list of Portuguese words, by their folded forms.

    Args:
        restored: everyday words as they are written with their accents.
        counts: how common each everyday word is.
        rare: int64[n], sorted: the hashes in this process of all other words. Only whether one is
            among them is asked, and as strings they would take thirty times the memory.
    """

    restored: dict[str, str]
    counts: dict[str, int]
    rare: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def _general() -> _Words:
    packed = resources.files("spellchecker").joinpath("resources/pt.json.gz").read_bytes()
    counts: dict[str, int] = json.loads(gzip.decompress(packed))
    best: dict[str, tuple[int, str]] = {}
    rare: list[int] = []
    known = [(word, count) for word, count in counts.items() if word.isalpha()]
    all_folded = text.fold("\n".join(word for word, _ in known)).split("\n")
    for (word, count), folded in zip(known, all_folded, strict=True):
        if count >= GENERAL_FLOOR:
            best[folded] = max(best.get(folded, (0, "")), (count, word))
        else:
            rare.append(hash(folded))
    restored = {
        folded: word
        for folded, (count, word) in best.items()
        if word != folded and counts.get(folded, 0) < count * AMBIGUOUS_SHARE
    }
    return _Words(
        restored=restored,
        counts={folded: count for folded, (count, _) in best.items()},
        rare=np.sort(np.array(rare, dtype=np.int64)),
    )
