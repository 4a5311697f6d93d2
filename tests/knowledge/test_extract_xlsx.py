from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from knowledge.extract import number_format, xlsx
from knowledge.types import Heading, Paragraph, Problem, Row, Unreadable
from tests.knowledge.office import packed, saved


def book(*rows: tuple[object, ...], title: str = "Preços") -> tuple[openpyxl.Workbook, Worksheet]:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    for row in rows:
        sheet.append(row)
    return workbook, sheet


def test_a_sheet_is_a_title_and_its_rows_have_the_names_of_their_columns() -> None:
    workbook, _ = book(("Item", "Valor"), ("Corte", 50), ("Barba", 32.5))

    assert xlsx.extract(saved(workbook)).blocks == (
        Heading(level=1, text="Preços"),
        Row(columns=("Item", "Valor"), cells=("Corte", "50,00")),
        Row(columns=("Item", "Valor"), cells=("Barba", "32,50")),
    )


@pytest.mark.parametrize("name", ["Preço kg", "Valor kg", "valor_venda_kg"])
def test_what_a_kilogram_costs_gets_cents(name: str) -> None:
    workbook, _ = book(("Corte", name, "Peso kg"), ("Fraldinha", 59, 2), ("Picanha", 89.9, 1.5))

    row = xlsx.extract(saved(workbook)).blocks[-1]

    assert isinstance(row, Row)
    assert row.cells == ("Picanha", "89,90", "1,5")


@pytest.mark.parametrize("name", ["Valor de referência", "Valor energético kcal"])
def test_what_is_no_price_gets_no_cents(name: str) -> None:
    workbook, _ = book(("Item", name), ("Glicose", 99))

    row = xlsx.extract(saved(workbook)).blocks[-1]

    assert row == Row(columns=("Item", name), cells=("Glicose", "99"))


def test_values_are_shown_as_people_write_them() -> None:
    workbook, sheet = book(("Nome", "A", "B", "C", "D", "E"))
    half_past_two = datetime(2026, 3, 2, 14, 30)  # noqa: DTZ001 - a workbook's dates have no zone
    sheet.append(("x", 1234.5, 0.075, date(2026, 3, 2), half_past_two, time(8, 0)))
    for column, code in ((2, '"R$" #,##0.00'), (3, "0.0%"), (4, "dd/mm/yyyy")):
        sheet.cell(2, column).number_format = code
    sheet.append(("y", True, "texto", None, None, None))

    rows = [b for b in xlsx.extract(saved(workbook)).blocks if isinstance(b, Row)]

    assert rows[0].cells == (
        "x", "R$ 1.234,50", "7,5%", "02/03/2026", "02/03/2026 14:30", "08:00"
    )  # fmt: skip
    assert rows[1].cells[:3] == ("y", "sim", "texto")


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (55.0, "General", "55"),
        (0.1 + 0.2, "General", "0,3"),
        (1e7, "#,##0", "10.000.000"),
        (9.995, "0.00", "10,00"),
        (-12.5, "#,##0.00;[Red](#,##0.00)", "-12,50"),
        (0, '"R$"#,##0.00;-"R$"#,##0.00;"Grátis"', "Grátis"),
        (0, '_-"R$" * #,##0.00_-;-"R$" * #,##0.00_-;_-"R$" * "-"??_-;_-@_-', "R$ 0,00"),
        (220, "[$R$-416] #,##0.00", "R$ 220,00"),
        (12.5, "[$$-409]#,##0.00", "US$ 12,50"),
        (3.5, '0.0#" kg"', "3,5 kg"),
        (7, "000", "007"),
        (20040020, "00000\\-000", "20040-020"),
        (11999990000, "\\(00\\)\\ 00000\\-0000", "(11) 99999-0000"),
        (46083, "[$-416]mmmm\\-yy;@", "03/2026"),
        (46083, "d/m", "02/03"),
        (46083, "dddd", "segunda-feira"),
        (0.604166667, "h:mm AM/PM", "14:30"),
        (1.5, "[h]:mm", "36:00"),
        (1e300, "dd/mm/yyyy", "1e+300"),
        (5, "@", "5"),
        (1e27, "0.00", "1e+27"),
        (1e300, "0%%%%%%%%", "1e+316%%%%%%%%"),
        (1234567, "#,##0,", "1.235"),
        (1234567, '0.0,," mi"', "1,2 mi"),
        (1234567, "0,.0%", "123456,7%"),
        (1234567, "#,##0.00", "1.234.567,00"),
    ],
)
def test_formats(value: float, code: str, shown: str) -> None:
    assert number_format.shown(value, code) == shown


def test_merged_cells_are_filled_down_and_titles_stay_above_the_table() -> None:
    workbook, sheet = book(
        ("Tabela 2026", None, None),
        (None, None, None),
        ("Setor", "Item", "Valor"),
        ("Estética", "Peeling", 90),
        (None, "Limpeza", 80),
        (None, None, None),
        ("Vale até junho", None, None),
    )
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A4:A5")

    blocks = xlsx.extract(saved(workbook)).blocks

    assert blocks[1] == Heading(level=2, text="Tabela 2026")
    assert [b.cells for b in blocks if isinstance(b, Row)] == [
        ("Estética", "Peeling", "90,00"),
        ("Estética", "Limpeza", "80,00"),
    ]
    assert blocks[-1] == Paragraph(text="Vale até junho")


