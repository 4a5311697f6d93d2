from __future__ import annotations

import codecs
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge import chunking
from knowledge.extract import markdown, plain, reader, table
from knowledge.types import Heading, Paragraph, Problem, Row, Unreadable
from tests.knowledge.office import word

PRICES = "procedimento;valor\nLimpeza;220,00\nCanal;780,00\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("Ação às 9h".encode(), id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + "Ação às 9h".encode(), id="utf-8 with mark"),
        pytest.param("Ação às 9h".encode("cp1252"), id="cp1252"),
        pytest.param("Ação às 9h".encode("utf-16"), id="utf-16 with mark"),
        pytest.param("Ac\u0327a\u0303o a\u0300s 9h".encode(), id="accents apart"),
        pytest.param("Ação\u00a0às 9h\x07".encode(), id="signs that nobody sees"),
    ],
)
def test_text_is_read_whatever_program_saved_it(content: bytes) -> None:
    (block,) = plain.extract(content).blocks

    assert block == Paragraph(text="Ação às 9h")


def test_one_lost_byte_does_not_change_the_other_letters() -> None:
    content = "item;Preço\nAção;10,00\nPão;2,00\n".encode() + b"P\xff;1,00\n"

    rows = table.extract(content).blocks

    assert rows == tuple(
        Row(columns=("item", "Preço"), cells=cells)
        for cells in (("Ação", "10,00"), ("Pão", "2,00"), ("P\ufffd", "1,00"))
    )


def test_one_letter_that_looks_like_utf_8_does_not_change_the_others() -> None:
    content = "Preço em Ã©: não há ação".encode("cp1252")

    assert plain.extract(content).blocks == (Paragraph(text="Preço em Ã©: não há ação"),)


@pytest.mark.parametrize("kind", ["md", "txt", "csv", "pdf"])
@pytest.mark.parametrize(
    ("content", "problems"),
    [
        pytest.param(b"", {Problem.EMPTY}, id="nothing"),
        pytest.param(b" \n\t\n", {Problem.EMPTY}, id="white space"),
        pytest.param(bytes(range(256)) * 8, {Problem.NOT_TEXT, Problem.WRONG_KIND}, id="binary"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(64), {Problem.WRONG_KIND}, id="image"),
        pytest.param(
            codecs.BOM_UTF16_LE + b"\x00\xd8\x00",
            {Problem.NOT_TEXT, Problem.WRONG_KIND},
            id="broken utf-16",
        ),
    ],
)
def test_what_is_no_text_is_refused(kind: str, content: bytes, problems: set[Problem]) -> None:
    with pytest.raises(Unreadable) as refused:
        reader.extract(content, kind=kind)

    assert refused.value.problem in problems


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.md", "md"),
        ("a.MARKDOWN", "md"),
        ("preços 2026.csv", "csv"),
        ("a.b.pdf", "pdf"),
        ("a.DOCX", "docx"),
        ("a.xlsx", "xlsx"),
        ("a.htm", "html"),
        ("a.doc", None),
        ("pdf", None),
        ("", None),
    ],
)
def test_the_kind_comes_from_the_end_of_the_name(name: str, kind: str | None) -> None:
    assert reader.find_kind(name) == kind


def test_markdown_gives_titles_lists_and_tables() -> None:
    source = """# Guia

Primeira **linha** com [site](https://x.example).

## Preços
| Item | Valor |
|---|---:|
| Corte `curto` | R$ 50,00 |

- um
- dois

**Abre aos domingos?**
Não.
"""

    blocks = markdown.extract(source.encode()).blocks

    assert blocks == (
        Heading(level=1, text="Guia"),
        Paragraph(text="Primeira linha com site (https://x.example)."),
        Heading(level=2, text="Preços"),
        Row(columns=("Item", "Valor"), cells=("Corte curto", "R$ 50,00")),
        Paragraph(text="um"),
        Paragraph(text="dois"),
        Heading(level=7, text="Abre aos domingos?"),
        Paragraph(text="Não."),
    )


