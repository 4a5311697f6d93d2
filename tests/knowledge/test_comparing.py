from __future__ import annotations

import pytest

from knowledge import comparing
from knowledge.comparing import Difference, Relation, Side
from knowledge.types import ChunkKind


def row(body: str) -> Side:
    return comparing.prepare(title="", body=body, kind=ChunkKind.ROW)


def said(body: str) -> Side:
    return comparing.prepare(title="", body=body, kind=ChunkKind.TEXT)


LIST = (
    "codigo: C001; procedimento: Limpeza completa (profilaxia); valor: R$ 220,00;"
    " parcelado: 2x R$ 110,00"
)


@pytest.mark.parametrize(
    ("one", "other", "values", "others"),
    [
        pytest.param(
            row(LIST),
            row("Procedimento: Limpeza completa; De: R$ 220,00; Por: R$ 149,00"),
            ("R$ 220,00",),
            ("R$ 149,00",),
            id="promotion against list price",
        ),
        pytest.param(
            row(LIST),
            row(LIST.replace("220,00", "250,00")),
            ("R$ 220,00",),
            ("R$ 250,00",),
            id="same row key",
        ),
        pytest.param(
            row("nome: Plano trimestral; preco: 89,90"),
            said("O plano trimestral da academia sai por R$ 99,90 por mês."),
            ("89,90",),
            ("R$ 99,90",),
            id="row against sentence",
        ),
        pytest.param(
            said("Aos sábados a loja da Trindade abre das 9h às 13h."),
            said("A loja da Trindade abre aos sábados das 9h às 14h."),
            ("13h",),
            ("14h",),
            id="times of day",
        ),
        pytest.param(
            said("O prazo para troca de peças sem uso é de 30 dias corridos."),
            said("O prazo para troca de peças sem uso é de 7 dias corridos."),
            ("30 dias",),
            ("7 dias",),
            id="durations",
        ),
        pytest.param(
            said("A matrícula para novos alunos encerra em 10 de dezembro."),
            said("A matrícula para novos alunos encerra em 15/12."),
            ("10 de dezembro",),
            ("15/12",),
            id="dates",
        ),
    ],
)
def test_different_values_of_the_same_are_a_contradiction(
    one: Side, other: Side, values: tuple[str, ...], others: tuple[str, ...]
) -> None:
    found = comparing.compare(one, other)

    assert found is not None
    assert found.relation is Relation.CONTRADICTION
    assert (found.values, found.other_values) == (values, others)
    back = comparing.compare(other, one)
    assert back is not None
    assert (back.values, back.other_values) == (others, values)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(row(LIST), row(LIST.replace("C001", "C002").replace("220", "9")), id="codes"),
        pytest.param(
            row("item: Canal de molar (2 raízes); valor: R$ 900,00"),
            row("procedimento: Canal de molar (3 raízes); preco: R$ 1.290,00"),
            id="details in brackets",
        ),
        pytest.param(
            row("regiao: Sul; modalidade: Econômico; valor: R$ 14,90"),
            row("regiao: Sul; modalidade: Expresso; valor: R$ 24,90"),
            id="another part of the key",
        ),
        pytest.param(
            row("turma: Integral completo; dias: 2 dias por semana; valor: R$ 400,00"),
            row("turma: Integral completo; dias: 3 dias por semana; valor: R$ 520,00"),
            id="a duration that is part of the key",
        ),
        pytest.param(
            row("procedimento: Limpeza completa; valor: R$ 1.220,00"),
            row("procedimento: Limpeza completa; valor: R$ 1220"),
            id="the same price in another form",
        ),
        pytest.param(
            said("A mensalidade do Infantil vence no dia 5 e custa R$ 900,00."),
            said("A mensalidade do Ensino Médio vence no dia 5 e custa R$ 1.400,00."),
            id="another subject of the same form",
        ),
        pytest.param(
            said("A unidade Cambuí abre das 8h às 18h."),
            said("A unidade Taquaral abre das 8h às 12h."),
            id="another unit",
        ),
        pytest.param(said("Abre às 8h."), said("Fecha às 18h."), id="too short"),
        pytest.param(
            said("Aceitamos cartão em até 6x."), said("Aceitamos Pix e dinheiro."), id="no values"
        ),
    ],
)
def test_what_only_looks_alike_raises_no_alarm(one: Side, other: Side) -> None:
    assert comparing.compare(one, other) is None
    assert comparing.compare(other, one) is None


def test_the_same_text_twice_is_a_duplicate() -> None:
    body = "A retirada na loja é gratuita e o pedido fica pronto em 2 dias depois do pagamento."

    found = comparing.compare(said(body), said(body.replace("depois", "após").upper()))

    assert found is None or found.relation is Relation.DUPLICATE
    assert comparing.compare(said(body), said(body)) == Difference(Relation.DUPLICATE, subject=body)


def test_a_value_is_shown_as_it_was_written() -> None:
    found = comparing.values(
        "De R$ 1.490,00 por 990 reais, 10% no Pix, até 31/03 às 19h30, 3 meses"
    )

    assert [(one.kind.value, one.normal) for one in found] == [
        ("price", "1490.00"),
        ("price", "990.00"),
        ("share", "10.00"),
        ("date", "31/03"),
        ("time", "19:30"),
        ("duration", "3m"),
    ]
    assert found[0].written == "R$ 1.490,00"


def test_a_fingerprint_does_not_depend_on_who_was_first() -> None:
    one, other = ("a", "Texto  um"), ("b", "texto dois")
    name = comparing.fingerprint(Relation.DUPLICATE, one, other)

    assert name == comparing.fingerprint(Relation.DUPLICATE, other, ("a", "TEXTO um"))
    assert name != comparing.fingerprint(Relation.DUPLICATE, one, ("b", "texto três"))
