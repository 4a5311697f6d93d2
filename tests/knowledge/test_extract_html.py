from __future__ import annotations

import time

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


@pytest.mark.parametrize("tag", ["del", "s", "strike"])
@pytest.mark.parametrize(
    ("body", "read_as"),
    [
        pytest.param("<p>De <{0}>R$ 99</p><p>Por R$ 50</p>", ["De", "Por R$ 50"], id="p"),
        pytest.param("<p>De <{0}>R$ 99<p>Por R$ 50", ["De", "Por R$ 50"], id="p without end"),
        pytest.param("<ul><li>A <{0}>R$ 9<li>B R$ 5</ul><p>C", ["A", "B R$ 5", "C"], id="li"),
        pytest.param("<h2>Corte <{0}>novo</h2><p>R$ 50", ["Corte", "R$ 50"], id="heading"),
        pytest.param("<div>A <{0}>R$ 9</div><div>B</div><p>C", ["A", "B", "C"], id="div"),
        pytest.param("<div>A <{0}>R$ 9<p>B</p>C</div><p>D", ["A", "B", "C", "D"], id="in a div"),
        pytest.param("A <{0}>R$ 9<p>B</p><p>C", ["A", "B", "C"], id="body"),
        pytest.param("<p><b>A <{0}>R$ 9</b></p><p>B", ["A", "B"], id="in bold"),
        pytest.param("<p>A <{0}>1</p><p>B <{0}>2</{0}> 3</p>", ["A", "B 3"], id="then a whole one"),
        pytest.param("<{0}><p>A</p><p>B</p></{0}><p>C", ["C"], id="several with an end"),
        pytest.param("<p>A <{0}>R$ 9", ["A"], id="last"),
    ],
)
def test_what_is_crossed_out_without_an_end_ends_with_its_block(
    tag: str, body: str, read_as: list[str]
) -> None:
    blocks = read("<h1>Preços</h1>" + body.format(tag))[1:]

    assert [block.text for block in blocks if not isinstance(block, Row)] == read_as


@pytest.mark.parametrize("tag", ["del", "s", "strike"])
def test_what_is_crossed_out_without_an_end_ends_with_its_cell(tag: str) -> None:
    blocks = read(
        f"<table><tr><th>Item<th>De<th>Por<tr><td>Barba<td><{tag}>R$ 40<td>R$ 30"
        f"<tr><td>Corte</td><td>R$ 60</td><td>R$ 50</td></tr></table><p>Aceitamos Pix."
    )

    assert [block.cells for block in blocks if isinstance(block, Row)] == [
        ("Barba", "", "R$ 30"),
        ("Corte", "R$ 60", "R$ 50"),
    ]
    assert blocks[-1] == Paragraph(text="Aceitamos Pix.")


def test_what_a_stated_answer_crosses_out_without_an_end_ends_with_its_block() -> None:
    stated = ANSWERED.replace("com <b>5%</b>", "com <s>3%").replace("de desconto", "")

    blocks = read("<p>Fale conosco.", head=stated)

    assert [block.text for block in blocks if isinstance(block, Paragraph)] == [
        "Sim, com",
        "Só à vista.",
        "Fale conosco.",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<s>velho <!-- <s> --> <div>R$ 99 antigo</div> fim</s>",
        "<s>R$ 99 <script>t='<s>'</script><p>R$ 88 velho</p></s>",
        "<del>R$ 99 <del-icon><p>R$ 98 velho</p></del>",
        "<s>R$ 99 <!--> <!---> <!-- <s> --!> <p>R$ 88 velho</p></s>",
        "<s>R$ 99 <TITLE><s></titles><s></Title ><p>R$ 88 velho</p></s>",
        "<s>R$ 99 <template><template></template><s></template><p>R$ 88 velho</p></s>",
        "<s>R$ 99 <b title='<s>' lang=\"<s>\" class = <s>x</b><p>R$ 88 velho</p></s>",
        '<s>R$ 99 <b title">x</b><p>R$ 88 velho</p></s><b title">',
        "<s>R$ 99 <?php '<s' ?><p>R$ 88 velho</p></s>",
    ],
)
def test_what_only_looks_like_a_tag_begins_nothing_crossed_out(body: str) -> None:
    assert read(f"{body}<p>resto</p>") == (Paragraph(text="resto"),)


@pytest.mark.parametrize(
    "body",
    [
        "<p><s>R$ 99 <!-- <div> --> a</p><p>resto</p>",
        "<p><s title='de <p>'>R$ 99</p><p>resto</p>",
        "<p><s>R$ 99 <b title='</s>'>x</b></p><p>resto</p>",
        "<p><s>R$ 99 <!-- </s> --></p><p>resto</p>",
        "<p><s>R$ 99 <script>'</s>'</script></p><p>resto</p>",
        "<p><s\ntitle='a > b'>R$ 99</p><p>resto</p>",
        "<p><s>R$ 99</p><p>resto</p></s title='>",
    ],
)
def test_what_only_looks_like_a_tag_ends_nothing_crossed_out(body: str) -> None:
    assert read(body) == (Paragraph(text="resto"),)


@pytest.mark.parametrize(
    "part",
    [
        *("<s", "<s>", "<s ", "<p><s>", "</s>", "<s><p", "<!--", "<!", '<s title="', "<s title='"),
        *("<s a= ", "<script>", "<script ", "<title></titl", "<template>"),
    ],
)
def test_a_page_of_tags_without_an_end_takes_no_minute(part: str) -> None:
    began = time.monotonic()

    html.extract(f"<p>Preço</p>{part * 100_000}".encode())

    assert time.monotonic() - began < 10


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