def test_markdown_keeps_what_only_looks_like_a_mark() -> None:
    source = "Escreva para ana_maria@x.example, 2 * 3 = 6, e a senha é **secreta**."

    (block,) = markdown.extract(source.encode()).blocks

    assert block == Paragraph(
        text="Escreva para ana_maria@x.example, 2 * 3 = 6, e a senha é secreta."
    )


@pytest.mark.parametrize(
    "begun",
    ["<!-- ", "![", "![](", "![a](b ", "[", "[a", "[a](", "[a](b ", "[a](![]()", "~~a ", "**a"],
)
def test_markdown_that_begins_much_and_ends_nothing_is_read_soon(begun: str) -> None:
    source = (begun * 30_000).encode()
    began = time.process_time()

    assert markdown.extract(source).blocks

    assert time.process_time() - began < 4


@pytest.mark.parametrize("ended", ["]", ")", "](x)", "-->", "# a" + " " * 100_000 + "b"])
def test_markdown_that_ends_once_what_it_begins_often_is_read_soon(ended: str) -> None:
    source = f"{'[' * 50_000}{'![' * 50_000}{'[a](' * 50_000}{'<!--' * 50_000}\n{ended}".encode()
    began = time.process_time()

    markdown.extract(source)

    assert time.process_time() - began < 4


@pytest.mark.parametrize("line", ["# Guia", "# Guia #", "#  Guia  ###  "])
def test_markdown_closes_a_title_as_its_writer_likes(line: str) -> None:
    assert markdown.extract(line.encode()).blocks == (Heading(level=1, text="Guia"),)


def test_markdown_without_what_is_crossed_out() -> None:
    source = """# Corte

## ~~Antigo~~
Custa ~~R$ 99,00~~ R$ 50,00, ~10 minutos, ~~ a pé.

| Item | Valor |
|---|---|
| Barba | ~~R$ 40,00~~ R$ 30,00 |
"""

    assert markdown.extract(source.encode()).blocks == (
        Heading(level=1, text="Corte"),
        Paragraph(text="Custa R$ 50,00, ~10 minutos, ~~ a pé."),
        Row(columns=("Item", "Valor"), cells=("Barba", "R$ 30,00")),
    )


def test_markdown_with_hard_wrapped_lines_is_joined() -> None:
    line = "palavra palavra palavra palavra palavra palavra palavra palavra palavra"
    source = f"{line}\n{line}\n{line}\n{line} fim."

    (block,) = markdown.extract(source.encode()).blocks

    assert isinstance(block, Paragraph)
    assert block.text.count("palavra") == 36


def test_plain_text_finds_titles_by_their_looks() -> None:
    source = """HORÁRIOS

Unidade Centro
Segunda a sexta: 8h às 20h
Sábado: 8h às 13h

Pergunta: Aceita Pix?
Resposta: Sim.

Equipe
======
Ana, gerente
"""

    blocks = plain.extract(source.encode()).blocks

    assert blocks == (
        Heading(level=1, text="HORÁRIOS"),
        Heading(level=2, text="Unidade Centro"),
        Paragraph(text="Segunda a sexta: 8h às 20h"),
        Paragraph(text="Sábado: 8h às 13h"),
        Heading(level=3, text="Aceita Pix?"),
        Paragraph(text="Sim."),
        Heading(level=1, text="Equipe"),
        Paragraph(text="Ana, gerente"),
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PRICES.encode(), id="semicolons"),
        pytest.param(PRICES.replace(";", "\t").encode(), id="tabs"),
        pytest.param(
            b'procedimento,valor\nLimpeza,"220,00"\nCanal,"780,00"\n', id="commas and quotes"
        ),
        pytest.param(PRICES.replace("\n", "\r\n").encode("utf-8-sig"), id="Excel"),
        pytest.param(("\n\n" + PRICES + ";\n").encode(), id="blank rows"),
        pytest.param(("sep=;\r\n" + PRICES).encode("utf-8-sig"), id="separator stated"),
        pytest.param(('"sep=|"\n' + PRICES.replace(";", "|")).encode(), id="stated in quotes"),
    ],
)
def test_a_table_is_read_whatever_separates_its_cells(content: bytes) -> None:
    columns = ("procedimento", "valor")

    assert table.extract(content).blocks == (
        Row(columns=columns, cells=("Limpeza", "220,00")),
        Row(columns=columns, cells=("Canal", "780,00")),
    )


