from __future__ import annotations

import pytest

from knowledge import chunking
from knowledge.types import Block, ChunkKind, Draft, Heading, Paragraph, Problem, Row, Unreadable


def test_a_chunk_knows_the_titles_above_it() -> None:
    blocks: list[Block] = [
        Heading(level=1, text="Guia"),
        Heading(level=2, text="Preços"),
        Paragraph(text="Vale em 2026.", page=3),
        Heading(level=2, text="Aceita Pix?"),
        Paragraph(text="Sim."),
    ]

    assert chunking.cut(blocks, name="guia.md") == [
        Draft("Guia > Preços", "Vale em 2026.", ChunkKind.TEXT, 3),
        Draft("Guia > Aceita Pix?", "Sim.", ChunkKind.FAQ, None),
    ]


def test_without_a_title_the_name_of_the_file_is_one() -> None:
    (draft,) = chunking.cut([Paragraph(text="Oi.")], name="tabela_de-preços.csv")

    assert draft.heading_path == "tabela de preços"


def test_a_title_that_nothing_follows_is_text() -> None:
    blocks: list[Block] = [
        Heading(level=1, text="Guia"),
        Heading(level=2, text="Vale até maio de 2026"),
        Heading(level=2, text="Preços"),
        Paragraph(text="Corte: 50 reais."),
        Heading(level=1, text="Contato: 3555-0140"),
    ]

    drafts = chunking.cut(blocks, name="guia.md")

    assert [(draft.heading_path, draft.body) for draft in drafts] == [
        ("Guia", "Vale até maio de 2026"),
        ("Guia > Preços", "Corte: 50 reais."),
        ("guia", "Contato: 3555-0140"),
    ]


def test_short_neighbours_are_joined_and_long_text_is_cut_between_sentences() -> None:
    short = [Paragraph(text=f"Item {number}.") for number in range(3)]
    sentence = "Esta frase tem umas cinquenta letras, mais ou menos."
    long = Paragraph(text=" ".join([f"{number} {sentence}" for number in range(20)]))

    drafts = chunking.cut([*short, Heading(1, "Longo"), long], name="a.txt")

    assert drafts[0].body == "Item 0.\nItem 1.\nItem 2."
    assert len(drafts) > 2
    assert all(draft.body.endswith("menos.") for draft in drafts[1:])
    assert all(len(draft.body) <= chunking.MAX_BODY for draft in drafts)


def test_a_word_without_end_is_cut_anywhere_and_repeats_are_dropped() -> None:
    drafts = chunking.cut([Paragraph(text="x" * 100_000)], name="a.txt")

    assert [len(draft.body) for draft in drafts] == [450, 100_000 % 450]


def test_a_row_is_a_sentence_and_stands_alone() -> None:
    row = Row(
        columns=("procedimento", "valor_particular", "valor_parcelado", "duracao_min", "obs"),
        cells=("Limpeza completa", "220,00", "2x 110,00", "50", ""),
    )

    drafts = chunking.cut([row, row, Paragraph(text="Nota.")], name="precos.csv")

    assert [draft.body for draft in drafts] == [
        "procedimento: Limpeza completa; valor particular: R$ 220,00; "
        "valor parcelado: 2x R$ 110,00; duracao min: 50",
        "Nota.",
    ]
    assert drafts[0].kind is ChunkKind.ROW


def test_a_very_wide_row_repeats_its_first_value() -> None:
    cells = ("Plano Ouro", *(f"cobre o item de número {number}" for number in range(40)))
    columns = ("plano", *(f"cobertura {number}" for number in range(40)))

    drafts = chunking.cut([Row(columns=columns, cells=cells)], name="planos.csv")

    assert len(drafts) > 2
    assert all(draft.body.startswith("plano: Plano Ouro; ") for draft in drafts)
    assert all(len(draft.body) <= chunking.MAX_BODY for draft in drafts)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("valor", "220,00", "R$ 220,00"),
        ("Preço", "1.690,00", "R$ 1.690,00"),
        ("price", "19.90", "R$ 19.90"),
        ("mensalidade", "R$ 150,00", "R$ 150,00"),
        ("valor_parcelado", "à vista", "à vista"),
        ("valor parcelado", "3x 80,00 ou 12x 22,50", "3x R$ 80,00 ou 12x R$ 22,50"),
        ("taxa", "2,50%", "2,50%"),
        ("taxa (%)", "2,50", "2,50"),
        ("preço em USD", "10,00", "10,00"),
        ("duração", "1,50", "1,50"),
        ("valor", "12/05/2026", "12/05/2026"),
        ("valor", "50", "50"),
        ("valorizado", "1,00", "1,00"),
        ("Valor de referência", "70,00 a 99,00", "70,00 a 99,00"),
        ("Valor energético kcal", "120,00", "120,00"),
        ("Valores nutricionais", "1,20", "1,20"),
        ("Valor (mg/dL)", "70,00", "70,00"),
        ("Taxa de juros ao mês", "2,99", "2,99"),
        ("Taxa de ocupação", "70,00", "70,00"),
        ("Taxa de conversão", "1,50", "1,50"),
        ("Frete (kg)", "1,20", "1,20"),
        ("Preço por kg", "12,50", "R$ 12,50"),
        ("Preço (kg)", "12,50", "R$ 12,50"),
        ("Preço kg", "39,90", "R$ 39,90"),
        ("Valor kg", "39,90", "R$ 39,90"),
        ("valor_venda_kg", "39,90", "R$ 39,90"),
        ("Frete km", "1,20", "R$ 1,20"),
        ("Valor (kg)", "1,20", "1,20"),
        ("Valor kg/m²", "1,20", "1,20"),
        ("Valor do peso kg", "1,20", "1,20"),
        ("Valor kcal", "120,00", "120,00"),
        ("Peso kg", "1,20", "1,20"),
        ("Taxa %", "2,50", "2,50"),
        ("Valor de referência (R$)", "12,50", "R$ 12,50"),
        ("Parcela com juros", "12,50", "R$ 12,50"),
        ("Frete", "12,50", "R$ 12,50"),
        ("Frete por kg", "12,50", "R$ 12,50"),
        ("Custo/km", "12,50", "R$ 12,50"),
        ("Taxa de entrega até 3 km", "12,50", "R$ 12,50"),
    ],
)
def test_amounts_are_shown_as_money_where_the_column_says_so(
    column: str, value: str, shown: str
) -> None:
    (draft,) = chunking.cut([Row(columns=(column,), cells=(value,))], name="a.csv")

    assert draft.body == f"{column.replace('_', ' ')}: {shown}"


def test_what_is_embedded_has_two_titles_in_lower_case() -> None:
    draft = Draft("Guia > Preços > Corte", "R$ 50,00", ChunkKind.TEXT, None)

    assert chunking.embedding_text(draft) == "preços > corte. r$ 50,00"


def test_too_many_chunks_and_none_are_refused() -> None:
    rows = [Row(columns=("a",), cells=(str(number),)) for number in range(chunking.MAX_CHUNKS + 1)]

    with pytest.raises(Unreadable) as too_many:
        chunking.cut(rows, name="a.csv")
    with pytest.raises(Unreadable) as none:
        chunking.cut([], name="a.csv")

    assert too_many.value.problem is Problem.TOO_LONG
    assert none.value.problem is Problem.NO_TEXT
