"""From what models write to what WhatsApp shows."""

from __future__ import annotations

import pytest

from conversations.markup import from_markdown

CASES = {
    "plain text is left alone": ("Olá, tudo bem?", "Olá, tudo bem?"),
    "bold": ("O **preço** é este", "O *preço* é este"),
    "bold with underscores": ("O __preço__ é este", "O *preço* é este"),
    "one star stays": ("um *destaque* só", "um *destaque* só"),
    "italic stays": ("um _destaque_ só", "um _destaque_ só"),
    "bold and italic": ("***muito***", "*_muito_*"),
    "strike": ("~~R$ 300~~ R$ 220", "~R$ 300~ R$ 220"),
    "a product is no mark": ("2 * 3 * 4 e 2**3", "2 * 3 * 4 e 2**3"),
    "names with underscores": ("use minha_chave_nova", "use minha_chave_nova"),
    "heading": ("## Horários\nSeg a sex", "*Horários*\nSeg a sex"),
    "bold heading": ("# **Horários** #", "*Horários*"),
    "no heading without a space": ("#1 da cidade", "#1 da cidade"),
    "list": ("* um\n* dois\n+ três", "- um\n- dois\n- três"),
    "what is added is no list": (
        "* Limpeza\n+ R$ 10,00 de entrega\n+ 2 dias",
        "- Limpeza\n+ R$ 10,00 de entrega\n+ 2 dias",
    ),
    "bold at the start of a line is no list": ("**Um** dois", "*Um* dois"),
    "numbers stay": ("1. um\n2. dois", "1. um\n2. dois"),
    "link": ("Veja [a tabela](https://x.com/p).", "Veja a tabela: https://x.com/p."),
    "link that is its own name": ("[x.com](https://x.com/)", "https://x.com/"),
    "link with a title": ('[a](https://x.com "t")', "a: https://x.com"),
    "mail": ("[escreva](mailto:a@x.com)", "escreva: a@x.com"),
    "bare link": ("<https://x.com/a_b_c>", "https://x.com/a_b_c"),
    "marks in an address stay": ("https://x.com/__a__/**b**", "https://x.com/__a__/**b**"),
    "image": ("![foto](https://x.com/f.png)", "https://x.com/f.png"),
    "code": ("use `**isto**` aqui", "use `**isto**` aqui"),
    "two ticks": ("``a``", "`a`"),
    "block": ("```python\na = **b\n```", "```\na = **b\n```"),
    "open block": ("```\na = 1", "```\na = 1\n```"),
    "rule": ("um\n\n---\n\ndois", "um\n\ndois"),
    "quote stays": ("> dito\nresposta", "> dito\nresposta"),
    "escaped": (r"5\*3 e \_x\_", "5*3 e _x_"),
    "table": (
        "| Serviço | Preço |\n|---|---:|\n| Limpeza | R$ 220 |\n| Canal | |\n\nFim",
        "- Limpeza (Preço: R$ 220)\n- Canal\n\nFim",
    ),
    "no table": ("sim | não", "sim | não"),
    "blank lines": ("**a**\n\n\n\nb", "*a*\n\nb"),
    "a zero byte": ("**a\x00b** \x001\x00", "*ab* 1"),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES.keys())
def test_markdown_becomes_what_whatsapp_shows(text: str, shown: str) -> None:
    assert from_markdown(text) == shown


@pytest.mark.parametrize("text", [shown for _, shown in CASES.values() if "\x00" not in shown])
def test_what_whatsapp_shows_is_mostly_left_alone(text: str) -> None:
    once = from_markdown(text)

    assert from_markdown(once) == once


@pytest.mark.parametrize("part", ["**a", "[a](", "| a ", "`", "__", "~~a", "![", "```", "\\*", "<"])
def test_a_hostile_text_costs_no_time(part: str) -> None:
    from_markdown(part * 1500)
