"""The provider without a model: it quotes the passage that fits best, and says that it quotes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.llm import quoting, words
from integrations.llm.types import (
    NOT_MEASURED,
    ChatDelta,
    ChatRequest,
    ChatResult,
    FinishReason,
    Provider,
)

MODEL = "quote-1"

MAX_QUESTIONS = 3
"""Questions of one burst that are answered; more would fill several screens of a phone."""

SURE_COVER = 0.95
"""Share of the question's subject that the retriever's first passage names where it may be quoted
although the retriever is not sure: all. "Quanto é a limpeza?" is a short question and a clear one.
"""


@dataclass(frozen=True, slots=True)
class _Wording:
    """The sentences around a quote in one language.

    Args:
        places: a piece of a file's folded name, and what people call such a document.
    """

    found: str
    also: str
    closing: str
    elsewhere: str
    places: tuple[tuple[str, str], ...]
    greetings: tuple[tuple[str, str], ...]


_PT = _Wording(
    found="Encontrei isto {place} (fonte: {source}):",
    also="E isto {place} (fonte: {source}):",
    closing="Copiei do nosso material, sem mudar nada. Se preferir uma pessoa, é só pedir.",
    elsewhere="nas nossas informações",
    places=(
        ("preco", "na nossa tabela de preços"),
        ("promoc", "nas nossas promoções"),
        ("frete", "na nossa tabela de frete"),
        ("produto", "na nossa lista de produtos"),
        ("faq", "nas nossas perguntas frequentes"),
        ("perguntas", "nas nossas perguntas frequentes"),
        ("convenio", "nas nossas informações sobre convênios"),
        ("troca", "na nossa política de trocas"),
        ("politica", "nas nossas políticas"),
        ("termos", "nos nossos termos"),
        ("manual", "no nosso manual"),
        ("guia", "no nosso guia"),
    ),
    greetings=(
        (r"\bbom dia\b", "Bom dia! "),
        (r"\bboa tarde\b", "Boa tarde! "),
        (r"\bboa noite\b", "Boa noite! "),
        (r"^\W*(oi+e?|ola|opa)\b", "Oi! "),
    ),
)
_EN = _Wording(
    found="I found this {place} (source: {source}):",
    also="And this {place} (source: {source}):",
    closing="Copied from our own documents, unchanged. If you'd rather talk to a person, just ask.",
    elsewhere="in our information",
    places=(
        ("preco", "in our price list"),
        ("price", "in our price list"),
        ("faq", "in our frequently asked questions"),
        ("polic", "in our policies"),
        ("terms", "in our terms"),
        ("manual", "in our manual"),
    ),
    greetings=(
        (r"\bgood (morning|afternoon|evening)\b", "Hello! "),
        (r"^\W*(hi+|hello|hey)\b", "Hi! "),
    ),
)


class Offline:
    """Answers from the evidence of the request; needs neither network nor key."""

    def chat(self, request: ChatRequest) -> ChatResult:
        """Quote what fits; no text where nothing does.

        `FinishReason.NO_ANSWER` then, or `FinishReason.UNSURE` where only a reader could tell.
        """
        began = time.monotonic()
        chosen: list[tuple[str, quoting.Choice]] = []
        for question in quoting.questions(request.question)[:MAX_QUESTIONS]:
            taken = {choice.evidence.ref for _, choice in chosen}
            chosen += [
                (question, choice)
                for choice in quoting.choose(question, request.evidence, request.confidence)
                if choice.evidence.ref not in taken
            ]
        is_named = bool(chosen) and _is_named(chosen[0][1], request)
        if request.unsure and request.evidence and not is_named:
            return self._result("", FinishReason.UNSURE, began)
        return self._result(
            _text(chosen, request) if chosen else "",
            FinishReason.STOP if chosen else FinishReason.NO_ANSWER,
            began,
            tuple(choice.evidence.ref for _, choice in chosen),
        )

    def _result(
        self, text: str, finish: FinishReason, began: float, refs: tuple[str, ...] = ()
    ) -> ChatResult:
        return ChatResult(
            text=text,
            finish_reason=finish,
            usage=NOT_MEASURED,
            model=MODEL,
            provider=Provider.OFFLINE,
            latency_ms=round((time.monotonic() - began) * 1000),
            evidence_refs=refs,
        )

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Answer in one piece."""
        result = self.chat(request)
        yield ChatDelta(result.text, result)


def _is_named(choice: quoting.Choice, request: ChatRequest) -> bool:
    """Test whether words and retriever agree on a passage that names all that was asked about."""
    return choice.cover >= SURE_COVER and choice.evidence == request.evidence[0]


def frame(language: str) -> tuple[str, ...]:
    """Return the sentences around a quote that say nothing of the business."""
    return tuple(quoting.sentences(_wording(language).closing))


def _wording(language: str) -> _Wording:
    return _PT if language.lower().startswith("pt") else _EN


def _text(chosen: list[tuple[str, quoting.Choice]], request: ChatRequest) -> str:
    wording = _wording(request.language)
    blocks: list[str] = []
    source = ""
    for question, choice in chosen:
        evidence = choice.evidence
        if evidence.source != source:
            source = evidence.source
            opening = wording.also if blocks else wording.found
            blocks.append(opening.format(place=_place(source, wording), source=source))
        blocks.append(quoting.quote(evidence, question))
    blocks.append(wording.closing)
    return _greeting(request.question, wording) + "\n\n".join(blocks)


def _place(source: str, wording: _Wording) -> str:
    name = words.fold(source)
    return next((place for piece, place in wording.places if piece in name), wording.elsewhere)


def _greeting(question: str, wording: _Wording) -> str:
    folded = words.fold(question)
    return next((answer for pattern, answer in wording.greetings if re.search(pattern, folded)), "")
