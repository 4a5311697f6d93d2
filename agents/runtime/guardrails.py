"""Checks of a reply by code: what it states must stand in what it was given.

The checks are deterministic, so they hold for every model and every trick: a number, price, date,
time, link or address that is in no passage does not reach a contact.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.guards import BY_NAME
from agents.runtime import claims, injections, sayings
from agents.runtime.evidence import CONTACT, TOOL_REF, Examination, Sentence
from integrations.llm import pii, quoting, words

MAX_REPLY = BY_NAME["length"].loosest
"""Characters of a reply. WhatsApp takes more, a person does not read more; a longer one is a model
that prints its context."""

N_RULES = 9
"""Words in a row that a reply may not share with our rules. Shorter runs are idioms; longer ones
would let half a sentence out."""

N_INSTRUCTIONS = 25
"""The same for the business's instructions, which often hold an address or a policy that contacts
are to be told: a few sentences in a row are a printout."""

N_LETTERS = 60
"""Letters in a row of our rules that a reply without its spaces may not hold."""

N_TURNS = 3
"""Changes between letters and digits in a word that make it a key: "SORRISO10" has one."""

LEAST_REPEATED = 2
"""Words that a sentence needs to be somebody else's: one is a name or a thanks."""

REPEATED = 0.75
"""Share of a sentence's words in one message of the contact that makes it theirs."""

LEAST_REST = 0.2
"""Share of a reply's words that must stand in what the business wrote. Models say things in their
own words, of which half are still the document's; what was made up has one in ten by chance."""

_TAG = re.compile(
    r"</?[a-zA-Z!][^<>\n]{0,200}>?(?=[\s>]|$)|<\|[^|\n]{1,30}\|>|[‹<]/?(?:passages?|history|contact|"
    r"message|line)\b|javascript:|\bon(?:error|load|click)\s*=",
    re.IGNORECASE,
)
_NEGATES = re.compile(
    # "Se não gostar, devolvemos tudo" promises, and so does "não se preocupe, é de graça".
    r"(?<!\bse )\b(?:nao(?! se preocup)|nunca|jamais|nem|sem|never|not|no)\b[^.!?;]{0,40}$"
)
_ASKS_SECRET = re.compile(
    r"\b(?:inform[ae]r?|envi[ae]r?|mand[ae]r?|pass[ae]r?|dig[ao]|digit[ae]r?|confirm[ae]r?|preciso|"
    r"precisamos|qual(?: e)?|me de|forneca|compartilh[ae]|escrev[ae]|peca|send|give|tell|"
    r"share|type|"
    r"provide|need)\b[^.!?]{0,40}\b(?:(?:numeros?|dados|foto|codigos?|senha|"
    r"validade) d[oe]s? (?:seus? )?"
    r"cart(?:ao|oes)|cvv|cvc|codigo de seguranca|senha|token|codigo (?:do |de )?(?:sms|whatsapp|"
    r"verificacao)|card number|password|security code|verification code)\b"
)
_PROMISES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:descontos?|cupo(?:m|ns)|abatimento|discounts?|coupons?)\b",
        r"\b(?:gratis|gratuit[oa]s?|de graca|cortesia|brindes?|sem (?:nenhum )?custo|"
        r"isent[oa]s?|isencao|nao custam? nada(?! \w+[aei]r\b)|nao pag(?:a|am|ara) nada|"
        r"sem pagar nada|custo zero|zero custo|por (?:nossa|minha) conta|por conta da casa|"
        r"na faixa(?=\W*$|[!.,;]| p(?:a)?ra voce)|"
        r"free of charge|for free|gifts?)\b",
        r"\blev[ae]r? (?:[2-9]|dois|duas|tres|quatro)\b[^.!?]{0,20}"
        r"\bpag(?:a|ue|ar|ando) (?:so |apenas |somente )?(?:\d|uma?|dois|duas|tres)\b",
        r"\b(?:garant(?:imos|ia|ias|ido|ida|o|e|em)|asseguramos|asseguro|prometemos|prometo|promessa|"
        r"comprometemos|comprometo|guarantee[ds]?|warrant(?:y|ies)|promise[ds]?)\b",
        r"\b(?:juridicamente|legalmente|oferta firme|vinculante|legally binding)\b",
        r"\b(?:reembols\w+|estorn\w+|devolvemos|devolucao do (?:dinheiro|valor)|"
        r"devolv\w+ (?:\w+ ){0,3}(?:dinheiro|valor|quantia|tudo)|dinheiro de volta|"
        r"indeniza\w+|refunds?)\b",
        r"\b(?:amanha|hoje mesmo|ainda hoje|agora mesmo|imediatamente|em (?:poucos|"
        r"alguns) (?:minutos|"
        r"dias|instantes)|tomorrow|right away|today)\b",
        r"\b(?:aprovad[oa]s?|liberad[oa]s?|autorizad[oa]s?|approved)\b",
    )
)
"""Families of promises. A reply may use one where the business's own texts use it too."""

