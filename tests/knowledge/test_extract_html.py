from __future__ import annotations

import pytest

from knowledge.extract import html
from knowledge.types import Heading, Paragraph, Problem, Row, Unreadable

ANSWERED = """<script type="application/ld+json">{"@graph": [{"@type": "FAQPage", "mainEntity": [
{"@type": "Question", "name": "Aceita Pix?", "acceptedAnswer":
{"@type": "Answer", "text": "<p>Sim, com <b>5%</b> de desconto.</p><p>Só à vista.</p>"}}]}
]}</script>"""


def read(body: str, *, head: str = "") -> tuple[Heading | Paragraph | Row, ...]:
    return html.extract(f"<!doctype html><head>{head}</head><body>{body}".encode()).blocks


def test_titles_paragraphs_lists_and_tables_come_in_order() -> None:
    blocks = read(
        "<h1>Clínica <em>Sol</em></h1><p>Atendemos de <b>segunda</b> a sexta.<p>Das 8h às 18h."
        "<h2>Preços</h2><table><tr><th>Item<th>Preço<tr><td rowspan=2>Corte<td>R$ 50<tr><td>R$ 60"
        "</table><ul><li>Pix<li>Cartão</ul><dl><dt>Prazo<dd>7 dias</dl>"
    )

    assert blocks == (
        Heading(level=1, text="Clínica Sol"),
        Paragraph(text="Atendemos de segunda a sexta."),
        Paragraph(text="Das 8h às 18h."),
        Heading(level=2, text="Preços"),
        Row(columns=("Item", "Preço"), cells=("Corte", "R$ 50")),
        Row(columns=("Item", "Preço"), cells=("Corte", "R$ 60")),
        Paragraph(text="Pix"),
        Paragraph(text="Cartão"),
        Paragraph(text="Prazo: 7 dias"),
    )


def test_what_the_page_is_not_about_is_dropped() -> None:
    links = "".join(f"<li><a href=/{n}>Página {n}</a>" for n in range(5))
    blocks = read(
        f"<header><a>Logo</a><nav>Menu</nav></header><ul>{links}</ul>"
        "<div class='cookie-banner'>Aceite os cookies</div><h1>Trocas</h1><p>Em até 7 dias.</p>"
        "<script>alert(1)</script><style>p {}</style><form><input value=x><button>Enviar</button>"
        "</form><aside role=navigation>Veja também</aside><footer>© 2026</footer>"
    )

    assert blocks == (Heading(level=1, text="Trocas"), Paragraph(text="Em até 7 dias."))


def test_the_main_part_is_read_alone_with_the_address_of_the_footer() -> None:
    blocks = read(
        "<div>Promoção da semana no site todo</div>"
        "<main><h1>Sobre</h1><p>Somos uma clínica de família desde 1998.</p></main>"
        "<footer>Todos os direitos<address>Rua A, 12</address></footer>"
    )

    assert blocks[1:] == (
        Paragraph(text="Somos uma clínica de família desde 1998."),
        Paragraph(text="Rua A, 12"),
    )


def test_stated_questions_come_first_and_are_not_repeated() -> None:
    blocks = read(
        "<h1>Dúvidas</h1><h3><button>Aceita Pix?</button></h3><div hidden>Sim, com 5% de desconto."
        "</div><p>Fale conosco.</p>",
        head=ANSWERED,
    )

    assert blocks == (
        Heading(level=3, text="Aceita Pix?"),
        Paragraph(text="Sim, com 5% de desconto."),
        Paragraph(text="Só à vista."),
        Heading(level=1, text="Dúvidas"),
        Paragraph(text="Fale conosco."),
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<details><summary>Tem vaga?</summary>Sim.</details>", id="details"),
        pytest.param("<button>Tem vaga?</button><div>Sim.</div>", id="button"),
        pytest.param("<p><strong>Tem vaga?</strong></p><p>Sim.</p>", id="bold"),
        pytest.param("<dl><dt>Tem vaga?<dd>Sim.</dl>", id="definition"),
    ],
)
def test_questions_that_open_their_answer_are_titles(body: str) -> None:
    assert read(body) == (Heading(level=7, text="Tem vaga?"), Paragraph(text="Sim."))


@pytest.mark.parametrize("tag", ["del", "s", "strike"])
def test_what_is_crossed_out_is_not_read(tag: str) -> None:
    blocks = read(
        f"<h1>Corte</h1><p>Preço: <{tag}>R$ 99</{tag}> <ins>R$ 50</ins></p>"
        f"<table><tr><th>Item<th>Preço<tr><td>Barba<td><{tag}>R$ 40</{tag}> R$ 30</table>"
    )

    assert blocks[1:] == (
        Paragraph(text="Preço: R$ 50"),
        Row(columns=("Item", "Preço"), cells=("Barba", "R$ 30")),
    )


def test_links_and_numbers_are_written_out() -> None:
    (paragraph,) = read(
        "<p>Agende <a href='https://x.example/agenda'>aqui</a> ou <a href='tel:+551135550140'>"
        "ligue</a>, <a href='tel:+551135550140'>(11) 3555-0140</a> <a href='javascript:a()'>já</a>"
    )

    assert paragraph == Paragraph(
        text="Agende aqui (https://x.example/agenda) ou ligue (+551135550140), (11) 3555-0140 já"
    )


def test_without_a_title_in_the_page_its_own_counts() -> None:
    blocks = read("<p>Em até 7 dias.", head="<title>Trocas e devoluções | Loja X</title>")

    assert blocks[0] == Heading(level=1, text="Trocas e devoluções")


def test_other_encodings_are_read() -> None:
    content = '<meta charset="iso-8859-1"><p>Promoção até março</p>'.encode("cp1252")

    assert html.extract(content).blocks == (Paragraph(text="Promoção até março"),)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"<html><body><p> </p></body></html>", Problem.NO_TEXT, id="blank"),
        pytest.param(b"<div id=app></div><script src=x></script>", Problem.HTML_EMPTY, id="script"),
        pytest.param(b"<table>" + b"<tr><td>x" * 20_001, Problem.TOO_LONG, id="endless"),
    ],
)
def test_a_page_without_text_is_refused(content: bytes, problem: Problem) -> None:
    with pytest.raises(Unreadable) as refused:
        html.extract(content)

    assert refused.value.problem is problem


def test_deep_and_wide_pages_are_read() -> None:
    nested = "<div>" * 2_000 + "<b>oi</b>" + "<p>tudo bem</p>" * 2_000

    assert len(read(nested)) == 2_001
    wide = read("<table><tr><td colspan=99999999>a<td>b<tr><td>c<td>d</table>")
    assert [len(block.cells) for block in wide if isinstance(block, Row)] == [2]
