from __future__ import annotations

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.shared import Pt

from knowledge.extract import docx as reading
from knowledge.types import Heading, Paragraph, Problem, Row, Unreadable
from tests.knowledge.office import packed, saved, word


def test_titles_paragraphs_lists_and_tables_come_in_order() -> None:
    document = docx.Document()
    document.add_heading("Manual", 0)
    document.add_paragraph("Vale em 2026.")
    document.add_heading("Preços", 1)
    table = document.add_table(rows=3, cols=2)
    for row, cells in enumerate((("Item", "Valor"), ("Corte", "50,00"), ("Barba", "30,00"))):
        for column, words in enumerate(cells):
            table.cell(row, column).text = words
    document.add_heading("Passos", 2)
    document.add_paragraph("Ligue", style="List Number")
    document.add_paragraph("Agende", style="List Number")
    document.add_paragraph("Sem pressa", style="List Bullet")

    assert reading.extract(saved(document)).blocks == (
        Heading(level=1, text="Manual"),
        Paragraph(text="Vale em 2026."),
        Heading(level=2, text="Preços"),
        Row(columns=("Item", "Valor"), cells=("Corte", "50,00")),
        Row(columns=("Item", "Valor"), cells=("Barba", "30,00")),
        Heading(level=3, text="Passos"),
        Paragraph(text="1. Ligue"),
        Paragraph(text="2. Agende"),
        Paragraph(text="Sem pressa"),
    )


def test_what_is_not_meant_for_readers_is_left_out() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "CABEÇALHO"
    document.sections[0].footer.paragraphs[0].text = "RODAPÉ"
    paragraph = document.add_paragraph("Aberto às 9h.")
    paragraph.add_run(" margem de 40%").font.hidden = True
    document.add_comment(paragraph.runs, text="COMENTÁRIO", author="a", initials="a")

    assert reading.extract(saved(document)).blocks == (Paragraph(text="Aberto às 9h."),)


def test_what_is_crossed_out_is_not_read() -> None:
    document = docx.Document()
    document.styles.add_style("Antigo", WD_STYLE_TYPE.PARAGRAPH).font.strike = True
    document.add_paragraph("Fechado às 18h.", style="Antigo")
    paragraph = document.add_paragraph("Custa ")
    paragraph.add_run("R$ 99 ").font.strike = True
    run = paragraph.add_run("R$ 80 ")
    run.font.strike, run.font.double_strike = False, True
    run = paragraph.add_run("R$ 70 ")
    run.font.strike, run.font.double_strike = True, False
    run = paragraph.add_run("R$ 50")
    run.font.strike, run.font.double_strike = False, False

    assert reading.extract(saved(document)).blocks == (Paragraph(text="Custa R$ 50"),)


def test_titles_that_only_look_so_are_titles() -> None:
    document = docx.Document()
    document.add_paragraph().add_run("Nosso guia").font.size = Pt(20)
    document.add_paragraph("Um texto comum de várias palavras que conta como se faz tudo por aqui.")
    document.add_paragraph().add_run("Formas de pagamento").bold = True
    document.add_paragraph("Pix, dinheiro e cartão de crédito em até três vezes sem juros.")

    titles = [b.text for b in reading.extract(saved(document)).blocks if isinstance(b, Heading)]

    assert titles == ["Nosso guia", "Formas de pagamento"]


def test_merged_cells_stand_in_each_row() -> None:
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for column, words in enumerate(("Setor", "Item", "Valor")):
        table.cell(0, column).text = words
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Estética"
    for row, (item, price) in enumerate((("Peeling", "90,00"), ("Limpeza", "80,00")), start=1):
        table.cell(row, 1).text, table.cell(row, 2).text = item, price

    blocks = reading.extract(saved(document)).blocks

    assert [b.cells for b in blocks if isinstance(b, Row)] == [
        ("Estética", "Peeling", "90,00"),
        ("Estética", "Limpeza", "80,00"),
    ]


def test_a_table_of_names_and_values_is_read_by_rows() -> None:
    document = docx.Document()
    table = document.add_table(rows=2, cols=2)
    for row, (name, value) in enumerate((("Endereço", "Rua A, 12"), ("Dono", "Ana"))):
        table.cell(row, 0).text, table.cell(row, 1).text = name, value

    assert reading.extract(saved(document)).blocks == (
        Row(columns=("Endereço",), cells=("Rua A, 12",)),
        Row(columns=("Dono",), cells=("Ana",)),
    )


def test_tracked_deletions_and_second_forms_of_drawings_are_not_read() -> None:
    body = (
        "<w:p><w:r><w:t>Custa 50.</w:t></w:r>"
        "<w:del><w:r><w:delText>Custa 40.</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>Movido.</w:t></w:r></w:moveFrom></w:p>"
    )

    assert reading.extract(word(body)).blocks == (Paragraph(text="Custa 50."),)


def test_a_sign_that_is_no_number_does_not_fail_the_document() -> None:
    body = '<w:p><w:pPr><w:outlineLvl w:val="²"/></w:pPr><w:r><w:t>Custa 50.</w:t></w:r></w:p>'

    assert reading.extract(word(body)).blocks == (Paragraph(text="Custa 50."),)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"PK\x03\x04 nothing", Problem.DOCX_DAMAGED, id="no archive"),
        pytest.param(packed({"a.txt": "x"}), Problem.DOCX_DAMAGED, id="another archive"),
        pytest.param(packed({"word/document.xml": "<a/>"}), Problem.DOCX_DAMAGED, id="other XML"),
        pytest.param(word("")[:-30], Problem.DOCX_DAMAGED, id="cut"),
        pytest.param(word(""), Problem.NO_TEXT, id="nothing in it"),
        pytest.param(word("<w:p>"), Problem.DOCX_DAMAGED, id="broken XML"),
        pytest.param(word("<w:p>" * 600), Problem.TOO_COMPLEX, id="deep"),
        pytest.param(
            word("<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", before='<!DOCTYPE d [<!ENTITY x "y">]>'),
            Problem.DOCX_DAMAGED,
            id="entity",
        ),
    ],
)
def test_what_is_no_document_is_refused(content: bytes, problem: Problem) -> None:
    with pytest.raises(Unreadable) as refused:
        reading.extract(content)

    assert refused.value.problem is problem


def test_a_document_that_unpacks_to_much_is_refused() -> None:
    content = word("<w:p><w:r><w:t>" + " " * 61_000_000)

    with pytest.raises(Unreadable) as refused:
        reading.extract(content)

    assert refused.value.problem is Problem.TOO_COMPLEX