_BOOKED = r"(?:(?:re)?agendad|(?:re|des)?marcad|reservad|cancelad|confirmad)[oa]s?"
_DONE = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:ja )?(?:agendei|marquei|reservei|cancelei|confirmei|registrei|alterei|"
        # What the chat shows is there: "o link que mandei acima".
        r"remarquei|(?:enviei|mandei)\b(?![^.!?]*\b(?:acima|anterior(?:es)?)\b)|encaminhei|"
        r"mudei|troquei|adiei|antecipei|transferi|atualizei|corrigi|emiti|gerei|cadastrei|removi|"
        r"processei|solicitei|abri (?:um|o) chamado|i(?: have|ve)? (?:booked|cancelled|"
        r"scheduled|changed|moved|updated|sent))\b",
        # Where the clause begins with it: "depois que sua nota foi emitida" tells of a rule.
        r"(?:^|[!,;:.–—-] ?|\b(?:pronto|prontinho|feito|certo|ok|entao) )(?:ja )?(?:a |o )?"
        r"(?:seu|sua|teu|tua) (?:\w+ ){1,3}(?:foi|foram|esta|ficou) (?:ja )?"
        r"(?:atualizad|alterad|trocad|mudad|enviad|emitid|gerad|cadastrad|processad)[oa]s?\b"
        r"(?![^.!]*\?)",
        rf"\b(?:esta|ta|foi|fica|ficou|estao|foram) (?:ja |tudo )?{_BOOKED}\b",
        r"\b(?:agendad|marcad|reservad|confirmad)issim[oa]s?\b",
        rf"(?<!\bfor )(?<!\bforem )(?<!\bser )(?<!\bseja ){_BOOKED} com sucesso\b",
        rf"\bdeix(?:ei|amos)\b[^.!?]{{0,40}}\b{_BOOKED}\b",
        r"\b(?:coloquei|colocamos|botei|pus|encaixei|encaixamos|adicionei|te inclui|inclui voce)\b"
        r"[^.!?]{0,30}\b(?:agenda|lista)\b",
        # A participle on its own states that it is done; within a sentence it may describe:
        # "Sua consulta agendada para segunda" and "sua consulta agendada pode ser remarcada".
        rf"(?:^|[!,;:.–—-] ?|\b(?:pronto|prontinho|feito|certo|ok|entao) )(?:ja )?"
        rf"(?:(?:a |o )?(?:sua|seu|tua|teu) (?:\w+ ){{1,3}})?(?:ja )?{_BOOKED}"
        r"(?=[^\w?]*$|[!.]| (?:para|pra) )"
        r"(?! (?:para|pra)\b[^.!?]*\b(?:pode|precisa|deve|so|sera)\b)",
    )
)
"""Families of what is said to have been done. Only a tool does anything: a reply may use one where
a tool has made a change for this burst, or says so itself."""

