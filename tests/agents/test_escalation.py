"""What goes to a person at once, and what only sounds like it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents.runtime import escalation, prompts
from agents.types import Reason, TranscriptLine

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)


def raised(text: str, *lines: TranscriptLine) -> Reason | None:
    found = escalation.raised(text, transcript=lines, now=NOW)
    return found.reason if found else None


def said(role: str, text: str, *, minutes_ago: float = 5) -> TranscriptLine:
    return TranscriptLine(role, text, NOW - timedelta(minutes=minutes_ago))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "isso é um absurdo",
        "Que absurdo!!! Três dias sem resposta",
        "que falta de respeito com o cliente",
        "péssimo atendimento",
        "o atendimento de vocês é horrível",
        "vocês são uns incompetentes",
        "vcs sao ladroes",
        "bando de palhaço",
        "estou furiosa com isso",
        "to muito irritado",
        "estou com muita raiva",
        "cansei de esperar",
        "isso é golpe, quero meu dinheiro",
        "fui enganada",
        "nunca mais compro aí",
        "que merda de serviço",
        "vai se foder",
        "CADÊ MEU PEDIDO SEUS ENROLADOS!!!",
        "isso virou uma palhaçada",
        "this is ridiculous, I want my money",
    ],
)
def test_anger_goes_to_a_person(text: str) -> None:
    assert raised(text) == Reason.ANGRY


@pytest.mark.parametrize(
    "text",
    [
        "vou no procon",
        "vou acionar o Procon hoje",
        "já abri reclamação no Procon",
        "vou reclamar no Reclame Aqui",
        "vou postar no reclameaqui",
        "meu advogado vai entrar em contato",
        "vou falar com meu advogado",
        "já acionei um advogado",
        "vou processar vocês",
        "vou entrar com um processo contra a loja",
        "vou entrar na justiça",
        "vou procurar o juizado especial",
        "isso dá danos morais",
        "é meu direito, está no código de defesa do consumidor",
        "vou tomar as medidas judiciais cabíveis",
        "vou fazer um BO",
        "vou na delegacia",
        "quero que apaguem todos os meus dados",
        "pela LGPD quero saber que dados vocês têm",
        "quem é o encarregado de dados?",
        "quero uma cópia dos meus dados",
        "I will take legal action",
    ],
)
def test_the_law_goes_to_a_person(text: str) -> None:
    assert raised(text) == Reason.LEGAL


@pytest.mark.parametrize(
    "text",
    [
        "como funciona o processo de clareamento?",
        "qual o processo para trocar uma peça?",
        "quero abrir um processo de troca",
        "sou advogado",
        "sou advogada e trabalho até as 18h, tem horário à noite?",
        "vocês têm desconto para advogados?",
        "minha profissão é advogada",
        "vocês ficam perto do Procon?",
        "fica na rua da Justiça?",
        "qual a nota de vocês no Reclame Aqui?",
        "vi vocês no reclame aqui com nota boa",
        "tem convênio com a polícia militar?",
        "tenho vergonha de perguntar, mas quanto custa?",
        "que vergonha de perguntar isso",
        "vacina da raiva vocês aplicam?",
        "meu cachorro tomou a vacina contra raiva",
        "estou com uma dor horrível no dente",
        "meu dente está péssimo",
        "o preço é um absurdo de bom",
        "a gengiva está irritada",
        "estou muito irritada a gengiva",
        "NÃO SEI SE É AQUI MAS QUERIA SABER O VALOR DA LIMPEZA",
        "OK!!!",
        "quais dados eu preciso levar?",
        "meus dados mudaram, como atualizo meu endereço?",
        "o clareamento é um processo demorado?",
        "posso cancelar a consulta?",
        "quanto custa a limpeza?",
        "vocês são da mesma empresa do shopping?",
        "nunca fiz limpeza, dói?",
        "tem processo seletivo aberto?",
        "adorei o atendimento, parabéns!!!",
        "gostei muito, nunca mais troco de dentista",
        "o contrato é justo",
        "é um golpe de sorte ter achado vocês",
    ],
)
def test_what_only_sounds_like_it_is_answered(text: str) -> None:
    assert raised(text) is None


def test_the_same_question_again_after_an_answer_goes_to_a_person() -> None:
    lines = (said("contact", "qual o preço da limpeza?"), said("agent", "Custa R$ 220,00."))

    assert raised("qual o preço da limpeza??", *lines) == Reason.ASKED_AGAIN
    assert raised("e o preço do clareamento?", *lines) is None


def test_the_same_question_a_day_later_is_answered() -> None:
    lines = (
        said("contact", "qual o preço da limpeza?", minutes_ago=24 * 60),
        said("agent", "Custa R$ 220,00.", minutes_ago=24 * 60),
    )

    assert raised("qual o preço da limpeza?", *lines) is None


def test_the_same_question_that_nobody_has_answered_is_answered() -> None:
    lines = (said("contact", "qual o preço da limpeza?"),)

    assert raised("qual o preço da limpeza?", *lines) is None
    assert raised("qual o preço da limpeza?", *lines, said("person", "Já vejo!")) is None


def test_small_talk_twice_is_small_talk() -> None:
    lines = (said("contact", "bom dia, tudo bem?"), said("agent", "Bom dia!"))

    assert raised("bom dia, tudo bem?", *lines) is None


def test_two_answers_in_a_row_that_were_none_go_to_a_person() -> None:
    none = prompts.render(prompts.PromiseText("pt", "not_found"))
    once = (said("contact", "tem piscina?"), said("agent", none))
    twice = (*once, said("contact", "e sauna?"), said("agent", none))

    assert raised("e academia?", *once) is None
    assert raised("e academia?", *twice) == Reason.FAILED_TWICE


def test_a_long_hostile_text_is_read_in_no_time() -> None:
    began = datetime.now(UTC)

    raised("vocês são " * 2000)
    raised("apagar " * 2000)

    assert datetime.now(UTC) - began < timedelta(seconds=2)
