from __future__ import annotations

import time
import zlib
from contextlib import suppress

import pytest

from knowledge.extract import pdf
from knowledge.types import Heading, Paragraph, Problem, Row, Unreadable
from tests.knowledge.pdfs import Put, build, lines, locked, table

BODY = lines(
    "O paciente pode desistir a qualquer momento e paga somente o que foi feito,",
    "com nota fiscal. O restante é devolvido em quinze dias, na mesma forma de paga-",
    "mento, sem taxa.",
    top=650,
)


def test_lines_become_paragraphs_and_broken_words_are_joined() -> None:
    (paragraph,) = pdf.extract(build(BODY)).blocks

    assert isinstance(paragraph, Paragraph)
    assert paragraph.page == 1
    assert paragraph.text.startswith("O paciente pode desistir a qualquer momento e paga somente")
    assert paragraph.text.endswith("na mesma forma de pagamento, sem taxa.")


def test_titles_are_found_by_number_and_by_size() -> None:
    page = [
        Put("Manual do Paciente", y=800, size=22, bold=True),
        Put("4. Contrato", y=720, size=14, bold=True),
        Put("4.1 Desistência", y=690, size=12, bold=True),
        *BODY,
    ]

    blocks = pdf.extract(build(page)).blocks

    titles = [block for block in blocks if isinstance(block, Heading)]
    assert [title.text for title in titles] == [
        "Manual do Paciente",
        "4. Contrato",
        "4.1 Desistência",
    ]
    levels = [title.level for title in titles]
    assert levels == sorted(set(levels))


def test_running_heads_and_page_numbers_are_dropped() -> None:
    pages = [
        [
            Put("Clínica Sorriso, manual v3", y=820, size=8),
            *lines(f"O capítulo {word} diz o que vale para quem é atendido na clínica."),
            Put(f"Página {number} de 4", y=20, size=8),
        ]
        for number, word in enumerate(("um", "dois", "três", "quatro"), start=1)
    ]

    blocks = pdf.extract(build(*pages)).blocks

    assert [block.page for block in blocks] == [1, 2, 3, 4]
    assert not any("manual v3" in block.text for block in blocks if isinstance(block, Paragraph))
    assert not any("Página" in block.text for block in blocks if isinstance(block, Paragraph))


def test_a_table_becomes_rows_with_the_names_of_its_columns() -> None:
    page = [
        *BODY,
        *table(
            ("Procedimento", "De", "Por"),
            ("Limpeza", "R$ 220,00", "R$ 149,00"),
            ("Clareamento", "R$ 790,00", "R$ 640,00"),
            top=500,
        ),
    ]

    blocks = pdf.extract(build(page)).blocks

    assert [block for block in blocks if isinstance(block, Row)] == [
        Row(("Procedimento", "De", "Por"), ("Limpeza", "R$ 220,00", "R$ 149,00"), 1),
        Row(("Procedimento", "De", "Por"), ("Clareamento", "R$ 790,00", "R$ 640,00"), 1),
    ]


def test_a_table_that_goes_on_over_a_page_keeps_its_names() -> None:
    names = ("Item", "Valor")
    first = table(names, ("A", "1,00"), ("B", "2,00"))
    second = table(("C", "3,00"), ("D", "4,00"), ("E", "5,00"))

    blocks = pdf.extract(build(first, second)).blocks

    assert [block.cells[0] for block in blocks if isinstance(block, Row)] == list("ABCDE")
    assert {block.columns for block in blocks if isinstance(block, Row)} == {names}


def test_two_columns_of_text_are_no_table() -> None:
    left = lines("Lave à mão com sabão", "neutro e água fria", "logo depois do uso.", top=600)
    right = lines("Seque à sombra, na", "horizontal, longe de", "secadoras.", top=600, x=320)

    blocks = pdf.extract(build([*left, *right])).blocks

    assert not any(isinstance(block, Row) for block in blocks)
    text = " ".join(block.text for block in blocks if isinstance(block, Paragraph))
    assert text.index("depois do uso") < text.index("Seque à sombra")


def test_a_pdf_of_images_is_refused() -> None:
    page = [Put("Digitalizado com CamScanner", size=6)]

    with pytest.raises(Unreadable) as refused:
        pdf.extract(build(page, page, image_on=(0, 1)))

    assert refused.value.problem is Problem.PDF_IMAGES


def test_pages_of_images_among_others_are_named() -> None:
    extracted = pdf.extract(build(BODY, [], image_on=(1,)))

    assert extracted.unread_pages == (2,)
    assert extracted.blocks


def test_a_password_is_refused_and_an_empty_one_is_not() -> None:
    content = build(BODY)

    with pytest.raises(Unreadable) as refused:
        pdf.extract(locked(content, password="segredo"))

    assert refused.value.problem is Problem.PDF_PASSWORD
    assert pdf.extract(locked(content, password="")).blocks == pdf.extract(content).blocks


def test_a_stream_that_unpacks_to_too_much_is_refused() -> None:
    bomb = zlib.compress(b" " * 60_000_000, 9)
    content = build([Put("x")])
    head, _, tail = content.partition(b"BT")
    at = head.rindex(b"<<")
    end = content.index(b"endstream", at)
    hostile = (
        content[:at]
        + b"<< /Filter /FlateDecode /Length %d >> stream\n" % len(bomb)
        + bomb
        + b"\n"
        + content[end:]
    )
    assert tail

    began = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        pdf.extract(hostile)

    assert refused.value.problem in (Problem.PDF_TOO_COMPLEX, Problem.PDF_DAMAGED)
    assert time.monotonic() - began < 10


def test_too_many_pages_are_refused() -> None:
    content = build(*([[]] * (pdf.MAX_PAGES + 1)))

    with pytest.raises(Unreadable) as refused:
        pdf.extract(content)

    assert refused.value.problem is Problem.PDF_TOO_MANY_PAGES


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_off_pdf_is_read_or_refused(share: float) -> None:
    content = build(BODY)

    with suppress(Unreadable):
        assert pdf.extract(content[: int(len(content) * share)]).blocks


def test_a_pdf_without_any_text_says_so() -> None:
    with pytest.raises(Unreadable) as refused:
        pdf.extract(build([]))

    assert refused.value.problem is Problem.NO_TEXT


def test_a_cover_with_a_logo_is_no_scan() -> None:
    cover = [Put("Obrigado pela visita")]

    extracted = pdf.extract(build(BODY, cover, image_on=(1,), image_size=(90, 90)))

    assert extracted.unread_pages == ()
    assert "Obrigado pela visita" in [
        block.text for block in extracted.blocks if not isinstance(block, Row)
    ]


def test_a_scan_with_a_line_of_its_program_is_one() -> None:
    extracted = pdf.extract(build(BODY, [Put("Digitalizado com Cam")], image_on=(1,)))

    assert extracted.unread_pages == (2,)


def test_rows_that_look_alike_on_every_page_are_kept() -> None:
    pages = [
        [
            Put("Clínica Sol, tabela de 2026", y=800),
            *table(*[(f"Item {10 * page + row}", str(7 * page + 40 + row)) for row in range(8)]),
            Put(f"{page} de 4", y=30),
        ]
        for page in range(1, 5)
    ]

    rows = [block.cells for block in pdf.extract(build(*pages)).blocks if isinstance(block, Row)]

    assert len(rows) == 32
    assert rows[0] == ("Item 10", "47")
    assert rows[-1] == ("Item 47", "75")