_REDUCES = re.compile(r"\b(?:desconto|off|abatimento|reducao|cupom|discount|mais barato|a menos)\b")
_SHARE = re.compile(r"(\d{1,3}(?:[.,]\d+)?) ?(?:%|por cento|percent)")
_TELLS_BACK = re.compile(
    r"^\W*(?:entendi|compreendi|certo|voce (?:quer|perguntou|mencionou|disse|gostaria|"
    r"procura|precisa)|"
    r"sobre|quanto a|em relacao a|nao (?:encontrei|sei|tenho|temos|localizei)|infelizmente|"
    r"you (?:asked|want|said)|about)\b"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check; `found` says what was wrong, in words fit for a step."""

    check: str
    passed: bool
    found: tuple[str, ...] = ()


def grounding(examination: Examination) -> Verdict:
    """Check that every fact of a reply stands in what it was given; see `evidence.examine`."""
    return Verdict("grounding", not examination.unsupported, examination.unsupported)


def leak(reply: str, *, rules: str, instructions: str, canary: str = "") -> Verdict:
    """Check that a reply does not print what it was written under, in no disguise.

    Args:
        rules: our own part of the prompt, which no reply has a reason to repeat.
        instructions: the business's part, of which a sentence may be meant to be told.
        canary: a word of this prompt alone; empty for none.
    """
    readings = _readings(reply)
    secrets = [one.lower() for one in _secrets(instructions)]
    said = [_words(reading) for reading in readings]
    written = [word for line in rules.splitlines() for word in _words_of(line)]
    found = [
        name
        for name, own, n_words in (
            ("rules", written, N_RULES),
            ("instructions", _words_of(instructions), N_INSTRUCTIONS),
        )
        if _share_a_run(said, own, n_words)
    ]
    bare = [_letters(reading) for reading in readings]
    if canary and any(_letters(canary) in one for one in bare):
        found.append("canary")
    if any(_letters(secret) in one for secret in secrets for one in bare):
        found.append("secret")
    squeezed = "".join(written)
    if "rules" not in found and any(_prints(one, squeezed) for one in bare):
        found.append("rules")
    return Verdict("leak", not found, tuple(found))


def _readings(reply: str) -> list[str]:
    """Return a reply as it is, decoded, turned round and shifted by thirteen letters."""
    joined = "".join(reply.split())
    hidden = injections.decoded(reply)
    if joined != reply:
        hidden += injections.decoded(joined)
    return [reply, reply[::-1], codecs.encode(reply, "rot13"), *hidden]


def _letters(text: str) -> str:
    return "".join(words.WORD.findall(words.fold(text)))


def _prints(bare: str, rules: str) -> bool:
    """Test for a run of the rules of which the spaces were moved, as between single letters."""
    return any(bare[at : at + N_LETTERS] in rules for at in range(0, len(bare) - N_LETTERS, 16))


def _words(text: str) -> list[str]:
    return words.WORD.findall(words.fold(text))


@lru_cache(maxsize=1024)  # the same lines stand above many replies, beside the time and the canary
def _words_of(text: str) -> tuple[str, ...]:
    return tuple(_words(text))


def _share_a_run(said: Iterable[Sequence[str]], own: Sequence[str], n_words: int) -> bool:
    """Test whether a reading of a reply has this many words in a row that stand in our own text."""
    spaced = f" {' '.join(own)} "
    return any(
        f" {' '.join(one[at : at + n_words])} " in spaced
        for one in said
        for at in range(len(one) - n_words + 1)
    )


@lru_cache(maxsize=256)
def _secrets(instructions: str) -> tuple[str, ...]:
    """Return what looks like a key or a password: letters and digits in turns, in no order."""
    return tuple(
        word
        for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9_-]{7,}", instructions)
        if len(re.findall(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]", word)) >= N_TURNS
    )


def length(reply: str, *, limit: int = MAX_REPLY) -> Verdict:
    """Check that a reply is one that a person would read."""
    return Verdict("length", len(reply) <= limit, () if len(reply) <= limit else ("long",))


def links(reply: str, *, known: Iterable[str]) -> Verdict:
    """Check that a reply leads to no site but those that stand in the texts of the business."""
    wanted = _hosts(reply)
    if not wanted:
        return Verdict("links", True)
    hosts = {host for text in known for host in _hosts(text)}
    found = tuple(
        sorted(
            one
            for one in wanted
            if one not in hosts and not any(h.endswith(f".{one}") for h in hosts)
        )
    )
    return Verdict("links", not found, found)


def _hosts(text: str) -> set[str]:
    found = {one.value for one in claims.claims(text) if one.kind == "url"}
    return {re.split(r"[/?#:]", one)[0] for one in found}


def markup(reply: str) -> Verdict:
    """Check that a reply holds no tag of a page or of a prompt; WhatsApp shows none."""
    found = tuple(dict.fromkeys(match[0][:40] for match in _TAG.finditer(reply)))
    return Verdict("markup", not found, found)


def placeholder(reply: str) -> Verdict:
    """Check that a reply names no data that nobody could put back."""
    is_left = pii.has_placeholder(reply)
    return Verdict("placeholder", not is_left, ("placeholder",) if is_left else ())


def strangers(reply: str, *, known: Iterable[str]) -> Verdict:
    """Check that what identifies a person stands in the business's texts or is the contact's own.

    What is found is not repeated in the verdict, only its kind.
    """
    pieces = pii.find(reply)
    if not pieces:
        return Verdict("strangers", True)
    held = pii.values(known)
    found = tuple(dict.fromkeys(one.kind.value for one in pieces if one.value not in held))
    return Verdict("strangers", not found, found)


def payment_data(reply: str) -> Verdict:
    """Check that a reply does not ask for the number of a card, a code or a password."""
    found = tuple(
        match[0]
        for sentence in quoting.sentences(reply)
        for match in _ASKS_SECRET.finditer(words.fold(sentence))
        if not _NEGATES.search(words.fold(sentence)[: match.start()])
    )
    return Verdict("payment_data", not found, found)


def promises(examined: Examination, *, known: Iterable[str], changed: bool = False) -> Verdict:
    """Check that what a reply promises is promised by the business's own texts.

    Args:
        known: passages, and what our people wrote; no contact and no instruction makes a promise.
        changed: a tool has changed something for this burst.
    """
    folded = ""
    found: list[str] = []
    for sentence in examined.sentences:
        plain = words.fold(sentence.text)
        is_done = changed or any(ref.startswith(TOOL_REF) for ref in sentence.refs)
        for pattern in _PROMISES if is_done else (*_PROMISES, *_DONE):
            match = pattern.search(plain)
            if match is None or _NEGATES.search(plain[: match.start()]):
                continue
            folded = folded or words.fold("\n".join(known))
            if not pattern.search(folded):
                found.append(match[0])
    return Verdict("promises", not found, tuple(dict.fromkeys(found)))


def discount(reply: str, *, limit: int) -> Verdict:
    """Check that a reply gives no larger discount than the business allows, whatever is written.

    Args:
        limit: percent; from 100 on nothing is refused.
    """
    if limit >= 100:
        return Verdict("discount", True)
    found = []
    for sentence in quoting.sentences(words.fold(reply)):
        if _REDUCES.search(sentence):
            found += [m[0] for m in _SHARE.finditer(sentence) if _percent(m[1]) > limit]
        if limit < 50:
            halves = claims.HALF.finditer(sentence)
            found += [m[0] for m in halves if not _NEGATES.search(sentence[: m.start()])]
    return Verdict("discount", not found, tuple(found))


def _percent(text: str) -> float:
    return float(text.replace(",", "."))


def parroting(examined: Examination, *, contact: Sequence[str], ours: Sequence[str]) -> Verdict:
    """Check that a reply rests on something, and does not say for us what the contact told it to.

    A sentence that no passage supports but whose words all stand in one message of the contact is
    the contact speaking; so is a code of theirs beside nothing. A reply that has not a word in
    common with what the business wrote is nobody's.
    """
    found: list[str] = []
    n_terms, n_covered = 0, 0.0
    for sentence in examined.sentences:
        terms = [term for term in words.terms(sentence.text) if not term.isdigit()]
        if (
            sentence.refs
            or sentence.text.rstrip().endswith("?")
            or sayings.is_courtesy(sentence.text)
        ):
            n_covered += len(terms) if sentence.refs else 0
            n_terms += len(terms) if sentence.refs else 0
            continue
        own = quoting.cover(terms, "\n".join(ours)) if ours else 0.0
        n_terms += len(terms)
        n_covered += max(sentence.cover, own) * len(terms)
        if _repeats(sentence, terms, contact=contact, own=own):
            found.append(sentence.text)
    if not found and n_terms and n_covered < LEAST_REST * n_terms:
        found = [one.text for one in examined.sentences if not one.refs]
    return Verdict("parroting", not found, tuple(found))


def _repeats(
    sentence: Sentence, terms: Sequence[str], *, contact: Sequence[str], own: float
) -> bool:
    if any(fact.kind == "code" and set(fact.refs) == {CONTACT} for fact in sentence.facts):
        return True
    if len(terms) < LEAST_REPEATED or _TELLS_BACK.search(words.fold(sentence.text)):
        return False
    said = max((quoting.cover(terms, one) for one in contact), default=0.0)
    return said >= REPEATED and said > max(sentence.cover, own)


def toxicity(reply: str, *, more: Sequence[str], known: Iterable[str]) -> Verdict:
    """Check that a reply insults nobody; a word that the business itself writes is none."""
    found = sayings.named(reply, (*sayings.listed("toxic_pt.txt"), *more))
    if found:
        ours = set(sayings.named("\n".join(known), found))
        found = tuple(one for one in found if one not in ours)
    return Verdict("toxicity", not found, found)


def subjects(reply: str, *, forbidden: Sequence[str]) -> Verdict:
    """Check that a reply does not talk about what the business does not talk about here."""
    found = sayings.named(reply, forbidden)
    return Verdict("subjects", not found, found)


def strict(examined: Examination) -> Verdict:
    """Check that every sentence that states something is supported by a passage."""
    found = tuple(one.text for one in examined.sentences if not one.supported)
    return Verdict("strict", not found, found)
