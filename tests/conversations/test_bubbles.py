"""A long answer as a few messages."""

from __future__ import annotations

import pytest

from conversations import bubbles

SENTENCE = "Esta frase tem um tamanho que não é nada fora do comum. "
LONG = (SENTENCE * 8 + "\n\n" + SENTENCE * 8).strip()


def bare(text: str) -> str:
    return "".join(text.split())


def test_a_short_answer_stays_one() -> None:
    assert bubbles.split("Olá!\n\nTudo bem?", target=600) == ["Olá!\n\nTudo bem?"]


def test_zero_divides_nothing() -> None:
    assert bubbles.split(LONG, target=0) == [LONG]


def test_parts_end_where_paragraphs_do() -> None:
    parts = bubbles.split(LONG, target=600)

    assert parts == [(SENTENCE * 8).strip()] * 2


@pytest.mark.parametrize("target", [280, 400, 600, 1000])
@pytest.mark.parametrize("n", [8, 20, 60])
def test_nothing_is_lost_and_there_are_few_and_even_ones(target: int, n: int) -> None:
    text = (SENTENCE * n).strip()
    parts = bubbles.split(text, target=target)

    assert bare("".join(parts)) == bare(text)
    assert len(parts) <= bubbles.MOST
    assert all(len(part) >= bubbles.LEAST_CHARS for part in parts)
    assert all(part.endswith(".") for part in parts)


def test_a_list_stays_with_what_announces_it() -> None:
    intro, outro = SENTENCE * 6, SENTENCE * 6
    text = f"{intro}\n\nTemos:\n\n- limpeza\n\n- canal\n\n{outro}"

    parts = bubbles.split(text, target=400)

    assert any("Temos:\n\n- limpeza\n\n- canal" in part for part in parts)


def test_a_block_of_code_stays_whole() -> None:
    code = "```\n" + "linha um\n\n" * 60 + "```"

    parts = bubbles.split(f"{SENTENCE * 6}\n\n{code}\n\n{SENTENCE * 6}", target=300)

    assert any(code in part for part in parts)


def test_a_short_rest_joins_the_last_part() -> None:
    assert bubbles.split(LONG + "\n\nAté logo!", target=600)[-1].endswith("Até logo!")
    assert len(bubbles.split(LONG + "\n\nAté logo!", target=600)) == 2


def test_an_abbreviation_of_money_is_no_end() -> None:
    text = SENTENCE * 6 + "Custa R$ 1.250,00 à vista. " + SENTENCE * 6

    assert any("R$ 1.250,00 à vista." in part for part in bubbles.split(text, target=300))


@pytest.mark.parametrize(
    "text",
    [
        "O *prazo de entrega é de cinco dias úteis.* Depois disso, cobramos multa de quem atrasou.",
        "A tabela está no site (na última página.) Ela vale somente até o fim do mês de março.",
        "Na hora ele respondeu: “Está bem, eu vou sim.” Depois, desligou o telefone e não voltou.",
    ],
)
def test_what_closes_a_sentence_stays_with_it(text: str) -> None:
    assert " ".join(bubbles.split(text, target=50)) == text
    assert len(bubbles.split(text, target=50)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Atendemos no centro da cidade, perto do metrô, na Av. Paulista, 1000. {} ",
        "Quem atende neste dia e neste horário é a nossa Dra. Ana, no 2º andar. {} ",
        "Para marcar pela internet, siga estes dois passos: 1. Abra o site, 2. Escolha o dia. {} ",
        "Preste bastante atenção nisto: *não abrimos. Nem amanhã, nem depois.* {} ",
    ],
)
def test_a_part_does_not_end_within_a_sentence_or_in_bold(text: str) -> None:
    end = "Se ficar alguma dúvida, é só escrever para nós."
    first = text.format("").strip()

    assert bubbles.split(text.format(end), target=60) == [first, end]


def test_a_star_that_makes_nothing_bold_holds_no_answer_together() -> None:
    text = "O sofá retrátil mede 2*3 metros quando está aberto."
    end = "Se ficar alguma dúvida, é só escrever para nós."

    assert bubbles.split(f"{text} {end}", target=60) == [text, end]


def test_typing_takes_a_natural_while() -> None:
    assert bubbles.typing_s("Oi") == bubbles.LEAST_S
    assert bubbles.LEAST_S < bubbles.typing_s("x" * 80) < bubbles.MOST_S
    assert bubbles.typing_s("x" * 4000) == bubbles.MOST_S
