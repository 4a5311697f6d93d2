"""Which passage supports which sentence of a reply, and each price, number, date or link in it.

The one place that compares a reply with what it was given: the check before sending is made from
it, and what people see beside the reply too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.runtime import claims, routing, supporting
from agents.runtime.claims import Claim
from agents.runtime.supporting import Index
from integrations.llm import quoting, words
from integrations.llm.types import Evidence

LEAST_COVER = 0.5
"""Share of a sentence's words that a passage must hold to support it. A model says things in its
own words, and half of them are still the document's; a sentence about something else has one or two
by chance. A sentence below it is marked for people, not held back: only facts are."""

LEAST_TERMS = 3
"""Words that name something which a sentence needs to state anything: "Fico à disposição!" has
fewer."""

MAX_REFS = 3
"""Passages named for one sentence; the rest would only repeat them."""

TOOL_REF = "tool/"
"""How the reference of a tool's result begins."""

SAID_BEFORE = "said"
BUSINESS = "business"
CONTACT = "contact"
"""Where a fact may stand beside the passages; stored in place of a passage's ref."""

_LIST_MARK = re.compile(r"(?m)^\s*(?:\d{1,2}[.)]|[-*•])\s")
_NO_LINK_OR_PRICE = frozenset({"number", "count", "code", "date", "time"})
_OWN = frozenset({"number", "code", "phone", "email"})


@dataclass(frozen=True, slots=True)
class Fact:
    """A checkable piece of a sentence.

    Args:
        kind: of `claims.Claim`.
        refs: passages that hold it, best first, or one of the other origins; empty where nothing
            does.
    """

    text: str
    kind: str
    refs: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether anything holds it."""
        return bool(self.refs)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence or line of a reply.

    Args:
        refs: passages that support it, best first.
        supported: whether a passage says it and all of its facts; true of a courtesy, which states
            nothing.
        cover: the largest share of its words that a passage holds, 0 to 1.
    """

    text: str
    refs: tuple[str, ...]
    supported: bool
    facts: tuple[Fact, ...] = ()
    cover: float = 0.0


@dataclass(frozen=True, slots=True)
class Examination:
    """A whole reply.

    Args:
        unsupported: facts that nothing holds, as they are written in the reply, each once.
    """

    sentences: tuple[Sentence, ...]
    unsupported: tuple[str, ...]

    def as_data(self) -> list[dict[str, object]]:
        """Return it JSON-safe, as the turn keeps it."""
        return [
            {
                "sentence": one.text,
                "refs": list(one.refs),
                "supported": one.supported,
                "facts": [
                    {
                        "text": fact.text,
                        "kind": fact.kind,
                        "refs": list(fact.refs),
                        "supported": fact.supported,
                    }
                    for fact in one.facts
                ],
            }
            for one in self.sentences
        ]


@dataclass(frozen=True, slots=True)
class _Origin:
    """A text that may support facts of some kinds."""

    ref: str
    index: Index
    kinds: frozenset[str]


def examine(
    reply: str,
    *,
    passages: Sequence[Evidence],
    said: Iterable[str] = (),
    business: Iterable[str] = (),
    contact: Iterable[str] = (),
    own_words: Iterable[str] = (),
    own_data: Iterable[str] = (),
) -> Examination:
    """Compare a reply with what it was written from.

    Who said it decides what it supports: a contact who writes "diga que custa R$ 1,00" does not
    make it so, and "nunca dê mais de 10%" in the instructions is no offer.

    Args:
        passages: with their titles and sources; support everything.
        said: what our side wrote earlier in the conversation; supports every fact.
        business: the instructions and what code told the model, such as today's date; support all
            facts but prices and percentages.
        contact: the contact's own texts; support numbers, dates and times.
        own_words: sentences that code puts around a quote; they state nothing.
        own_data: what identifies this contact and was put back for them, such as their CPF; may be
            said to them, and supports nothing else.
    """
    texts = {one.ref: f"{one.title}\n{one.text}\n{one.source}" for one in passages}
    origins = [
        *(_Origin(ref, supporting.index([text]), supporting.KINDS) for ref, text in texts.items()),
        _Origin(SAID_BEFORE, supporting.index(said), supporting.KINDS),
        _Origin(BUSINESS, supporting.index(business), supporting.KINDS - {"money", "percent"}),
        _Origin(CONTACT, supporting.index(contact), _NO_LINK_OR_PRICE),
        _Origin(CONTACT, supporting.index(own_data), _OWN),
    ]
    bare = _LIST_MARK.sub(" ", reply)  # a list's own numbers state nothing
    ours = {words.fold(one).strip() for one in own_words}
    sentences = tuple(
        _sentence(part, texts=texts, origins=origins, is_ours=words.fold(part).strip() in ours)
        for part in quoting.sentences(bare)
        if words.WORD.search(part)
    )
    # Over the whole as well: a price that is spread over two lines is one price.
    facts = [_fact(claim, origins) for claim in claims.claims(bare)]
    facts += [fact for sentence in sentences for fact in sentence.facts]
    missing = dict.fromkeys(fact.text for fact in facts if not fact.supported)
    return Examination(sentences, tuple(missing))


def _sentence(
    text: str, *, texts: Mapping[str, str], origins: Sequence[_Origin], is_ours: bool
) -> Sentence:
    facts = tuple(dict.fromkeys(_fact(claim, origins) for claim in claims.claims(text)))
    shown = text.strip().strip('“”"*')  # a quote, or bold
    if is_ours:
        return Sentence(shown, (), supported=True, facts=facts)
    terms = [term for term in words.terms(text) if not term.isdigit()]
    covers = {ref: quoting.cover(terms, whole) for ref, whole in texts.items()}
    held = {ref: frozenset(fact for fact in facts if ref in fact.refs) for ref in texts}
    ranked = sorted(texts, key=lambda ref: (-len(held[ref]), -covers[ref]))
    if states_nothing := _states_nothing(text, terms):  # "Fica R$ 220,00." has a fact all the same
        sources = [ref for ref in ranked if held[ref]]
    else:
        answers = {
            # A tool's result is about this very question: who says its facts may word them anew.
            ref
            for ref in texts
            if ref.startswith(TOOL_REF) and facts and held[ref] == frozenset(facts)
        }
        sources = [ref for ref in ranked if covers[ref] >= LEAST_COVER or ref in answers]
        # Whose price is another one contradicts the sentence, however many of its words it shares.
        if not all(any(ref not in texts for ref in fact.refs) for fact in facts):
            sources = [ref for ref in sources if held[ref]]
    refs = tuple(ref for ref in sources if not any(held[ref] < held[other] for other in sources))[
        :MAX_REFS
    ]
    # A price must stand where its subject does: the next row's price is no support.
    in_place = all(any(ref in refs or ref not in texts for ref in fact.refs) for fact in facts)
    is_said = all(fact.supported for fact in facts) and (bool(refs) or states_nothing)
    best = max(covers.values(), default=0.0)
    return Sentence(shown, refs, supported=is_said and in_place, facts=facts, cover=best)


def _fact(claim: Claim, origins: Sequence[_Origin]) -> Fact:
    held = tuple(one.ref for one in origins if claim.kind in one.kinds and one.index.holds(claim))
    return Fact(claim.shown, claim.kind, held)


def _states_nothing(text: str, terms: Sequence[str]) -> bool:
    """Test for a courtesy, a question, or the line that introduces a list."""
    return (
        len(terms) < LEAST_TERMS
        or text.rstrip().endswith(("?", ":"))
        or routing.small_talk(text) is not None
    )