def test_names_over_several_columns_are_part_of_each_name() -> None:
    workbook, sheet = book(
        ("Serviço", "Particular", None), (None, "À vista", "Parcelado"), ("Canal", 780, 900)
    )
    sheet.merge_cells("B1:C1")
    sheet.merge_cells("A1:A2")

    (row,) = (b for b in xlsx.extract(saved(workbook)).blocks if isinstance(b, Row))

    assert row.columns == ("Serviço", "Particular À vista", "Particular Parcelado")


def test_a_second_table_has_names_of_its_own() -> None:
    workbook, sheet = book(
        ("Item", "Valor"), ("Corte", 50), (None, None), ("Nome", "Função"), ("Ana", "Gerente")
    )
    for place in ("A1", "B1", "A4", "B4"):
        sheet[place].font = Font(bold=True)

    rows = [b for b in xlsx.extract(saved(workbook)).blocks if isinstance(b, Row)]

    assert rows[-1] == Row(columns=("Nome", "Função"), cells=("Ana", "Gerente"))


def test_what_its_writer_has_hidden_is_not_read() -> None:
    workbook, sheet = book(("Item", "Valor", "Custo"), ("Corte", 50, 20), ("Teste", 1, 1))
    sheet.column_dimensions["C"].hidden = True
    sheet.row_dimensions[3].hidden = True
    workbook.create_sheet("Margens")["A1"] = "segredo"
    workbook["Margens"].sheet_state = "hidden"

    extracted = xlsx.extract(saved(workbook))

    assert extracted.blocks[1:] == (Row(columns=("Item", "Valor"), cells=("Corte", "50,00")),)
    assert (extracted.hidden_sheets, extracted.n_hidden) == (("Margens",), 2)


def test_what_is_crossed_out_is_not_read() -> None:
    workbook, sheet = book(("Item", "Antes", "Valor"), ("Corte", 99, 50), ("Barba", 40, 30))
    for place in ("B2", "B3"):
        sheet[place].font = Font(strike=True)
    struck = TextBlock(InlineFont(strike=True), "até maio ")
    sheet["A4"] = CellRichText("Vale ", struck, TextBlock(InlineFont(), "até junho"))

    blocks = xlsx.extract(saved(workbook)).blocks

    assert [b.cells for b in blocks if isinstance(b, Row)] == [
        ("Corte", "", "50,00"),
        ("Barba", "", "30,00"),
    ]
    assert blocks[-1] == Paragraph(text="Vale até junho")


@pytest.mark.parametrize(("string", "shown"), [(0, "Total"), (1, "Corte")])
def test_a_formula_is_its_last_result_and_a_text_what_is_not_crossed_out_in_it(
    string: int, shown: str
) -> None:
    sheet = (
        f'<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>{string}</v></c>'
        '<c r="B1"><f>1+2</f><v>3</v></c><c r="C1" t="e"><v>#REF!</v></c></row>'
        "</sheetData></worksheet>"
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    content = packed(
        {
            "xl/workbook.xml": f'<workbook xmlns:r="{relation}"><sheets>'
            '<sheet name="S" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": "<Relationships>"
            f'<Relationship Id="r1" Type="{relation}/worksheet" Target="sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{relation}/sharedStrings" Target="strings.xml"/>'
            "</Relationships>",
            "xl/strings.xml": "<sst><si><r><rPr><strike/></rPr><t>Soma</t></r>"
            '<r><rPr><strike val="0"/></rPr><t>Total</t></r>'
            "<r><rPr><strike/></rPr><t>!</t></r></si><si><t>Corte</t></si></sst>",
            "xl/sheet1.xml": sheet,
        }
    )

    assert xlsx.extract(content).blocks[1:] == (Row(columns=(), cells=(shown, "3")),)


def test_a_sign_that_is_no_number_does_not_fail_the_book() -> None:
    workbook, _ = book(("Item", "Valor"), ("Corte", 50))
    with zipfile.ZipFile(io.BytesIO(saved(workbook))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'<row r="2"', '<row r="²"'.encode())

    row = xlsx.extract(packed(parts)).blocks[-1]

    assert row == Row(columns=("Item", "Valor"), cells=("Corte", "50,00"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"PK\x03\x04", Problem.XLSX_DAMAGED, id="no archive"),
        pytest.param(packed({"a.txt": "x"}), Problem.XLSX_DAMAGED, id="another archive"),
        pytest.param(saved(book()[0]), Problem.NO_TEXT, id="nothing in it"),
        pytest.param(
            packed(
                {"xl/workbook.xml": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a/>'}
            ),
            Problem.XLSX_DAMAGED,
            id="external entity",
        ),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, problem: Problem) -> None:
    with pytest.raises(Unreadable) as refused:
        xlsx.extract(content)

    assert refused.value.problem is problem


def test_an_endless_table_is_refused() -> None:
    content = saved(book(("a", "b"), *(("x", n) for n in range(20_001)))[0])

    with pytest.raises(Unreadable) as refused:
        xlsx.extract(content)

    assert refused.value.problem is Problem.TOO_LONG
