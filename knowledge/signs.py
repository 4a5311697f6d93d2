"""What an answer to a question looks like: an amount, a time of day, a date, an address.

A passage that holds an amount gets the sign `MONEY` among its words, and a question for a price
looks for that sign, whatever words the two use. Signs are upper case, which no folded word is.
"""

from __future__ import annotations

import re

_MONTHS = "janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"
_DAYS = "segunda|terça|quarta|quinta|sexta|sábado|domingo|feriado"
_SPANS = "minutos?|horas?|dias?|semanas?|meses|mês|anos?"
_NUMBERS = r"\d+|uma?|dois|duas|três|quatro|cinco|seis|sete|oito|dez|quinze|vinte|trinta"

# By sign: what it looks like in a passage, and by what a question asks for it.
_SIGNS = {
    "MONEY": (
        r"r\$|\breais\b|\bgrátis\b|\bgratuit|\bsem (?:cobrança|custo|taxa)\b",
        r"quanto (?!tempo)|preços?|valor|valores|custa\w*|custo|sai por|cobra\w*|taxas?|"
        r"mensalidade|pag[ao]\w*",
    ),
    "HOUR": (r"\b\d{1,2}(?:h\d{0,2}|:\d{2})\b", r"que horas?|horários?|abre\w*|fecha\w*"),
    "SPAN": (
        rf"\b(?:{_NUMBERS}) (?:{_SPANS})\b|\d ?min\b|\bdias úteis\b",
        r"quanto tempo|demora\w*|prazo|quantos (?:dias|meses|anos|minutos)|dura\w*",
    ),
    "PLACE": (
        r"\b(?:rua|avenida|av\.|praça|rodovia|alameda|travessa|bairro)",
        r"onde|endereço|localiza\w*",
    ),
    "DATE": (rf"\b\d{{1,2}}/\d{{1,2}}\b|\b(?:{_MONTHS})\b", r"que dias?|quando|data"),
    "WEEKDAY": (rf"\b(?:{_DAYS})s?\b", rf"que dias?|quando|{_DAYS}"),
    "CONTACT": (
        r"\(\d{2}\) ?9?\d{4}-?\d{4}|@\w",
        r"telefone|whatsapp|contato|e-?mail|número",
    ),
    "PERCENT": (r"\d ?%", r"descontos?|multa|juros|porcent\w*"),
}
_LOOKS = {sign: re.compile(looks) for sign, (looks, _) in _SIGNS.items()}
_ASKED = {sign: re.compile(rf"\b(?:{asked})\b") for sign, (_, asked) in _SIGNS.items()}


def held_by(body: str) -> tuple[str, ...]:
    """Return the signs that a passage's text bears."""
    lowered = body.lower()
    return tuple(sign for sign, looks in _LOOKS.items() if looks.search(lowered))


def asked_for(question: str) -> tuple[str, ...]:
    """Return the signs that an answer to a normalised question would bear."""
    lowered = question.lower()
    return tuple(sign for sign, asked in _ASKED.items() if asked.search(lowered))