def test_a_table_may_have_lines_above_and_below_it() -> None:
    content = "Tabela de preços 2026;;\n;;\nitem;valor;prazo\nA;1,00;2\nB;2,00;3\nVale até maio;;\n"

    blocks = table.extract(content.encode()).blocks

    assert blocks[0] == Heading(level=2, text="Tabela de preços 2026")
    assert blocks[1] == Row(columns=("item", "valor", "prazo"), cells=("A", "1,00", "2"))
    assert blocks[-1] == Paragraph(text="Vale até maio")


def test_a_table_without_names_keeps_its_first_row() -> None:
    blocks = table.extract(b"Limpeza;220,00\nCanal;780,00\n").blocks

    assert blocks[0] == Row(columns=(), cells=("Limpeza", "220,00"))
    assert len(blocks) == 2


def test_questions_and_answers_in_a_table_become_titles() -> None:
    blocks = table.extract(b"Pergunta;Resposta\nAceita Pix?;Sim, com 5%.\n").blocks

    assert blocks == (Heading(level=3, text="Aceita Pix?"), Paragraph(text="Sim, com 5%."))


def test_a_quotation_mark_that_never_ends_is_refused() -> None:
    with pytest.raises(Unreadable) as refused:
        table.extract(b'a;b\n"' + b"x;y\n" * 100_000)

    assert refused.value.problem is Problem.CSV_DAMAGED


def test_an_endless_table_is_refused() -> None:
    with pytest.raises(Unreadable) as refused:
        table.extract(b"a;b\n" + b"1;x\n" * 30_000)

    assert refused.value.problem is Problem.TOO_LONG


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(["md", "txt", "csv", "html"]), content=st.text(max_size=600))
def test_any_text_is_read_or_refused(kind: str, content: str) -> None:
    raw = content.encode("utf-8", errors="surrogatepass")

    _assert_read_or_refused(raw, kind=kind)


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(list(reader.KINDS)), content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(kind: str, content: bytes) -> None:
    _assert_read_or_refused(content, kind=kind)
    _assert_read_or_refused(b"%PDF-1.4\n" + content, kind="pdf")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            ["| a | b |", "|---|---|", "# t", "## u", "**q?**", "- x", "", "```", "a;b", '"', "==="]
        ),
        max_size=30,
    )
)
def test_any_order_of_marks_is_read_or_refused(parts: list[str]) -> None:
    for kind in ("md", "txt", "csv"):
        _assert_read_or_refused("\n".join(parts).encode(), kind=kind)


_WORD = ["p", "r", "t", "tbl", "tr", "tc", "pPr", "rPr", "b", "vMerge", "del", "hyperlink", "tab"]
_PAGE = ["table", "tr", "td", "p", "b", "a", "ul", "li", "h2", "dt", "dd", "details", "button"]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(_WORD) - 1), st.sampled_from(["<{}>", "</{}>", "x? ", "<{}/>"])
        ),
        max_size=40,
    )
)
def test_any_order_of_elements_is_read_or_refused(parts: list[tuple[int, str]]) -> None:
    page = "".join(mark.format(_PAGE[at]) for at, mark in parts)
    _assert_read_or_refused(page.encode(), kind="html")
    opened: list[str] = []
    body = ""
    for at, mark in parts:
        if mark == "</{}>":
            body += f"</w:{opened.pop()}>" if opened else ""
        elif mark == "<{}>":
            opened.append(_WORD[at])
            body += f"<w:{_WORD[at]}>"
        else:
            body += f"<w:{_WORD[at]}/>x?"
    body += "".join(f"</w:{name}>" for name in reversed(opened))
    _assert_read_or_refused(word(body), kind="docx")


def _assert_read_or_refused(content: bytes, *, kind: str) -> None:
    try:
        drafts = chunking.cut(reader.extract(content, kind=kind).blocks, name=f"a.{kind}")
    except Unreadable:
        return
    assert drafts
    for draft in drafts:
        assert 0 < len(draft.body) <= chunking.MAX_BODY
        assert draft.body.strip()
        assert 0 < len(draft.heading_path) <= 500
        assert "\x00" not in draft.body + draft.heading_path
